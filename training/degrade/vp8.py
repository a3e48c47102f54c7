"""WebP's lossy codec (VP8 key frames, RFC 6386) as tensor operations, with one quantiser step per sample.

What shapes its errors is here: limited-range colour at half size, blocks predicted from their neighbours in the modes of section 12,
4 x 4 transforms with the second one of section 14.3, steps of section 14.1 as libwebp rounds and spreads them, the loop filter of
section 15. Blocks are coded all at once instead of one after the other: they predict from what the pass before made of their
neighbours, at first from the photo itself.
"""

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from .codec import dct
from .fields import constant
from .vp8_filter import loop_filter

PASSES = 3
# Step of the luma's DC by that of its AC: ends of nearly straight pieces of the tables in section 14.1.
AC, DC = (4.0, 58.0, 131.0, 284.0), (4.0, 49.0, 82.0, 157.0)
# BT.601 in 16..235 and 16..240, from levels 0..255, and back.
TO_YUV = (0.2568, 0.5041, 0.0979, -0.1482, -0.2910, 0.4392, 0.4392, -0.3678, -0.0714)
TO_RGB = (1.1644, 0.0, 1.5960, 1.1644, -0.3918, -0.8130, 1.1644, 2.0172, 0.0)

# Modes of a 4 x 4 block that follow a direction: every px is a point on the edge L3 L2 L1 L0 P A0 .. A7, counted in half steps from
# L3; a whole step is the mean of three neighbours (1 2 1), a half one of two.
VERTICAL = [10 + 2 * c for _ in range(4) for c in range(4)]
HORIZONTAL = [6 - 2 * r for r in range(4) for _ in range(4)]
DOWN_LEFT = [12 + 2 * (r + c) for r in range(4) for c in range(4)]
DOWN_RIGHT = [8 + 2 * (c - r) for r in range(4) for c in range(4)]
VERTICAL_RIGHT = [9, 11, 13, 15, 8, 10, 12, 14, 6, 9, 11, 13, 4, 8, 10, 12]
VERTICAL_LEFT = [11, 13, 15, 17, 12, 14, 16, 18, 13, 15, 17, 20, 14, 16, 18, 22]
HORIZONTAL_DOWN = [7, 8, 10, 12, 5, 6, 7, 8, 3, 4, 5, 6, 1, 2, 3, 4]
HORIZONTAL_UP = [5, 4, 3, 2, 3, 2, 1, 0, 1, 0, -1, -1, -1, -1, -1, -1]
DIRECTIONS = (VERTICAL, HORIZONTAL, DOWN_LEFT, DOWN_RIGHT, VERTICAL_RIGHT, VERTICAL_LEFT, HORIZONTAL_DOWN, HORIZONTAL_UP)


