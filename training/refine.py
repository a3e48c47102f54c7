"""The last pass over a decoded photo, for tasks whose small structure the decoder leaves: one small network each.

A three-level convolutional network that sees the degraded and the restored photo and adds a residual to the
restored one. No layer normalises or pools over space, so a tile and the whole photo agree.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .vae import SLOPE, Block, conv3


class Refine(nn.Module):
    """photo, restored [B, 3, H, W] in -1..1, H and W multiples of 8 -> restored and refined, the same shape, not clamped."""

    def __init__(self, c: dict):
        super().__init__()
        w, n = c["widths"], c["blocks"]
        # Apart: onnxruntime's WebGPU gives wrong numbers for a convolution of the six channels together.
        self.photo = nn.Conv2d(3, w[0], 6, stride=2, padding=2, bias=False)
        self.stem = nn.Conv2d(3, w[0], 6, stride=2, padding=2)
        self.before = nn.ModuleList(nn.ModuleList(Block(w[level]) for _ in range(n[level])) for level in range(3))
        self.down = nn.ModuleList(conv3(w[level], w[level + 1], stride=2) for level in range(2))
        self.up = nn.ModuleList(nn.Conv2d(w[level + 1], 4 * w[level], 1) for level in range(2))
        self.after = nn.ModuleList(nn.ModuleList(Block(w[level]) for _ in range(n[level])) for level in range(2))
        self.out = conv3(w[0], 12)

    def forward(self, photo: Tensor, restored: Tensor) -> Tensor:
        h = self.photo(photo) + self.stem(restored)
        skips = []
        for level in range(3):
            for block in self.before[level]:
                h = block(h)
            if level < 2:
                skips.append(h)
                h = F.leaky_relu(self.down[level](h), SLOPE)
        for level in (1, 0):
            h = skips[level] + F.pixel_shuffle(self.up[level](h), 2)
            for block in self.after[level]:
                h = block(h)
        return restored + F.pixel_shuffle(self.out(h), 2)


def init_refine(net: Refine) -> None:
    """He before a LeakyReLU, halved second convolutions, an almost silent end."""
    gain = math.sqrt(2 / (1 + SLOPE**2))
    for name, m in net.named_modules():
        if isinstance(m, nn.Conv2d):
            fan = m.in_channels * m.kernel_size[0] * m.kernel_size[1]
            scale = gain if name.endswith("conv1") else 0.5 if name.endswith("conv2") else 1.0
            nn.init.normal_(m.weight, std=scale / math.sqrt(fan))
            if m.bias is not None:
                nn.init.zeros_(m.bias)
    net.out.weight.data.mul_(0.05)
