"""Blur kernels [B, 1, K, K], each summing to 1; functions of (level [B, 1, 1, 1], draw)."""

import math

import torch
from torch import Tensor

from .fields import Draw, geo, grid, lerp

SIZE = 49


def centred(d: Draw) -> tuple[Tensor, Tensor]:
    y, x = grid(SIZE, SIZE, d.g.device)
    return y - SIZE // 2, x - SIZE // 2


def normalised(k: Tensor) -> Tensor:
    return k / k.sum((2, 3), keepdim=True)


def turned(d: Draw) -> tuple[Tensor, Tensor]:
    """Coordinates turned by a random angle: along, across [B, 1, K, K]."""
    y, x = centred(d)
    a = d.uniform(0, math.pi)
    return x * a.cos() + y * a.sin(), y * a.cos() - x * a.sin()


def gaussian_kernel(level: Tensor, d: Draw) -> Tensor:
    """Sigma .8 to 4.6 px."""
    y, x = centred(d)
    s = geo(0.9, 4.2, level) * d.uniform(0.8, 1.2)
    return normalised(torch.exp(-(x**2 + y**2) / (2 * s**2)))


def anisotropic(level: Tensor, d: Draw) -> Tensor:
    along, across = turned(d)
    s = geo(1.2, 5.5, level)
    return normalised(torch.exp(-((along / s) ** 2 + (across / (s * d.uniform(0.2, 0.9))) ** 2) / 2))


def sinc_kernel(level: Tensor, d: Draw, points: int = 64) -> Tensor:
    """Circular low-pass c J1(c r) / (2 pi r), cutoff 2 down to .5 rad per px, under a window.

    J1(z) / z is proportional to the integral of cos(z u) sqrt(1 - u^2) over -1..1, here by
    Gauss-Chebyshev points (torch's own Bessel functions are compiled at first use on a GPU).
    """
    y, x = centred(d)
    r = torch.sqrt(x**2 + y**2)
    a = torch.arange(1, points + 1, device=d.g.device).view(1, -1, 1, 1) * (math.pi / (points + 1))
    c = lerp(1.8, 0.45, level) * d.uniform(0.85, 1.15)
    size = d.uniform(7, 13)
    return normalised(((c * r * a.cos()).cos() * a.sin() ** 2).sum(1, keepdim=True) * torch.sigmoid(2 * (size - r)))


def disc(level: Tensor, d: Draw) -> Tensor:
    """Defocus: radius 1.5 to 9 px with a soft edge; sometimes a ring-like weight, as real lenses have."""
    y, x = centred(d)
    r = torch.sqrt(x**2 + y**2)
    radius = geo(1.7, 8.0, level) * d.uniform(0.85, 1.15)
    edge = torch.sigmoid((radius - r) / (d.uniform(0.12, 0.5)))
    return normalised(edge * (1 + d.uniform(-0.3, 0.6) * (r / radius) ** 2))


def box(level: Tensor, d: Draw) -> Tensor:
    y, x = centred(d)
    a, b = (geo(1.5, 6.5, level) * d.uniform(0.7, 1.2) for _ in range(2))
    b = torch.where(d.flag(0.6) > 0, a, b)
    return normalised((a + 0.5 - x.abs()).clamp(0, 1) * (b + 0.5 - y.abs()).clamp(0, 1))


def line(level: Tensor, d: Draw) -> Tensor:
    """Straight motion, 4 to 28 px."""
    along, across = turned(d)
    half = geo(2.6, 13, level) * d.uniform(0.75, 1.1)
    return normalised((half + 0.5 - along.abs()).clamp(0, 1) * torch.exp(-((across / d.uniform(0.35, 0.8)) ** 2) / 2))


def shake(level: Tensor, d: Draw, points: int = 40) -> Tensor:
    """A hand-held trajectory: direction and speed wander; up to about 25 px across."""
    dev = d.g.device
    turn = torch.cumsum(d.normal(1, points), 1) * d.uniform(0.05, 0.5) + d.uniform(0, 2 * math.pi)
    speed = 0.3 + torch.empty(d.b, points, 1, 1, device=dev).exponential_(1.2, generator=d.g)
    px, py = torch.cumsum(speed * turn.cos(), 1), torch.cumsum(speed * turn.sin(), 1)
    px, py = px - px.mean(1, keepdim=True), py - py.mean(1, keepdim=True)
    reach = torch.sqrt(px**2 + py**2).amax(1, keepdim=True)
    size = geo(3, 16, level) * d.uniform(0.75, 1.1) / reach
    y = grid(SIZE, 1, dev)[0].view(-1) - SIZE // 2
    s = d.uniform(0.35, 0.7)
    gx = torch.exp(-(((y - (px * size)[..., 0]) / s[..., 0]) ** 2) / 2)  # [B, points, K]
    gy = torch.exp(-(((y - (py * size)[..., 0]) / s[..., 0]) ** 2) / 2)
    return normalised((gy.transpose(1, 2) @ gx)[:, None])
