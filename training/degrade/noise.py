"""Sensor-like noise: shot and read noise in linear light with colour correlation, or
Gaussian noise on the coded values (facts A.4: variance and granular operators)."""

import numpy as np

from .fields import gaussian, lerp, to_linear, to_srgb


def apply(x: np.ndarray, rng: np.random.Generator, level: float) -> np.ndarray:
    """Level 0..1 sets the strength: coded sigma about 6/255 to 38/255."""
    h, w, _ = x.shape
    n = rng.standard_normal((h, w, 3), dtype=np.float32)
    if rng.random() < 0.35:  # coarser grain, as after demosaicing or resizing
        n = gaussian(n, rng.uniform(0.4, 0.8))
        n /= n.std()
    luma = rng.standard_normal((h, w, 1), dtype=np.float32)
    share = rng.uniform(0, 0.7)  # of the variance that all three colours have in common
    n = np.sqrt(1 - share) * n + np.sqrt(share) * luma
    if rng.random() < 0.6:
        lin = to_linear(x)
        shot = lerp(0.0006, 0.022, level**1.5) * rng.uniform(0.6, 1.4)
        read = lerp(0.002, 0.03, level) * rng.uniform(0.5, 1.5)
        gains = rng.uniform(0.7, 1.4, 3).astype(np.float32)  # white balance amplifies a channel
        return to_srgb(lin + np.sqrt(shot * gains * lin + read**2) * n)
    sigma = lerp(0.03, 0.16, level)
    if rng.random() < 0.4:  # granular: luma strong, chroma weaker
        n = luma + rng.uniform(0.2, 0.6) * n
        sigma *= 0.9
    return x + sigma * n
