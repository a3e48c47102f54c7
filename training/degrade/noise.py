"""Sensor noise in linear light, and noise on coded values: Gaussian, Poisson, granular, speckle, ISO-like."""

import math

import torch
from torch import Tensor

from .fields import Draw, constant, demosaic, geo, lerp, small_gaussian, to_linear, to_srgb

RGB_Y = (0.299, 0.587, 0.114)


def grain(x: Tensor, d: Draw, coloured: Tensor) -> Tensor:
    """Normal noise [B, 3, H, W], variance about 1: `coloured` of it differs between the colours;
    at times as fine as px, at times spread as by demosaicing or a resize."""
    n = torch.sqrt(coloured) * d.normal(1, *x.shape[1:]) + torch.sqrt(1 - coloured) * d.normal(1, 1, *x.shape[2:])
    if d.rng.random() < 0.5:
        return n
    if d.rng.random() < 0.5:
        return demosaic(n) * 1.3
    return small_gaussian(n, d.uniform(0.05, 0.9), energy=True)


def camera(x: Tensor, level: Tensor, d: Draw) -> Tensor:
    """Shot and read noise in linear light; white balance gains; faint bands along the rows at times."""
    lin = to_linear(x)
    shot = geo(0.0011, 0.03, level) * d.uniform(0.5, 1.5)
    read = geo(0.003, 0.04, level) * d.uniform(0.3, 1.4)
    n = grain(x, d, d.uniform(0.3, 1))
    y = lin + torch.sqrt(shot * d.uniform(0.7, 1.5, 3) * lin + read**2) * n
    if d.rng.random() < 0.3:
        y = y + read * d.uniform(0, 0.4) * d.normal(1, 1, x.shape[2], 1)
    return to_srgb(y)


def coded(x: Tensor, level: Tensor, d: Draw) -> Tensor:
    """Gaussian of sigma 4 to 55 / 255 on the coded values; its colours independent or alike."""
    sigma = geo(5, 52, level) / 255 * d.uniform(0.8, 1.2)
    pure = torch.maximum(d.flag(0.6), d.flag(0.3) * d.uniform(0, 1))
    return x + sigma * (torch.sqrt(pure) * d.normal(1, *x.shape[1:]) + torch.sqrt(1 - pure) * d.normal(1, 1, *x.shape[2:]))


def granular(x: Tensor, level: Tensor, d: Draw) -> Tensor:
    """Strong in luma, weaker and coarser in colour, as film and small sensors; more in the mid-tones."""
    sigma = geo(5, 45, level) / 255 * d.uniform(0.8, 1.2)
    chroma = small_gaussian(d.normal(1, *x.shape[1:]), d.uniform(0.3, 1.2), energy=True) * d.uniform(0.2, 0.7)
    luma = small_gaussian(d.normal(1, 1, *x.shape[2:]), d.uniform(0.05, 0.7), energy=True)
    tone = 1 - d.uniform(0, 0.7) * (2 * x - 1) ** 2
    return x + sigma * tone * (luma + chroma)


def poisson(x: Tensor, level: Tensor, d: Draw) -> Tensor:
    """Photon counts on the coded values: 300 down to 7 at white."""
    peak = geo(320, 7, level) * d.uniform(0.8, 1.25)
    return torch.poisson(x * peak, generator=d.g) / peak


def speckle(x: Tensor, level: Tensor, d: Draw) -> Tensor:
    """Multiplied: x (1 + n), with a little added noise in the shadows."""
    n = grain(x, d, d.uniform(0, 1).round())
    return x + (geo(0.04, 0.42, level) * d.uniform(0.8, 1.2) * x + d.uniform(0, 0.02)) * n


def iso(x: Tensor, level: Tensor, d: Draw) -> Tensor:
    """Luma noise that grows with the light, and a hue that wanders from px to px."""
    y = (x * constant(RGB_Y, x.device).view(3, 1, 1)).sum(1, keepdim=True)
    c = x - y
    a = geo(0.1, 1.2, level) * d.uniform(0.4, 1.5) * d.normal(1, 1, *x.shape[2:])
    turned = torch.roll(c, 1, 1) - torch.roll(c, 2, 1)  # c turned by 90 degrees about grey, times sqrt 3
    strength = geo(0.02, 0.26, level) * d.uniform(0.6, 1.2)
    luma = strength * (0.25 + y.clamp_min(0).sqrt()) * d.normal(1, 1, *x.shape[2:])
    return y + luma + c * a.cos() + turned * (a.sin() / math.sqrt(3)) + 0.2 * strength * d.normal(1, *x.shape[1:])


KINDS = {camera: 0.38, coded: 0.28, granular: 0.07, poisson: 0.1, speckle: 0.07, iso: 0.1}


def salt(y: Tensor, amount: Tensor, d: Draw) -> Tensor:
    """Set a share of px to black or white: all colours together, or each alone."""
    c = 3 if d.rng.random() < 0.5 else 1
    r = d.uniform(0, 1, c, *y.shape[2:])
    return torch.where(r < amount * 0.5, 0.0, torch.where(r > 1 - amount * 0.5, 1.0, y))


def apply(x: Tensor, level: Tensor, d: Draw) -> Tensor:
    """Level 0..1: coded sigma about 4/255 to 50/255 or what corresponds to it."""
    y = d.by_kind(KINDS, x, level**0.75, 2)
    if d.rng.random() < 0.2:  # a second, weaker kind on top
        y = d.by_kind(KINDS, y.clamp(0, 1), level * d.uniform(0, 0.7), 1)
    if d.rng.random() < 0.3:
        y = salt(y, d.flag(0.4) * lerp(0.001, 0.02, level) * d.uniform(0.3, 1), d)
    return y
