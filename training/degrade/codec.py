"""JPEG as tensor operations, with one quality per sample."""

import math
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from .fields import constant

# ITU-T T.81 annex K.1.
LUMA = (
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62,
    18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
)
CHROMA = (
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99, 99, 99, 99,
) + (99,) * 32
# JFIF: full-range BT.601.
YCC = (0.299, 0.587, 0.114, -0.168735892, -0.331264108, 0.5, 0.5, -0.418687589, -0.081312411)


@lru_cache(16)
def dct(n: int, device: torch.device) -> Tensor:
    """[n n, n n]: row = coefficient, column = px of an n x n block; orthonormal.

    In float64 on a GPU, because TF32 products would move coefficients across rounding borders.
    """
    k = torch.arange(n, dtype=torch.float64)
    m = torch.cos(math.pi * (2 * k[None] + 1) * k[:, None] / (2 * n)) * math.sqrt(2 / n)
    m[0] /= math.sqrt(2)
    return torch.kron(m, m).to(device, torch.float64 if device.type == "cuda" else torch.float32)


def quantise(p: Tensor, q: Tensor, n: int) -> Tensor:
    """Plane [B, C, H, W] around 0, H and W multiples of n; q [B, n n] steps."""
    b, c, h, w = p.shape
    m = dct(n, p.device)
    blocks = p.view(b, c, h // n, n, w // n, n).transpose(3, 4).reshape(b, -1, n * n).to(m.dtype)
    z = torch.round((blocks @ m.T) / q[:, None])
    y = ((z * q[:, None]) @ m).float()
    return y.view(b, c, h // n, w // n, n, n).transpose(3, 4).reshape(b, c, h, w)


def jpeg_steps(table: tuple[int, ...], quality: Tensor) -> Tensor:
    """Standard table scaled as by libjpeg: quality [B] 1..100 -> [B, 64]."""
    s = torch.where(quality < 50, 5000 / quality, 200 - 2 * quality).floor()
    return ((constant(table, quality.device) * s[:, None] + 50) / 100).floor().clamp(1, 255)


def coded(x: Tensor, block: int, half: bool, luma, chroma, shift: tuple[int, int] = (0, 0)) -> Tensor:
    """RGB 0..1 -> YCC planes in 0..255 minus 128 -> functions luma, chroma -> RGB 0..1 in 8-bit steps.

    half: colour at half size both ways (4:2:0). shift moves the block grid by (y, x) px.
    """
    h, w = x.shape[2:]
    sy, sx = shift
    y = F.pad(x, (sx, -(w + sx) % block, sy, -(h + sy) % block), mode="replicate")
    m = constant(YCC, x.device).view(3, 3, 1, 1)
    y = torch.round(y.clamp(0, 1) * 255)
    ycc = torch.round(y[:, :1] * m[:, 0] + y[:, 1:2] * m[:, 1] + y[:, 2:] * m[:, 2])
    c = ycc[:, 1:]
    if half:
        c = torch.round(F.avg_pool2d(c, 2))
    a, c = luma(ycc[:, :1] - 128), chroma(c)
    a, c = torch.round(a + 128).clamp(0, 255), torch.round(c).clamp(-128, 127)
    if half:
        c = F.interpolate(c, scale_factor=2, mode="bilinear", align_corners=False)
    cb, cr = c[:, :1], c[:, 1:]
    rgb = torch.cat([a + 1.402 * cr, a - 0.344136286 * cb - 0.714136286 * cr, a + 1.772 * cb], 1)
    return torch.round(rgb[..., sy : sy + h, sx : sx + w].clamp(0, 255)) / 255


def jpeg(x: Tensor, quality: Tensor, half: bool = True, shift: tuple[int, int] = (0, 0)) -> Tensor:
    """Baseline JPEG and back. quality of any shape with B elements, 1..100 (rounded)."""
    q = quality.reshape(-1).round().clamp(1, 100)
    a, c = jpeg_steps(LUMA, q), jpeg_steps(CHROMA, q)
    return coded(x, 16, half, lambda p: quantise(p, a, 8), lambda p: quantise(p, c, 8), shift)
