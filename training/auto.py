"""Which task a photo needs: a small classifier over crops at native resolution and the thumbnail.

Noise, compression and blur show only at native resolution, haze and low light only in the whole,
so both are seen. Classes are the tasks in their order, then "clean".
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .vae import SLOPE, Block, conv3


def pool(h: Tensor) -> Tensor:
    """[B, C, H, W] -> [B, 2C]: mean and maximum over space."""
    return torch.cat([h.mean((2, 3)), h.amax((2, 3))], 1)


class AutoHead(nn.Module):
    """See `forward`. Trained beside the restoration model and shares nothing with it."""

    def __init__(self, c: dict, classes: int):
        super().__init__()
        w = c["widths"]
        self.stem = nn.Conv2d(3, w[0], 6, stride=2, padding=2)
        self.blocks = nn.ModuleList(Block(width) for width in w)
        self.down = nn.ModuleList(conv3(w[n], w[n + 1], stride=2) for n in range(2))
        self.thumb = nn.ModuleList(
            [nn.Conv2d(3, w[0], 6, stride=2, padding=2), conv3(w[0], w[1], 2), conv3(w[1], w[2], 2)]
        )
        self.fc1 = nn.Linear(6 * w[2], 128)
        self.fc2 = nn.Linear(128, classes)

    def forward(self, crops: Tensor, thumb: Tensor) -> Tensor:
        """crops [B, N, 3, 128, 128] and thumb [B, 3, 64, 64], RGB in -1..1 -> logits [B, classes]."""
        h = self.stem(crops.flatten(0, 1))
        for n, block in enumerate(self.blocks):
            h = block(self.down[n - 1](h) if n else h)
        each = pool(h).unflatten(0, crops.shape[:2])
        for conv in self.thumb:
            thumb = F.leaky_relu(conv(thumb), SLOPE)
        whole = torch.cat([each.mean(1), each.amax(1), pool(thumb)], 1)
        return self.fc2(F.leaky_relu(self.fc1(whole), SLOPE))
