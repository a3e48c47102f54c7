"""Atmospheric scattering I t + A (1 - t), t = exp(-beta d), with a procedural depth (facts A.4)."""

import numpy as np

from .fields import fractal_field, gaussian, lerp


def depth(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Depth in 0..1 [H, W, 1]: ramp towards the top or a side, smooth bumps, a trace of luma."""
    h, w, _ = x.shape
    yy, xx = np.linspace(1, 0, h, dtype=np.float32)[:, None], np.linspace(0, 1, w, dtype=np.float32)[None]
    a = rng.normal(0, 0.5)
    ramp = np.cos(a) * yy + np.sin(a) * (xx - 0.5)
    luma = gaussian(x.mean(-1), max(h, w) / 40)
    d = rng.uniform(0.3, 1) * ramp + rng.uniform(0.2, 0.8) * fractal_field(h, w, 4, rng) + rng.uniform(0, 0.6) * luma
    d = (d - d.min()) / max(float(d.max() - d.min()), 1e-6)
    return (d ** rng.uniform(0.7, 1.6))[..., None]


def apply(x: np.ndarray, rng: np.random.Generator, level: float) -> np.ndarray:
    """Level 0..1: beta .25 to 1.7; airlight .72 to .97, nearly grey."""
    beta = lerp(0.25, 1.7, level)
    d = rng.uniform(0.1, 0.5) + rng.uniform(0.5, 0.9) * depth(x, rng)
    t = np.clip(np.exp(-beta * d), 0.05, 1)
    air = lerp(0.75, 0.95, rng.random()) + rng.normal(0, 0.01, 3) + rng.uniform(-1, 1) * np.array([-0.02, 0, 0.02])
    air = np.clip(air, 0.68, 1).astype(np.float32)
    return x * t + air * (1 - t)
