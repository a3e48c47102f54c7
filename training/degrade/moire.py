"""Moire: a screen's RGB raster sampled by a camera, and beats of gratings multiplied or merged."""

import math

import torch
from torch import Tensor

from .fields import Draw, demosaic, field, geo, grid, to_linear, to_srgb

TURN = 2 * math.pi


def bent(d: Draw, h: int, w: int, low: float, high: float) -> tuple[Tensor, Tensor]:
    """Px coordinates y, x [B, 1, H, W] moved by smooth fields of low to high px."""
    y, x = grid(h, w, d.g.device)
    f = (field(d, h, w, d.uniform(0.5, 2.5), c=2) - 0.5) * d.uniform(low, high)
    return y + f[:, :1], x + f[:, 1:]


def raster(x: Tensor, level: Tensor, d: Draw) -> Tensor:
    """The photo shown on a screen of RGB stripes and photographed: u, v count screen px.

    The camera takes point samples, so that with about one or two camera px per screen px the
    stripes alias to slow coloured bands; a Bayer sensor samples each colour more coarsely still.
    """
    h, w = x.shape[2:]
    y, c = bent(d, h, w, 0, 24)
    two = d.rng.random() < 0.4
    pitch = (2 if two else 1) * (1 + d.uniform(-0.09, 0.09))
    a = d.normal(0.06)
    u, v = (c * a.cos() + y * a.sin()) / pitch, (y * a.cos() - c * a.sin()) / pitch * (1 + d.uniform(-0.03, 0.03))
    stripe = torch.arange(3, device=x.device).view(1, 3, 1, 1) / 3 * torch.where(d.flag(0.8) > 0, 1.0, 0.0)
    depth = geo(0.3, 1.0, level) * d.uniform(0.8, 1.2)
    wave = (TURN * (u - stripe)).cos() + d.uniform(0, 0.4) * (2 * TURN * (u - stripe)).cos()
    rows = (TURN * v + d.uniform(0, TURN)).cos()
    mask = (1 + depth * wave) * (1 + depth * d.uniform(0, 0.9) * rows)
    if two or d.rng.random() < 0.3:
        mask = demosaic(mask)
    return to_srgb(to_linear(x) * mask * d.uniform(0.85, 1.1) * (1 + d.normal(0.03, 3)))


def beats(x: Tensor, level: Tensor, d: Draw, count: int = 3) -> Tensor:
    """Gratings of period 4 to 80 px, curved, shifted between the colours; products of two; blends."""
    h, w = x.shape[2:]
    y, c = bent(d, h, w, 4, 50)
    a, period = d.uniform(0, math.pi, count), torch.exp(d.uniform(math.log(4), math.log(80), count))
    wave = (c * a.cos() + y * a.sin()) * (TURN / period)
    apart = d.flag(0.7, count) * d.uniform(-2.1, 2.1, count)
    phase = d.uniform(0, TURN, count)[:, :, None] + apart[:, :, None] * torch.arange(3, device=x.device).view(1, 1, 3, 1, 1)
    s = (wave[:, :, None] + phase).sin()
    if d.rng.random() < 0.4:  # stripes rather than waves
        s = torch.tanh(s * 2.5)
    weight = d.uniform(-0.3, 1, count).clamp_min(0) * (0.2 + 0.8 * field(d, h, w, d.uniform(1, 4), c=count))
    p = (s * weight[:, :, None]).sum(1)
    p = p + d.flag(0.4) * d.uniform(0.3, 1) * s[:, 0] * s[:, 1]
    p = p / p.abs().amax((1, 2, 3), keepdim=True).clamp_min(0.2)
    amount = geo(0.24, 0.8, level) * d.uniform(0.8, 1.2)
    multiplied = x * (1 + amount * (p - d.uniform(0, 0.6)))
    merged = x + 0.6 * amount * p
    m = d.uniform(0, 1)
    return lerp3(multiplied, merged, m) * (1 + d.normal(0.03, 3))


def lerp3(a: Tensor, b: Tensor, m: Tensor) -> Tensor:
    """Mostly one of the two, sometimes a mixture."""
    m = torch.where(m < 0.4, 0.0, torch.where(m > 0.75, 1.0, m))
    return a + (b - a) * m


KINDS = {raster: 0.45, beats: 0.55}


def apply(x: Tensor, level: Tensor, d: Draw) -> Tensor:
    """Level 0..1: contrast of the bands."""
    return d.by_kind(KINDS, x, level, 2)
