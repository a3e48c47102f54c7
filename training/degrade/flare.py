"""Lens flare: glare and veil about a source, starburst, streaks, halo, ghosts along the axis, coloured."""

import math

import torch
from torch import Tensor

from .fields import Draw, geo, grid, to_linear, to_srgb

GHOSTS = 6


def around(d: Draw, dy: Tensor, dx: Tensor) -> tuple[Tensor, Tensor]:
    """Intensities [B, 6, H, W] and colours [B, 6, 3]: two glows, starburst, anamorphic line, halo, veil."""
    r = torch.sqrt(dy**2 + dx**2) + 1e-4
    angle = torch.atan2(dy, dx)
    core = d.uniform(0.6, 1.5) * torch.exp(-((r / d.uniform(0.02, 0.13)) ** d.uniform(0.9, 1.8)))
    glow = d.uniform(0.1, 0.5) * torch.exp(-r / d.uniform(0.12, 0.5))
    n, wobble = d.uniform(2, 9).round(), d.uniform(0, 3)
    star = ((n / 2 * angle + d.uniform(0, math.pi)).cos().abs() + 1e-6) ** d.uniform(15, 140)
    star = star * (0.6 + 0.4 * (wobble * angle + 7 * wobble).sin()) * torch.exp(-r / d.uniform(0.06, 0.4))
    star = star * d.flag(0.65) * d.uniform(0.2, 1.0)
    a = d.normal(0.12) + d.flag(0.25) * d.uniform(0, math.pi)
    off = (a.cos() * dy - a.sin() * dx).abs()
    streak = d.flag(0.35) * d.uniform(0.2, 0.8) * torch.exp(-off / d.uniform(0.003, 0.012) - r / d.uniform(0.2, 0.7))
    halo = d.flag(0.3) * d.uniform(0.05, 0.25) * torch.exp(-(((r - d.uniform(0.15, 0.45)) / d.uniform(0.008, 0.04)) ** 2))
    veil = d.flag(0.5) * d.uniform(0.02, 0.2) * (1 - 0.5 * r).clamp_min(0)
    spread = 0.05 + d.uniform(0, 0.4)
    colours = (1 + spread[..., 0] * d.normal(1, 6, 3, 1)[..., 0]).clamp(0.15, 1.6)
    return torch.cat([core, glow, star, streak, halo, veil], 1), colours


def ghosts(d: Draw, h: int, w: int, cy: Tensor, cx: Tensor) -> tuple[Tensor, Tensor]:
    """Discs and polygons [B, GHOSTS, H, W] on the line from the source through the centre, and colours."""
    y, x = grid(h, w, d.g.device)
    k, size = d.uniform(-0.5, 1.7, GHOSTS), max(h, w)
    dy = (y - cy - (h / 2 - cy) * 2 * k) / size
    dx = (x - cx - (w / 2 - cx) * 2 * k) / size
    r = torch.sqrt(dy**2 + dx**2) + 1e-5
    half = math.pi / d.uniform(5, 9).round()
    side = torch.remainder(torch.atan2(dy, dx) + d.uniform(0, 1), 2 * half) - half
    r = torch.where(d.flag(0.4) > 0, r * side.cos() / half.cos(), r)
    radius = d.uniform(0.012, 0.12, GHOSTS) * d.uniform(0.6, 1.6)
    soft = d.uniform(0.05, 0.5, GHOSTS)
    body = ((radius - r) / (soft * radius)).clamp(0, 1) * (1 + d.uniform(-0.7, 1.2, GHOSTS) * ((r / radius) ** 2 - 0.5))
    many = (torch.arange(GHOSTS, device=d.g.device).view(1, -1, 1, 1) < d.uniform(-1.5, GHOSTS)) * d.uniform(0.04, 0.4, GHOSTS)
    spread = 0.1 + d.uniform(0, 0.5)
    return body.clamp_min(0) * many, (1 + spread[..., 0] * d.normal(1, GHOSTS, 3, 1)[..., 0]).clamp(0.05, 1.6)


def apply(x: Tensor, level: Tensor, d: Draw) -> Tensor:
    """Level 0..1 scales all brightness; the source may lie a little outside the frame."""
    h, w = x.shape[2:]
    y, c = grid(h, w, x.device)
    cy, cx = d.uniform(-0.08, 1.08) * h, d.uniform(-0.08, 1.08) * w
    one, ones = around(d, (y - cy) / max(h, w), (c - cx) / max(h, w))
    two, twos = ghosts(d, h, w, cy, cx)
    f = torch.cat([ones, twos], 1).transpose(1, 2) @ torch.cat([one, two], 1).flatten(2)
    f = f.view(x.shape) * geo(0.28, 1.05, level) * d.uniform(0.8, 1.25)
    lit = to_srgb(to_linear(x) + f * 0.8)
    f = (f * 1.1).clamp(0, 1)
    coded = x + f - f * x * torch.where(d.flag(0.6) > 0, 1.0, 0.0)  # screen, or added
    return torch.where(d.flag(0.55) > 0, lit, coded)
