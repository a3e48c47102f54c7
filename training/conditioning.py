"""Task and whole-photo conditioning, and packing of latents into tokens."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def pack(z: Tensor) -> Tensor:
    """[B, C, 2h, 2w] -> tokens [B, h w, 4C], feature index 4c + 2dy + dx, row-major tokens."""
    return F.pixel_unshuffle(z, 2).flatten(2).transpose(1, 2)


def unpack(tokens: Tensor, h: int, w: int) -> Tensor:
    """Inverse of `pack` for a token grid of h rows and w columns."""
    return F.pixel_shuffle(tokens.transpose(1, 2).unflatten(2, (h, w)), 2)


def position_ids(text: int, h: int, w: int, spacing=(1.0, 1.0), offset=(0.0, 0.0)) -> Tensor:
    """[text + h w, 3]: zeros for text, (0, row, col) for image. Spacing and offset jitter in training."""
    ids = torch.zeros(text + h * w, 3, dtype=torch.float64)
    rows = torch.arange(h).double() * spacing[0] + offset[0]
    cols = torch.arange(w).double() * spacing[1] + offset[1]
    ids[text:, 1] = rows.repeat_interleave(w)
    ids[text:, 2] = cols.repeat(h)
    return ids


class Conditioning(nn.Module):
    """Task index and thumbnail latents -> text tokens [B, 20, 128] and vector y [B, 128]."""

    def __init__(self, tasks: int, task_tokens: int, thumb_tokens: int, token_dim: int, dim: int):
        super().__init__()
        self.task_tokens = nn.Parameter(torch.randn(tasks, task_tokens, dim) * 0.5)
        self.task_vec = nn.Parameter(torch.randn(tasks, dim) * 0.5)
        self.thumb_in = nn.Linear(token_dim, dim)
        self.thumb_pos = nn.Parameter(torch.randn(thumb_tokens, dim) * 0.1)
        self.thumb_vec = nn.Sequential(nn.Linear(token_dim, dim), nn.SiLU(), nn.Linear(dim, dim))

    def forward(self, task: Tensor, thumb_z: Tensor) -> tuple[Tensor, Tensor]:
        """task [B] long, thumb_z [B, 16, 8, 8] -> txt0 [B, 4 + 16, 128], y [B, 128]."""
        tokens = pack(thumb_z)
        txt = torch.cat([self.task_tokens[task], (self.thumb_in(tokens) + self.thumb_pos).float()], 1)
        return txt, self.task_vec[task] + self.thumb_vec(tokens.mean(1)).float()
