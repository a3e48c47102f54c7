"""Sharpening by mixed inverse filters, the first half of the last pass for blur.

Blur leaves its mark on the spectrum of a photo whatever the photo shows. Layers read power spectra of the surroundings of every
place and mix a bank of fixed filters (`filters.py`) for it; the filters, applied to the luma, give what all three channels
lack. Nothing is pooled over the whole photo, so a tile and the whole agree.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .guide import box
from .vae import SLOPE

LUMA = (0.299, 0.587, 0.114)
GAIN = 16.0  # of the luma in -1..1
AROUND = 9  # windows each way: the surroundings of a place, 160 px
FLOOR = 1e-3  # added to powers: rounding to 8 bits leaves about this


def waves(window: int) -> tuple[Tensor, Tensor, Tensor]:
    """A windowed Fourier transform as convolutions: rows [window + 2, 1, 1, window], columns' real and imaginary part
    [(window / 2 + 1) window, 2, window, 1], grouped by the frequency along x. Square root of Hann, sum of squares 1."""
    t = torch.arange(window).double()
    w = torch.sin(math.pi * (t + 0.5) / window)
    w = w / w.square().sum().sqrt()
    x = 2 * math.pi / window * torch.arange(window // 2 + 1).double()[:, None] * t
    y = 2 * math.pi / window * torch.arange(-window // 2, window // 2).double()[:, None] * t
    rows = torch.stack([w * x.cos(), w * x.sin()], 1).reshape(window + 2, 1, 1, window)
    real, imag = (torch.stack(v, 1).repeat(window // 2 + 1, 1, 1)[..., None] for v in
                  ((w * y.cos(), -w * y.sin()), (w * y.sin(), w * y.cos())))
    return rows.float(), real.float(), imag.float()


def log_power(p: Tensor) -> Tensor:
    """About -1.7 to 2.5."""
    return torch.log(p + FLOOR) / 4


def around(x: Tensor) -> Tensor:
    """Mean of AROUND x AROUND windows, those at the edge repeated beyond it."""
    return box(x, AROUND // 2)


class Sharpen(nn.Module):
    """photo [B, 3, H, W] in -1..1, H and W multiples of 16 -> sharpened, the same shape, in -1..1."""

    def __init__(self, c: dict):
        super().__init__()
        self.window, self.side, w = c["window"], c["side"], c["width"]
        groups = self.window // 2 + 1
        step = self.window // 2
        self.rows = nn.Conv2d(1, 2 * groups, (1, self.window), stride=(1, step), bias=False)
        self.real, self.imag = (nn.Conv2d(2 * groups, groups * self.window, (self.window, 1), stride=(step, 1), groups=groups,
                                          bias=False) for _ in range(2))
        self.bank = nn.Conv2d(1, c["filters"], self.side, bias=False)
        for part in (self.rows, self.real, self.imag, self.bank):
            part.requires_grad_(False)
        inner = [2 * groups * self.window, w, w, w]
        self.layers = nn.ModuleList(nn.Conv2d(i, o, 1) for i, o in zip(inner, inner[1:]))
        self.out = nn.Conv2d(w, c["filters"], 1)

    def spectra(self, luma: Tensor) -> Tensor:
        """Mean of the logarithms of the powers around, and logarithm of their mean: [B, 1088, H/16, W/16]."""
        h = self.rows(F.pad(luma * GAIN, (self.window // 4,) * 4, mode="reflect"))
        power = self.real(h).square() + self.imag(h).square()
        return torch.cat([around(log_power(power)), log_power(around(power))], 1)

    def shares(self, spectra: Tensor) -> Tensor:
        """How much of each filter, [B, filters, H/16, W/16]."""
        h = spectra
        for layer in self.layers:
            h = F.leaky_relu(layer(h), SLOPE)
        return self.out(h)

    def answers(self, luma: Tensor, stride: int = 1) -> Tensor:
        """Of each filter, [B, filters, H / stride, W / stride]."""
        return F.conv2d(F.pad(luma, (self.side // 2,) * 4, mode="reflect"), self.bank.weight, stride=stride)

    def forward(self, photo: Tensor) -> Tensor:
        luma = luma_of(photo)
        shares = F.interpolate(self.shares(self.spectra(luma)), scale_factor=self.window // 2, mode="bilinear", align_corners=False)
        return (photo + (shares * self.answers(luma)).sum(1, keepdim=True)).clamp(-1, 1)


def luma_of(photo: Tensor) -> Tensor:
    return (photo * torch.tensor(LUMA, device=photo.device).view(3, 1, 1)).sum(1, keepdim=True)


def init_sharpen(net: Sharpen, filters: Tensor) -> None:
    """Fixed parts as they stay; He before a LeakyReLU, an almost silent end."""
    rows, real, imag = waves(net.window)
    for part, value in ((net.rows, rows), (net.real, real), (net.imag, imag), (net.bank, filters)):
        part.weight.data.copy_(value)
    for layer in (*net.layers, net.out):
        nn.init.normal_(layer.weight, std=math.sqrt(2 / (1 + SLOPE**2) / layer.in_channels))
        nn.init.zeros_(layer.bias)
    net.out.weight.data.mul_(0.01)
