"""Which task a photo needs: a small classifier over crops at native resolution and a thumbnail.

Noise, compression and blur show only at native resolution, haze, flare, reflections and low light only in the
whole, so both are seen. Classes are the tasks in their order, then "clean". Trained by `train_auto`.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .vae import SLOPE, Block, conv3


def pool(h: Tensor) -> Tensor:
    """[B, C, H, W] -> [B, 2C]: mean and maximum over space."""
    return torch.cat([h.mean((2, 3)), h.amax((2, 3))], 1)


def stem(width: int) -> nn.Conv2d:
    return nn.Conv2d(3, width, 6, stride=2, padding=2)


class AutoHead(nn.Module):
    """See `forward`. Shares nothing with the restoration model."""

    def __init__(self, c: dict, classes: int):
        super().__init__()
        w = c["widths"]
        self.stem = stem(w[0])
        self.blocks = nn.ModuleList(Block(width) for width in w)
        self.down = nn.ModuleList(conv3(a, b, stride=2) for a, b in zip(w, w[1:]))
        self.thumb = nn.ModuleList([stem(w[0]), *(conv3(a, b, stride=2) for a, b in zip(w, w[1:]))])
        self.thumb_blocks = nn.ModuleList(Block(width) for width in w[1:])
        self.fc1 = nn.Linear(6 * w[-1], 128)
        self.fc2 = nn.Linear(128, classes)

    def forward(self, crops: Tensor, thumb: Tensor) -> Tensor:
        """crops [B, N, 3, crop, crop] and thumb [B, 3, thumb, thumb], RGB in -1..1 -> logits [B, classes]."""
        h = self.stem(crops.flatten(0, 1))
        for n, block in enumerate(self.blocks):
            h = block(self.down[n - 1](h) if n else h)
        each = pool(h).unflatten(0, crops.shape[:2])
        for n, conv in enumerate(self.thumb):
            thumb = F.leaky_relu(conv(thumb), SLOPE)
            if n:
                thumb = self.thumb_blocks[n - 1](thumb)
        whole = torch.cat([each.mean(1), each.amax(1), pool(thumb)], 1)
        return self.fc2(F.leaky_relu(self.fc1(whole), SLOPE))
