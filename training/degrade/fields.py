"""Shared helpers of the degradations: colour transfer, smooth random fields, filters.

Images are float32 [H, W, 3] in 0..1, sRGB-coded unless a name says linear.
Every random value comes from a numpy Generator, so a seed reproduces a result.
"""

import cv2
import numpy as np

cv2.setNumThreads(1)


def to_linear(x: np.ndarray) -> np.ndarray:
    """sRGB-coded 0..1 -> linear light 0..1 (IEC 61966-2-1)."""
    x = np.clip(x, 0, 1)
    return np.where(x <= 0.04045, x / 12.92, np.power((x + 0.055) / 1.055, 2.4)).astype(np.float32)


def to_srgb(x: np.ndarray) -> np.ndarray:
    """Linear light -> sRGB-coded 0..1, clipped."""
    x = np.clip(x, 0, 1)
    return np.where(x <= 0.0031308, x * 12.92, 1.055 * np.power(x, 1 / 2.4) - 0.055).astype(np.float32)


def gaussian(x: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur in px, reflected edges."""
    if sigma < 0.1:
        return x
    return cv2.GaussianBlur(x, (0, 0), float(sigma), borderType=cv2.BORDER_REFLECT_101)


def smooth_field(h: int, w: int, cells: float, rng: np.random.Generator) -> np.ndarray:
    """Smooth random field [h, w] in 0..1 with about `cells` bumps along the longer side."""
    long = max(h, w)
    gh, gw = (max(2, round(cells * s / long) + 1) for s in (h, w))
    f = cv2.resize(rng.random((gh, gw), dtype=np.float32), (w, h), interpolation=cv2.INTER_CUBIC)
    low, high = f.min(), f.max()
    return (f - low) / max(high - low, 1e-6)


def fractal_field(h: int, w: int, octaves: int, rng: np.random.Generator) -> np.ndarray:
    """Sum of smooth fields, each twice as fine and half as strong, in 0..1."""
    f = sum(smooth_field(h, w, 2.0 ** (o + 1), rng) / 2.0**o for o in range(octaves))
    return (f - f.min()) / max(float(f.max() - f.min()), 1e-6)


def resize(x: np.ndarray, h: int, w: int, how: int) -> np.ndarray:
    return cv2.resize(x, (w, h), interpolation=how)


def motion_kernel(length: float, degrees: float) -> np.ndarray:
    """Anti-aliased straight line of `length` px at an angle, normalised, odd size."""
    size = int(np.ceil(length)) | 1
    c, d = size / 2 * 16, np.deg2rad(degrees)
    big = np.zeros((size * 16, size * 16), np.float32)
    dx, dy = np.cos(d) * (length - 1) * 8, np.sin(d) * (length - 1) * 8
    cv2.line(big, (round(c - dx), round(c - dy)), (round(c + dx), round(c + dy)), 1.0, 16)
    k = cv2.resize(big, (size, size), interpolation=cv2.INTER_AREA)
    return k / k.sum()


def lerp(low: float, high: float, level: float) -> float:
    """Point between two ends, level in 0..1."""
    return low + (high - low) * level
