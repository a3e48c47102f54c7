"""Rain: sparse drops drawn out into streaks at three depths, splashes, mist, and a darker, softer scene."""

import math

import torch
from torch import Tensor

from .fields import Draw, field, geo, grid, lerp, small_gaussian


def strokes(d: Draw, level: Tensor, size: int) -> Tensor:
    """Kernels [B, 4, K, K], peak about 1: near, middle and far streaks, and a splash."""
    y, x = grid(size, size, d.g.device)
    y, x = y - size // 2, x - size // 2
    slant = d.normal(0.28) + d.normal(0.03, 3)  # from straight down, the depths nearly agree
    steep = d.flag(0.1) * d.uniform(-1.0, 1.0)
    a = math.pi / 2 + slant + steep
    along, across = x * a.cos() + y * a.sin(), y * a.cos() - x * a.sin()
    scale = torch.cat([d.uniform(1.2, 2.4), d.uniform(0.8, 1.3), d.uniform(0.4, 0.8)], 1)
    half = (d.uniform(5, 18) * scale * (0.8 + 0.4 * level)).clamp_max(size / 2 - 2)
    width = d.uniform(0.32, 0.65) * torch.cat([d.uniform(1, 2.4), d.uniform(0.9, 1.4), d.uniform(0.7, 1)], 1)
    taper = 1 - d.uniform(0, 0.8) * (along / half) ** 2
    lines = torch.sigmoid((half - along.abs()) * 2) * torch.exp(-((across / width) ** 2) / 2) * taper.clamp_min(0.1)
    r, ring = torch.sqrt(x**2 + (y * d.uniform(1, 2.2)) ** 2), d.uniform(-1, 2.6)
    splash = torch.exp(-(((r - ring) / d.uniform(0.5, 1.3)) ** 2)) * torch.sigmoid(2 * (2 - y))
    return torch.cat([lines, splash], 1)


def apply(x: Tensor, level: Tensor, d: Draw) -> Tensor:
    """Level 0..1: more, longer and brighter streaks; mostly within 30 degrees of straight down."""
    h, w = x.shape[2:]
    k = strokes(d, level, min(81, (min(h, w) - 1) | 1))
    amount = geo(0.0022, 0.006, level) * d.uniform(0.5, 1.5)
    share = torch.cat([d.uniform(0, 0.5), d.uniform(0.3, 1.1), d.uniform(0, 3), d.flag(0.35) * d.uniform(0.1, 0.5)], 1)
    drops = d.uniform(0, 1, 4, h, w)
    density = amount * share
    drops = torch.where(drops < density, 0.25 + 0.75 * drops / density.clamp_min(1e-9), 0.0)
    s = torch.fft.irfft2(torch.fft.rfft2(drops) * torch.fft.rfft2(k, s=(h, w)), s=(h, w)).clamp(0, 1)
    s = torch.roll(s, (-(k.shape[-1] // 2), -(k.shape[-1] // 2)), (2, 3))
    bright = torch.cat([d.uniform(0.35, 0.9), d.uniform(0.6, 1), d.uniform(0.3, 0.9), d.uniform(0.2, 0.7)], 1)
    s = (s * bright).amax(1, keepdim=True)
    f = field(d, h, w, 4, 1.3, 2)  # where the rain is thin, and where the mist is thick
    s = s * (1 - d.flag(0.4) * 0.7 * f[:, :1])
    s = s * lerp(0.6, 1.0, level) * d.uniform(0.8, 1.15)
    drawn = d.flag(0.3)  # as renderers do it: opaque grey lines, a darker and softer picture
    dim = 1 - drawn * d.uniform(0, 0.3) * (0.3 + level)
    y = x * dim
    value = torch.maximum(d.uniform(0.65, 0.95), 1 - drawn) * (1 - (1 - drawn) * d.uniform(0.03, 0.3))
    pick = d.uniform(0, 1)  # how much of the scene a streak hides: all, screen, or nothing
    hide = torch.maximum(drawn, torch.where(pick < 0.35, 1.0, torch.where(pick < 0.7, value, 0.0)))
    y = small_gaussian(y * (1 - hide * s) + value * s, drawn * d.uniform(0, 1.6) * (0.3 + 0.7 * level), 7)
    mist = d.flag(0.4) * d.uniform(0, 0.16) * level * (0.4 + 0.6 * f[:, 1:])
    return y * (1 - mist) + 0.8 * mist
