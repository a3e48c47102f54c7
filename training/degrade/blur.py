"""Gaussian, sinc, disc (defocus), box, motion and zoom blur, then at times a little noise or JPEG."""

import torch
import torch.nn.functional as F
from torch import Tensor

from .codec import jpeg
from .fields import Draw, fft_conv, geo
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


def apply(x: Tensor, level: Tensor, d: Draw) -> Tensor:
    """Level 0..1: Gaussian sigma .8-4.6, disc radius 1.5-9, motion 4-28 px, sinc cutoff 2-.5 rad per px."""
    y = d.by_kind({by_kernel: 0.93, zoom: 0.07}, x, level**0.85, 2)
    noisy = d.flag(0.3) * d.uniform(0.5, 4) / 255
    y = y + noisy * d.normal(1, *x.shape[1:])
    n = sum(d.rng.random() < 0.2 for _ in range(d.b))
    if n:
        y = torch.cat([jpeg(y[:n], d.of(n).uniform(50, 95)), y[n:]])
    return y
