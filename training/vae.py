"""Norm-free convolutional encoder and decoder with skips. RGB is in -1..1.

No layer normalises or pools over space, so a tile and the whole photo agree.
Layout [B, C, H, W]; H and W are multiples of 16.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SLOPE = 0.1  # of every LeakyReLU


def conv3(i: int, o: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(i, o, 3, stride=stride, padding=1)


class Block(nn.Module):
    """Residual block x + conv2(lrelu(conv1(x))), optionally FiLM-modulated by y [B, 128]."""

    def __init__(self, width: int, y_dim: int = 0):
        super().__init__()
        self.conv1, self.conv2 = conv3(width, width), conv3(width, width)
        if y_dim:
            self.film = nn.Linear(y_dim, 2 * width)

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        h = self.conv1(x)
        if y is not None:
            g, b = self.film(y)[:, :, None, None].chunk(2, dim=1)
            h = (1 + g) * h + b
        return x + self.conv2(F.leaky_relu(h, SLOPE))


def levels(net: nn.Module, h: Tensor) -> Tensor:
    """Down through three levels and up again with skips: blocks `net.before[level]`, `net.down`, `net.up`, `net.after[level]`."""
    skips = []
    for level in range(3):
        for block in net.before[level]:
            h = block(h)
        if level < 2:
            skips.append(h)
            h = F.leaky_relu(net.down[level](h), SLOPE)
    for level in (1, 0):
        h = skips[level] + F.pixel_shuffle(net.up[level](h), 2)
        for block in net.after[level]:
            h = block(h)
    return h


class Encoder(nn.Module):
    """photo [B, 3, H, W] -> z [B, 16, H/8, W/8] in -3..3 and skips at H/2, H/4, H/8."""

    def __init__(self, c: dict):
        super().__init__()
        w, n = c["widths"], c["encoder_blocks"]
        self.stem = nn.Conv2d(3, w[0], 6, stride=2, padding=2)
        self.blocks = nn.ModuleList(
            nn.ModuleList(Block(w[level]) for _ in range(n[level])) for level in range(3)
        )
        self.down = nn.ModuleList(conv3(w[level], w[level + 1], stride=2) for level in range(2))
        self.out = conv3(w[2], c["latent_channels"])

    def forward(self, photo: Tensor) -> tuple[Tensor, list[Tensor]]:
        h, skips = self.stem(photo), []
        for level in range(3):
            for block in self.blocks[level]:
                h = block(h)
            skips.append(h)
            if level < 2:
                h = self.down[level](h)
        return 3 * torch.tanh(self.out(h).float() / 3), skips


class Decoder(nn.Module):
    """Predicts a residual on the photo from the latent, the skips and y."""

    def __init__(self, c: dict, y_dim: int):
        super().__init__()
        w, n = c["widths"], c["decoder_blocks"]
        self.add_module("in", conv3(c["latent_channels"], w[2]))
        self.merge = nn.ModuleList(nn.Conv2d(2 * width, width, 1) for width in w)
        self.blocks = nn.ModuleList(
            nn.ModuleList(Block(w[level], y_dim) for _ in range(n[level])) for level in range(3)
        )
        self.up = nn.ModuleList(nn.Conv2d(w[level + 1], 4 * w[level], 1) for level in range(2))
        self.out = conv3(w[0], 12)

    def forward(self, z: Tensor, skips: list[Tensor], photo: Tensor, y: Tensor) -> Tensor:
        """z [B, 16, H/8, W/8], photo [B, 3, H, W], y [B, 128] -> restored [B, 3, H, W] (not clamped)."""
        h = getattr(self, "in")(z)
        for level in (2, 1, 0):
            h = self.merge[level](torch.cat([h, skips[level].to(h.dtype)], 1))
            for block in self.blocks[level]:
                h = block(h, y)
            if level:
                h = F.pixel_shuffle(self.up[level - 1](h), 2)
        return photo + F.pixel_shuffle(self.out(h), 2).float()
