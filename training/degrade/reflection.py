"""Reflection on glass: a second photo, defocused, doubled or sharp, added in linear light or mixed in coded values."""

import math

import torch
from torch import Tensor

from .fields import Draw, field, filtered, lerp, to_linear, to_srgb


def lens(d: Draw, size: int):
    """Response of a defocus (half), of two copies (a third), or of nothing."""
    kind = d.uniform(0, 1)
    soft, ghost = kind < 0.5, (kind >= 0.5) & (kind < 0.82)
    sigma = torch.where(soft, d.uniform(0.6, 9.0) * size / 512 + 0.5, d.uniform(0, 0.8))
    dy, dx = (d.uniform(-0.05, 0.05) * size for _ in range(2))
    copy = torch.where(ghost, d.uniform(0.35, 0.95), 0.0)

    def response(fy: Tensor, fx: Tensor) -> Tensor:
        low = torch.exp((fy**2 + fx**2) * (-2 * math.pi**2 * sigma**2))
        turn = (fy * dy + fx * dx) * (2 * math.pi)
        return low * torch.complex(1 + copy * turn.cos(), -copy * turn.sin()) / (1 + copy)

    return response


def apply(x: Tensor, level: Tensor, d: Draw, other: Tensor) -> Tensor:
    """Level 0..1: the second image at .1 to .8 of its light; the photo itself keeps .7 to 1."""
    b, _, h, w = x.shape
    r = filtered(to_linear(other), lens(d, max(h, w)), 64).clamp_min(0)
    r = r * torch.exp(d.normal(0.08, 3))
    mask = field(d, h, w, d.uniform(0.8, 3)) * d.uniform(0.4, 1.5)
    mask = torch.where(d.flag(0.6) > 0, (mask + d.uniform(-0.1, 0.4)).clamp(0, 1), 1.0)
    keep = d.uniform(0.7, 1.0)
    dark = d.flag(0.3) * d.uniform(0, 0.25)  # only the lights are seen
    linear = to_srgb(to_linear(x) * keep + lerp(0.14, 0.66, level) * d.uniform(0.8, 1.2) * mask * (r - dark).clamp_min(0))
    a = lerp(0.13, 0.48, level) * d.uniform(0.8, 1.15) * mask
    r = to_srgb(r)
    coded = torch.where(d.flag(0.6) > 0, x * (1 - a), x * keep) + a * r
    return torch.where(d.flag(0.85) > 0, linear, coded)  # glass adds light; the rest is what an editor's blend makes
