"""Under-exposure: linear light scaled, gamma and colour cast, sensor noise (design: attenuation plus gamma)."""

import numpy as np

from .fields import gaussian, lerp, smooth_field, to_linear, to_srgb


def apply(x: np.ndarray, rng: np.random.Generator, level: float) -> np.ndarray:
    """Level 0..1: exposure .3 down to .03 of the light, gamma .9-1.3, shot and read noise."""
    h, w, _ = x.shape
    lin = to_linear(x)
    exposure = 0.3 * (0.03 / 0.3) ** level
    if rng.random() < 0.4:  # uneven light
        exposure = exposure * (1 + rng.uniform(-0.5, 0.8) * (smooth_field(h, w, 2, rng)[..., None] - 0.5))
    cast = np.exp(rng.normal(0, 0.06, 3)).astype(np.float32)
    dark = np.power(np.clip(lin * exposure * cast, 0, 1), rng.uniform(0.9, 1.25))
    shot, read = lerp(0.0001, 0.0008, rng.random()), lerp(0.0002, 0.0012, rng.random())
    n = rng.standard_normal((h, w, 3), dtype=np.float32)
    if rng.random() < 0.3:
        n = gaussian(n, 0.6) * 1.6
    return to_srgb(dark + np.sqrt(shot * dark + read**2) * n)
