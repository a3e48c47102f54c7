"""Under-exposure: less light, gamma, inverse tone curves, coded values scaled; cast and sensor noise."""

import torch
from torch import Tensor

from .fields import Draw, field, geo, lerp, small_gaussian, to_linear, to_srgb


def attenuated(x: Tensor, level: Tensor, d: Draw) -> Tensor:
    """Linear light times .4 down to .02, at times uneven; a gamma on top."""
    light = geo(0.36, 0.02, level) * d.uniform(0.8, 1.2)
    if d.rng.random() < 0.5:
        light = light * (1 + d.uniform(-0.9, 1.2) * (field(d, *x.shape[2:], 2.0) - 0.5))
    return to_srgb(to_linear(x) * light) ** d.uniform(0.85, 1.2)


def curved(x: Tensor, level: Tensor, d: Draw) -> Tensor:
    """Inverse of a camera's S-curve first (it lifted the mid-tones), then attenuation."""
    s = 0.5 - torch.sin(torch.asin((1 - 2 * x).clamp(-1, 1)) / 3)  # inverse of 3 x^2 - 2 x^3
    y = to_linear(lerp(x, s, d.uniform(0.3, 1)))
    y = y / (1 + d.uniform(0, 2) * (1 - y))  # and of a shoulder
    return to_srgb(y * geo(0.42, 0.035, level) * d.uniform(0.8, 1.2))


def scaled(x: Tensor, level: Tensor, d: Draw) -> Tensor:
    """On the coded values: (s x)^g, from s alone to g alone, s .6 to .12, g 1.8 to 6."""
    m = d.uniform(0, 1)
    m = torch.where(m < 0.3, 0.0, torch.where(m > 0.7, 1.0, m))
    s, g = geo(0.62, 0.12, level), geo(1.9, 5.5, level)
    black = d.flag(0.25) * d.uniform(0, 0.3) * level  # taken from all values: the shadows are lost
    return (torch.exp(torch.log(s) * (1 - m)) * (x - black).clamp_min(0)) ** torch.exp(torch.log(g) * m)


KINDS = {attenuated: 0.5, curved: 0.2, scaled: 0.3}


def apply(x: Tensor, level: Tensor, d: Draw) -> Tensor:
    """Level 0..1: mean about half of the photo's down to nearly black; noise in linear light."""
    y = d.by_kind(KINDS, x, level, 2)
    lin = to_linear(y) * torch.exp(d.normal(0.07, 3) * d.flag(0.6))
    n = d.normal(1, *x.shape[1:])
    if d.rng.random() < 0.4:
        n = small_gaussian(n, d.uniform(0.2, 0.8), energy=True)
    shot, read = d.uniform(0, 0.0011) * d.flag(0.8), d.uniform(0, 0.0022)
    lin = lin + torch.sqrt(shot * lin + read**2) * n
    return to_srgb(lin)
