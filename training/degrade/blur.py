"""Gaussian, sinc, disc (defocus), box, motion and zoom blur, then at times a little noise or JPEG."""

import torch
import torch.nn.functional as F
from torch import Tensor

from .codec import jpeg
from .fields import Draw, fft_conv, geo, grid, resize, small_gaussian
from .kernels import anisotropic, box, disc, gaussian_kernel, line, shake, sinc_kernel

KERNELS = {gaussian_kernel: 0.24, anisotropic: 0.1, sinc_kernel: 0.1, disc: 0.2, box: 0.06, line: 0.15, shake: 0.15}


def by_kernel(x: Tensor, level: Tensor, d: Draw) -> Tensor:
    k = d.by_kind({lambda _, v, e, f=f: f(v, e): p for f, p in KERNELS.items()}, x, level, 3)
    return fft_conv(x, k)


def zoom(x: Tensor, level: Tensor, d: Draw, steps: int = 9) -> Tensor:
    """Mean of enlarged copies about a point near the centre: sharp there, radial blur outside."""
    b = x.shape[0]
    reach = geo(0.01, 0.09, level).view(-1)
    cx, cy = (d.uniform(-0.3, 0.3).view(-1) for _ in range(2))
    zero, y = torch.zeros_like(reach), 0
    for i in range(steps):
        s = 1 - reach * (i / (steps - 1))
        rows = [torch.stack([s, zero, cx * (1 - s)], 1), torch.stack([zero, s, cy * (1 - s)], 1)]
        at = F.affine_grid(torch.stack(rows, 1), list(x.shape), align_corners=False)
        y = y + F.grid_sample(x, at, padding_mode="reflection", align_corners=False) / steps
    return y


def shrunk(x: Tensor, level: Tensor, d: Draw) -> Tensor:
    """Made smaller (one factor for all) after a slight blur, and enlarged again."""
    h, w = x.shape[2:]
    s = d.rng.uniform(1.4, 4)
    sides = (max(16, round(v / s / 8) * 8) for v in (h, w))  # few different shapes
    small = resize(fft_conv(x, gaussian_kernel(level * 0.6, d)), *sides, d.rng.choice(["area", "bilinear", "bicubic"]))
    return resize(small, h, w, d.rng.choice(["bilinear", "bicubic", "bicubic"]))


def glass(x: Tensor, level: Tensor, d: Draw) -> Tensor:
    """Every px comes from near by, as behind rippled glass, then softened."""
    b, _, h, w = x.shape
    move = small_gaussian(d.normal(1, 2, h, w), d.uniform(0.2, 1.2), energy=True) * geo(0.5, 3.2, level)
    y, c = grid(h, w, x.device)
    at = torch.stack([(c + move[:, 0]) * (2 / w) + (1 / w - 1), (y + move[:, 1]) * (2 / h) + (1 / h - 1)], -1)
    y = F.grid_sample(x, at, padding_mode="reflection", align_corners=False)
    return small_gaussian(y, geo(0.4, 1.3, level))


KINDS = {by_kernel: 0.82, zoom: 0.06, shrunk: 0.08, glass: 0.04}


def apply(x: Tensor, level: Tensor, d: Draw) -> Tensor:
    """Level 0..1: Gaussian sigma .8-4.6, disc radius 1.5-9, motion 4-28 px, sinc cutoff 2-.5 rad per px."""
    y = d.by_kind(KINDS, x, level**0.85, 2)
    noisy = d.flag(0.3) * d.uniform(0.5, 4) / 255
    y = y + noisy * d.normal(1, *x.shape[1:])
    n = sum(d.rng.random() < 0.2 for _ in range(d.b))
    if n:
        y = torch.cat([jpeg(y[:n], d.of(n).uniform(50, 95)), y[n:]])
    return y
