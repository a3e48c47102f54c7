"""Atmospheric scattering I t + A (1 - t), t = exp(-beta depth), with procedural depth; fog; plasma fog."""

import math

import torch
from torch import Tensor

from .fields import Draw, field, gaussian, grid, lerp, unit


def air(d: Draw, low: float, high: float) -> Tensor:
    """Airlight [B, 3, 1, 1], nearly grey, a little blue or yellow."""
    tint = torch.cat([t := d.uniform(-0.025, 0.025), t * 0, -t], 1)
    return (d.uniform(low, high) + tint + d.normal(0.01, 3)).clamp(0.55, 1)


def depth(x: Tensor, d: Draw) -> Tensor:
    """Depth 0..1 [B, 1, H, W]: a ramp mostly towards the top, smooth bumps, a trace of luma."""
    h, w = x.shape[2:]
    y, c = grid(h, w, x.device)
    a = d.normal(0.6)
    ramp = a.cos() * (1 - y / h) + a.sin() * (c / w - 0.5)
    bumps = field(d, h, w, 24, d.uniform(1.6, 2.6))
    luma = gaussian(x.mean(1, keepdim=True), d.uniform(0.004, 0.03) * max(h, w), 48)
    return unit(d.uniform(0.2, 1) * ramp + d.uniform(0.1, 0.9) * bumps + d.uniform(-0.1, 0.7) * luma) ** d.uniform(0.7, 2)


def scattered(x: Tensor, level: Tensor, d: Draw) -> Tensor:
    """beta .5 to 2.2; the nearest point is hardly hazed, or as far as half of the farthest."""
    beta = lerp(0.45, 2.1, level) * d.uniform(0.85, 1.15)
    near = d.uniform(0.05, 0.55)
    t = torch.exp(-beta * (near + (1.1 - 0.6 * near) * depth(x, d))).clamp_min(0.05)
    return x * t + air(d, 0.68, 0.97) * (1 - t)


def even(x: Tensor, level: Tensor, d: Draw) -> Tensor:
    """Fog that is nearly the same everywhere, with a softening of what lies behind."""
    t = 1 - lerp(0.22, 0.72, level) * d.uniform(0.85, 1.1)
    t = (t + 0.12 * (field(d, *x.shape[2:], 6, 1.5) - 0.5)).clamp(0.08, 1)
    soft = gaussian(x, d.flag(0.4) * d.uniform(0.5, 2) * level, 12)
    return soft * t + air(d, 0.62, 1.0) * (1 - t)


def plasma(x: Tensor, level: Tensor, d: Draw) -> Tensor:
    """Cloudy texture laid over: x (1 - a p) + A a p, or (x + c p) / (1 + c) as renderers add it."""
    p = field(d, *x.shape[2:], d.rng.choice([16, 60, 120]), d.uniform(1.2, 2.2))
    p = (p * d.uniform(0.8, 1.3) + d.uniform(0, 0.4)).clamp(0, 1.2)
    a = (lerp(0.4, 1.0, level) * p).clamp(0, 0.94)
    over = x * (1 - a) + air(d, 0.65, 1.0) * a
    c = lerp(0.5, 2.6, level) * d.uniform(0.8, 1.2)
    top = x.amax((1, 2, 3), keepdim=True)
    added = (x + c * p) * top / (top + c)
    return torch.where(d.flag(0.5) > 0, over, added)


KINDS = {scattered: 0.5, even: 0.17, plasma: 0.33}


def apply(x: Tensor, level: Tensor, d: Draw) -> Tensor:
    """Level 0..1: from a light haze to one that leaves a tenth of the contrast far away."""
    y = d.by_kind(KINDS, x, level, 2)
    return y + d.flag(0.3) * d.uniform(0, 1.5) / 255 * d.normal(1, *x.shape[1:]) if d.rng.random() < 0.5 else y
