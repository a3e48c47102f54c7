"""One look at the whole photo: brightness and colours of large areas, from its thumbnail.

A reflection lies over large areas, and how much light of a place is its own is told by the whole: where blacks are grey, where
shapes do not go on. A tile shows too little of that. So a small network of three levels sees the thumbnail and gives a line
gain * photo + offset, channel by channel, for every 4 px of it; the app moves the low frequencies of the restored photo to what these
lines make of the thumbnail, less far where they make something else of its mirror image (docs/pack-format.md, "Overview").
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .vae import Block, conv3, levels

SQUARE = 4  # px of the thumbnail that share a line


class Overview(nn.Module):
    """thumb [B, 3, S, S] in -1..1, S a multiple of 16 -> what it was before the damage, the same shape, not clamped."""

    def __init__(self, c: dict):
        super().__init__()
        w, n = c["widths"], c["blocks"]
        self.stem = nn.Conv2d(3, w[0], 2 * SQUARE, stride=SQUARE, padding=SQUARE // 2)
        self.before = nn.ModuleList(nn.ModuleList(Block(w[level]) for _ in range(n[level])) for level in range(3))
        self.down = nn.ModuleList(conv3(w[level], w[level + 1], stride=2) for level in range(2))
        self.up = nn.ModuleList(nn.Conv2d(w[level + 1], 4 * w[level], 1) for level in range(2))
        self.after = nn.ModuleList(nn.ModuleList([Block(w[level])]) for level in range(2))
        self.out = conv3(w[0], 6)

    def forward(self, thumb: Tensor) -> Tensor:
        lines = F.interpolate(self.out(levels(self, self.stem(thumb))), scale_factor=SQUARE, mode="bilinear", align_corners=False)
        gain, offset = lines.chunk(2, 1)
        return thumb + gain * (thumb + 1) + offset  # gains are of light above black


def overviews(c: dict) -> nn.ModuleDict:
    """One network for each task of the configuration."""
    return nn.ModuleDict({task: Overview(c) for task in c["tasks"]})


def low(x: Tensor, sigma: float) -> Tensor:
    """[B, C, S, S] blurred with a Gaussian of `sigma` px, its weights cut at 3 sigma and at the edges, as the app's are."""
    reach = min(x.shape[-1] - 1, math.ceil(3 * sigma))
    at = x.new_tensor(range(-reach, reach + 1))
    weights = (-(at**2) / (2 * sigma**2)).exp()
    for shape in ((1, 1, -1, 1), (1, 1, 1, -1)):
        kernel, pad = weights.view(shape), [reach * (n != 1) for n in shape[2:]]
        wide = x.flatten(0, 1)[:, None]
        total = F.conv2d(wide.new_ones(1, 1, *wide.shape[2:]), kernel, padding=pad)
        x = (F.conv2d(wide, kernel, padding=pad) / total).view_as(x)
    return x


def look(net: nn.Module, thumb: Tensor, doubt: float) -> tuple[Tensor, Tensor]:
    """Mean of what the network makes of thumbnail and mirror image [B, 3, S, S], and how far both agree [B, 1, 1, 1], above 0 to 1:
    M / (M + doubt * D), M the mean square of what their mean changes, D that of half their difference (`workers/pipeline/overview.ts`)."""
    one, other = net(thumb).clamp(-1, 1), net(thumb.flip(3)).flip(3).clamp(-1, 1)
    mean = (one + other) / 2
    moved, apart = ((v.square().mean((1, 2, 3), keepdim=True)) for v in (mean - thumb, (one - other) / 2))
    return mean, torch.where(moved > 0, moved / (moved + doubt * apart), 1.0)


def held(restored: Tensor, picture: Tensor, share: Tensor, sigma: float) -> Tensor:
    """[B, 3, H, W], its low frequencies moved by `share` [B, 1, 1, 1] of the way to those of picture [B, 3, S, S], both in -1..1. In two moves, the
    second of what is left: what a move drives beyond white or black is lost to the first one (`workers/pipeline/anchor.ts`)."""
    picture, step = picture.clamp(-1, 1), 1 - (1 - share).sqrt()
    for _ in range(2):
        restored = restored.clamp(-1, 1)
        moved = low(picture - F.interpolate(restored, picture.shape[2:], mode="area"), sigma)
        restored = restored + step * F.interpolate(moved, restored.shape[2:], mode="bilinear", align_corners=False)
    return restored
