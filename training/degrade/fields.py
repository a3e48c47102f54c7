"""Shared helpers of the degradations: seeded draws, colour transfer, smooth fields, filters.

Images are float32 [B, C, H, W] in 0..1, sRGB-coded unless a name says linear; a per-sample value
is [B, 1, 1, 1]. Nothing here reads a value back from the device, so a GPU is never waited for.
"""

import math
import random
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor


class Draw:
    """Random values for `b` samples: tensors from the device's generator, choices from `rng`."""

    def __init__(self, b: int, g: torch.Generator, rng: random.Random, most: int = 8):
        self.b, self.g, self.rng, self.most = b, g, rng, most

    def of(self, b: int) -> "Draw":
        return Draw(b, self.g, self.rng, self.most)

    def uniform(self, low: float, high: float, c: int = 1, h: int = 1, w: int = 1) -> Tensor:
        return torch.empty(self.b, c, h, w, device=self.g.device).uniform_(low, high, generator=self.g)

    def normal(self, sigma: float = 1.0, c: int = 1, h: int = 1, w: int = 1) -> Tensor:
        return torch.empty(self.b, c, h, w, device=self.g.device).normal_(0, sigma, generator=self.g)

    def flag(self, p: float, c: int = 1) -> Tensor:
        """1 with probability p, else 0."""
        return torch.empty(self.b, c, 1, 1, device=self.g.device).bernoulli_(p, generator=self.g)

    def by_kind(self, kinds: dict, x: Tensor, level: Tensor, most: int = 3) -> Tensor:
        """Give runs of samples to functions (x, level, draw) -> y. `kinds` maps a function to its weight.

        At most `most` kinds (and `self.most`) appear in one batch, which bounds the launches; over
        many batches each has its weight.
        """
        few = self.rng.choices(list(kinds), list(kinds.values()), k=min(most, self.most))
        picks = [self.rng.choice(few) for _ in range(self.b)]
        out, at = [], 0
        for kind in dict.fromkeys(few):
            n = picks.count(kind)
            if n:
                out.append(kind(x[at : at + n], level[at : at + n], self.of(n)))
                at += n
        return torch.cat(out)


def lerp(low, high, level):
    """Point between two ends, level in 0..1."""
    return low + (high - low) * level


def geo(low: float, high: float, level: Tensor) -> Tensor:
    """Point between two positive ends on a logarithmic scale."""
    return torch.exp(level * math.log(high / low) + math.log(low))


def to_linear(x: Tensor) -> Tensor:
    """sRGB-coded 0..1 -> linear light 0..1 (IEC 61966-2-1)."""
    x = x.clamp(0, 1)
    return torch.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)


def to_srgb(x: Tensor) -> Tensor:
    """Linear light -> sRGB-coded 0..1, clipped."""
    x = x.clamp(0, 1)
    return torch.where(x <= 0.0031308, x * 12.92, 1.055 * x.clamp_min(1e-4) ** (1 / 2.4) - 0.055)


@lru_cache(64)
def fast_length(n: int) -> int:
    """The smallest length >= n without prime factors above 5."""
    while True:
        m = n
        for p in (2, 3, 5):
            while m % p == 0:
                m //= p
        if m == 1:
            return n
        n += 1


@lru_cache(64)
def constant(values: tuple[float, ...], device: torch.device) -> Tensor:
    """A vector that is copied to the device once."""
    return torch.tensor(values, dtype=torch.float32).to(device)


