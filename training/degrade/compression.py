"""JPEG at any quality, twice, or after a resize as on the web; WebP."""

from torch import Tensor

from .codec import jpeg
from .fields import Draw, geo, resize, small_gaussian
from .vp8 import webp as vp8


def quality(level: Tensor, d: Draw) -> Tensor:
    """About 70 down to 5."""
    return (geo(60, 6, level) * d.uniform(0.8, 1.2)).clamp(4, 95)


def plain(x: Tensor, level: Tensor, d: Draw) -> Tensor:
    return jpeg(x, quality(level, d))


def full_colour(x: Tensor, level: Tensor, d: Draw) -> Tensor:
    return jpeg(x, quality(level, d), half=False)


def twice(x: Tensor, level: Tensor, d: Draw) -> Tensor:
    """Cropped in between: the second block grid is shifted."""
    first = jpeg(x, quality(level, d) * d.uniform(0.9, 1.6), shift=(d.rng.randrange(8), d.rng.randrange(8)))
    return jpeg(first, quality(level, d) * d.uniform(1, 1.8))


def resized(x: Tensor, level: Tensor, d: Draw) -> Tensor:
    """Smaller, perhaps blurred and noisy, JPEG, and back to the old size."""
    h, w = x.shape[2:]
    s = d.rng.uniform(0.55, 0.95)
    sides = (max(32, round(v * s / 16) * 16) for v in (h, w))  # few different shapes
    y = resize(x, *sides, d.rng.choice(["area", "bilinear", "bicubic"]))
    y = small_gaussian(y, d.flag(0.4) * d.uniform(0.2, 0.8))
    y = y + d.flag(0.4) * d.uniform(1, 5) / 255 * d.normal(1, *y.shape[1:])
    y = jpeg(y, quality(level, d) * d.uniform(1.3, 2.0), half=d.rng.random() < 0.8)
    return resize(y, h, w, d.rng.choice(["bilinear", "bicubic", "bicubic"]))


def webp(x: Tensor, level: Tensor, d: Draw) -> Tensor:
    return vp8(x, geo(16, 150, level) * d.uniform(0.8, 1.2), d.uniform(0.05, 0.35), d.uniform(0.6, 1.6))


KINDS = {plain: 0.5, full_colour: 0.1, twice: 0.1, resized: 0.1, webp: 0.2}


def apply(x: Tensor, level: Tensor, d: Draw) -> Tensor:
    """Level 0..1: quality about 70 down to 5."""
    return d.by_kind(KINDS, x, level, 2)
