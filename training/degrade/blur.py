"""Gaussian, sinc, disc (defocus) and motion blur, then a little noise or JPEG (facts A.4)."""

import cv2
import numpy as np

from .compression import jpeg
from .fields import gaussian, lerp, motion_kernel


def disc_kernel(radius: float) -> np.ndarray:
    size = 2 * int(np.ceil(radius)) + 1
    yy, xx = np.mgrid[:size, :size] - size // 2
    k = np.clip(radius + 0.5 - np.hypot(yy, xx), 0, 1).astype(np.float32)
    return k / k.sum()


def sinc_kernel(cutoff: float, size: int) -> np.ndarray:
    """Circular low-pass, cutoff in radians per px: c J1(c r) / (2 pi r), by the FFT of a disc."""
    n = 128
    f = np.fft.fftfreq(n) * 2 * np.pi
    spectrum = (np.hypot(f[:, None], f[None]) <= cutoff).astype(np.float32)
    k = np.fft.fftshift(np.fft.ifft2(spectrum).real)[n // 2 - size // 2 : n // 2 + size // 2 + 1]
    k = k[:, n // 2 - size // 2 : n // 2 + size // 2 + 1].astype(np.float32)
    return k / k.sum()


def apply(x: np.ndarray, rng: np.random.Generator, level: float) -> np.ndarray:
    """Level 0..1: Gaussian sigma .6-3, disc radius 1-5, motion 3-19 px, sinc cutoff 2.4-.8."""
    kind = rng.random()
    if kind < 0.35:
        y = gaussian(x, lerp(0.6, 3.0, level))
    elif kind < 0.6:
        y = cv2.filter2D(x, -1, disc_kernel(lerp(1, 5, level)), borderType=cv2.BORDER_REFLECT_101)
    elif kind < 0.9:
        k = motion_kernel(lerp(3, 19, level), rng.uniform(0, 180))
        y = cv2.filter2D(x, -1, k, borderType=cv2.BORDER_REFLECT_101)
    else:
        k = sinc_kernel(lerp(2.4, 0.8, level), 21)
        y = cv2.filter2D(x, -1, k, borderType=cv2.BORDER_REFLECT_101)
    if rng.random() < 0.4:
        y = y + rng.standard_normal(y.shape, dtype=np.float32) * rng.uniform(0.5, 3) / 255
    if rng.random() < 0.25:
        y = jpeg(y, int(rng.uniform(60, 95)), 2)
    return y