def blocks(p: Tensor, n: int) -> Tensor:
    """[B, H, W] -> [B, H/n, W/n, n n]."""
    b, h, w = p.shape
    return p.view(b, h // n, n, w // n, n).transpose(2, 3).reshape(b, h // n, w // n, n * n)


def plane(x: Tensor, n: int) -> Tensor:
    """Inverse of `blocks`."""
    b, h, w, _ = x.shape
    return x.view(b, h, w, n, n).transpose(2, 3).reshape(b, h * n, w * n)


def edges(p: Tensor, n: int, beyond: int) -> tuple[Tensor, Tensor, Tensor]:
    """Left [.., n], corner [.., 1] and top [.., n + beyond] neighbours of every block; 129 and 127 outside (section 12.2)."""
    wide = F.pad(F.pad(p, (1, 0), value=129.0), (0, beyond, 1, 0), value=127.0)
    h, w = p.shape[1] // n, p.shape[2] // n
    top = wide[:, : h * n : n, 1:].unfold(2, n + beyond, n)[:, :, :w]
    left = wide[:, 1:, : w * n : n].reshape(len(p), h, n, w).transpose(2, 3)
    return left, wide[:, : h * n : n, : w * n : n, None], top


@lru_cache(4)
def directions(device: torch.device) -> Tensor:
    """[13, 8 16]: edge -> the px of the eight modes."""
    m = torch.zeros(13, len(DIRECTIONS) * 16)
    for column, half in enumerate(v for mode in DIRECTIONS for v in mode):
        at = half // 2
        for step, weight in ((-1, 1), (0, 2), (1, 1)) if half % 2 == 0 else ((0, 2), (1, 2)):
            m[min(12, max(0, at + step)), column] += weight / 4
    return m.to(device)


def flat_modes(p: Tensor, n: int) -> Tensor:
    """[B, h, w, 4, n n]: the mean of the edge, its top downwards, its left rightwards, and the sum of both less the corner."""
    left, corner, top = edges(p, n, 0)
    mean = ((left.mean(-1) + top.mean(-1)) / 2)[..., None, None].expand(*left.shape, n)
    down, right = top[..., None, :].expand_as(mean), left[..., None].expand_as(mean)
    return torch.stack([mean, down, right, (down + right - corner[..., None]).clamp(0, 255)], -3).flatten(-2)


def small_modes(p: Tensor) -> Tensor:
    """[B, h, w, 10, 16]: the modes of 4 x 4 blocks."""
    left, corner, top = edges(p, 4, 4)
    led = (torch.cat([left.flip(-1), corner, top], -1) @ directions(p.device)).unflatten(-1, (-1, 16))
    flat = flat_modes(p, 4)
    return torch.cat([flat[..., :1, :], flat[..., 3:, :], led], -2)


def in_steps(c: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
    """Coefficients in steps as libwebp rounds them (a wider zero bin), and about the bits they cost, summed over the last axis."""
    level = torch.floor(c.abs() / step + 0.38)
    return torch.sign(c) * level * step, (torch.log2(1 + level) * 2 + 1.5 * (level > 0)).sum(-1)


@lru_cache(4)
def hadamard(device: torch.device) -> Tensor:
    """[16, 16], orthonormal and symmetric: the transform of a macroblock's sixteen DCs."""
    m = torch.tensor([[1, 1], [1, -1]]).float()
    return torch.kron(torch.kron(m, m), torch.kron(m, m)).to(device) / 4


def coded(residual: Tensor, ac: Tensor, dc: Tensor, n: int, second: bool = False) -> tuple[Tensor, Tensor]:
    """Residual [.., n n] of n x n blocks through 4 x 4 transforms -> what the decoder adds, and about the bits.

    ac, dc: steps, broadcast over [..]. The orthonormal transform has half of VP8's values. second: DCs go through `hadamard`.
    """
    k, m = n // 4, dct(4, residual.device).float()
    shape = residual.shape
    parts = residual.view(*shape[:-1], k, 4, k, 4).transpose(-3, -2).reshape(*shape[:-1], k * k, 16)
    c = parts @ m.T
    step = torch.cat([dc[..., None], ac[..., None].expand(*ac.shape, 15)], -1)[..., None, :] / 2
    q, bits = in_steps(c, step)
    bits = bits.sum(-1)
    if second:
        h = hadamard(residual.device)
        wide = torch.cat([dc[..., None], 0.775 * ac[..., None].expand(*ac.shape, 15)], -1) / 2
        main, more = in_steps(c[..., 0] @ h, wide)
        _, first = in_steps(c[..., :1], step[..., :1])
        q, bits = torch.cat([(main @ h)[..., None], q[..., 1:]], -1), bits - first.sum(-1) + more
    return (q @ m).view(*shape[:-1], k, k, 4, 4).transpose(-3, -2).reshape(shape), bits


def best(x: Tensor, guesses: Tensor, ac: Tensor, dc: Tensor, n: int, mode_bits: float, second: bool = False):
    """The mode of least distortion + lambda bits, of guesses [B, h, w, modes, n n] -> reconstruction, cost, whether any level is left."""
    add, bits = coded(x[..., None, :] - guesses, ac[..., None], dc[..., None], n, second)
    made = (guesses + add).round().clamp(0, 255)
    cost = (made - x[..., None, :]).square().sum(-1) + ac[..., None].square() / 128 * (bits + mode_bits)
    least, pick = cost.min(-1)
    at = pick[..., None, None]
    return made.gather(-2, at.expand(*at.shape[:-1], n * n))[..., 0, :], least, bits.gather(-1, pick[..., None])[..., 0] > 0


def luma(y: Tensor, ac: Tensor, dc: Tensor) -> tuple[Tensor, Tensor]:
    """y [B, H, W], steps [B, H/16, W/16] -> reconstruction before the loop filter; which macroblocks the filter enters."""
    small_ac, small_dc = (v.repeat_interleave(4, 1).repeat_interleave(4, 2) for v in (ac, dc))
    made, x4, x16 = y, blocks(y, 4), blocks(y, 16)
    for _ in range(PASSES):
        small, cost4, _ = best(x4, small_modes(made), small_ac, small_dc, 4, 3.0)
        large, cost16, any_left = best(x16, flat_modes(made, 16), ac, dc, 16, 3.0, second=True)
        fine = F.avg_pool2d(cost4, 4) * 16 < cost16
        made = plane(torch.where(fine[..., None], blocks(plane(small, 4), 16), large), 16)
    return made, fine | any_left


def chroma(c: Tensor, ac: Tensor, dc: Tensor) -> Tensor:
    """c [B, H, W] at half size."""
    made, x = c, blocks(c, 8)
    for _ in range(PASSES):
        made = plane(best(x, flat_modes(made, 8), ac, dc.clamp(max=132), 8, 2.0)[0], 8)
    return made


def by_texture(y: Tensor, step: Tensor, spread: Tensor) -> Tensor:
    """Steps [B, h, w] of the macroblocks: more than `step` [B] where there is much texture, by `spread` [B] in logarithm."""
    x = blocks(y, 16)
    busy = torch.log(x.std(-1) + 2)
    busy = (busy - busy.mean((1, 2), keepdim=True)) / (busy.std((1, 2), keepdim=True) + 0.1)
    return (step.view(-1, 1, 1) * torch.exp(spread.view(-1, 1, 1) * busy.clamp(-1.5, 1.5))).clamp(4, 284)


def dc_step(ac: Tensor) -> Tensor:
    out = torch.full_like(ac, DC[0])
    for a0, a1, d0, d1 in zip(AC, AC[1:], DC, DC[1:]):
        out = out + ((ac - a0) / (a1 - a0)).clamp(0, 1) * (d1 - d0)
    return out


def webp(x: Tensor, step: Tensor, spread: Tensor, strength: Tensor) -> Tensor:
    """x [B, 3, H, W] RGB 0..1 -> the same through the codec, in 8-bit steps. Of any shape with B elements each:

    step: of the luma's AC, 4 (best) to 284; spread: how much more of it textured places get (libwebp's default is near .2);
    strength of the loop filter (libwebp's default is near 1.2).
    """
    h, w = x.shape[2:]
    wide = F.pad(x, (0, -w % 16, 0, -h % 16), mode="replicate")
    there, back = (constant(m, x.device).view(3, 3) for m in (TO_YUV, TO_RGB))
    yuv = torch.einsum("ij,bjhw->bihw", there, torch.round(wide.clamp(0, 1) * 255))
    y = torch.round(yuv[:, 0] + 16)
    small = torch.round(F.avg_pool2d(yuv[:, 1:], 2) + 128)
    ac = by_texture(y, step.reshape(-1), spread.reshape(-1))
    dc = dc_step(ac)
    level = (0.29 * strength.reshape(-1, 1, 1) * ac).clamp(0, 63)
    made, inner = luma(y, ac, dc)
    made = loop_filter(made, level, inner, 16)
    uv = torch.stack([loop_filter(chroma(c, ac, dc), level, inner, 8) for c in small.unbind(1)], 1)
    uv = F.interpolate(uv, scale_factor=2, mode="bilinear", align_corners=False) - 128
    rgb = torch.einsum("ij,bjhw->bihw", back, torch.cat([made[:, None] - 16, uv], 1))
    return torch.round(rgb[..., :h, :w].clamp(0, 255)) / 255