@lru_cache(32)
def frequencies(h: int, w: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """fy [h, 1] and fx [1, w // 2 + 1] of rfft2, in cycles per px."""
    return torch.fft.fftfreq(h, device=device)[:, None], torch.fft.rfftfreq(w, device=device)[None]


def grid(h: int, w: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """y [h, 1] and x [1, w] in px."""
    return torch.arange(h, device=device, dtype=torch.float32)[:, None], torch.arange(w, device=device, dtype=torch.float32)[None]


def fft_conv(x: Tensor, k: Tensor) -> Tensor:
    """Convolve with one odd kernel per sample, k [B, 1 or C, K, K]; reflected edges, K // 2 < H, W."""
    h, w, p = *x.shape[2:], k.shape[-1] // 2
    hh, ww = fast_length(h + 2 * p), fast_length(w + 2 * p)
    wide = F.pad(x, (p, ww - w - p, p, hh - h - p), mode="reflect")
    y = torch.fft.irfft2(torch.fft.rfft2(wide) * torch.fft.rfft2(k, s=(hh, ww)), s=(hh, ww))
    return y[..., 2 * p : 2 * p + h, 2 * p : 2 * p + w]


def filtered(x: Tensor, response, pad: int) -> Tensor:
    """Filter by a frequency response (fy, fx) -> [B, 1, ...]; reflected edges of `pad` px where they fit."""
    h, w = x.shape[2:]
    py, px = min(pad, h // 2 - 1), min(pad, w // 2 - 1)
    hh, ww = fast_length(h + 2 * py), fast_length(w + 2 * px)
    wide = F.pad(x, (px, ww - w - px, py, hh - h - py), mode="reflect")
    y = torch.fft.irfft2(torch.fft.rfft2(wide) * response(*frequencies(hh, ww, x.device)), s=(hh, ww))
    return y[..., py : py + h, px : px + w]


def gaussian(x: Tensor, sigma: Tensor, pad: int = 24) -> Tensor:
    """Gaussian blur, sigma [B, 1, 1, 1] in px, up to about pad / 3."""
    return filtered(x, lambda fy, fx: torch.exp((fy**2 + fx**2) * (-2 * math.pi**2 * sigma**2)), pad)


def small_gaussian(x: Tensor, sigma: Tensor, size: int = 5, energy: bool = False) -> Tensor:
    """Gaussian blur by a size x size kernel, for sigma [B, 1, 1, 1] below about size / 4.

    energy: white noise keeps its variance instead of a constant its value.
    """
    r = torch.arange(size, device=x.device, dtype=torch.float32) - size // 2
    k = torch.exp(-(r**2) / (2 * sigma.view(-1, 1).clamp_min(0.05) ** 2))
    k = k / (k.square().sum(1, keepdim=True).sqrt() if energy else k.sum(1, keepdim=True))
    return conv_each(x, k[:, :, None] * k[:, None, :])


def conv_each(x: Tensor, k: Tensor) -> Tensor:
    """Small kernels k [B, K, K], one per sample, by a grouped convolution; reflected edges."""
    b, c, h, w = x.shape
    p = k.shape[-1] // 2
    wide = F.pad(x, (p, p, p, p), mode="reflect").reshape(1, b * c, h + 2 * p, w + 2 * p)
    return F.conv2d(wide, k.repeat_interleave(c, 0)[:, None], groups=b * c).view(b, c, h, w)


def unit(f: Tensor) -> Tensor:
    """Stretch every field to 0..1."""
    low, high = f.amin((2, 3), keepdim=True), f.amax((2, 3), keepdim=True)
    return (f - low) / (high - low).clamp_min(1e-6)


def field(d: Draw, h: int, w: int, cells: float | Tensor, slope: float | Tensor = 0.0, c: int = 1) -> Tensor:
    """Random field [B, c, h, w] in 0..1: spectrum F^-slope up to about `cells` cycles per long side."""
    ch, cw = max(24, h // 2), max(24, w // 2)
    fh, fw = fast_length(ch * 5 // 4), fast_length(cw * 5 // 4)  # a border is cut away: the field is periodic
    fy, fx = frequencies(fh, fw, d.g.device)
    f2 = (fy**2 + fx**2) * max(ch, cw) ** 2
    shape = (f2 + 0.4) ** (-0.5 * slope) * torch.exp(-f2 / cells**2)
    f = torch.fft.irfft2(torch.fft.rfft2(d.normal(1, c, fh, fw)) * shape, s=(fh, fw))[..., :ch, :cw]
    return unit(F.interpolate(f, (h, w), mode="bilinear", align_corners=True))


def resize(x: Tensor, h: int, w: int, mode: str = "bilinear") -> Tensor:
    """mode: area, bilinear or bicubic; the last two with an anti-aliasing filter."""
    if mode == "area":
        return F.interpolate(x, (h, w), mode="area")
    return F.interpolate(x, (h, w), mode=mode, align_corners=False, antialias=True)


@lru_cache(32)
def bayer(h: int, w: int, device: torch.device) -> Tensor:
    """[1, 3, h, w]: 1 where an RGGB sensor measures the colour."""
    y, x = torch.meshgrid(torch.arange(h, device=device) % 2, torch.arange(w, device=device) % 2, indexing="ij")
    return torch.stack([(1 - y) * (1 - x), (y + x) % 2, y * x]).float()[None]


def demosaic(x: Tensor) -> Tensor:
    """Keep of every px only the colour an RGGB sensor measures, then interpolate bilinearly."""
    rb, green = (0.25, 0.5, 0.25, 0.5, 1.0, 0.5, 0.25, 0.5, 0.25), (0.0, 0.25, 0.0, 0.25, 1.0, 0.25, 0.0, 0.25, 0.0)
    k = constant(rb + green + rb, x.device).view(3, 1, 3, 3)
    return F.conv2d(F.pad(x * bayer(*x.shape[2:], x.device), (1, 1, 1, 1), mode="reflect"), k, groups=3)
