"""Moire: two line screens of close pitch and angle beat per colour; multiply and grain-merge mix (facts A.4)."""

import numpy as np

from .fields import lerp, smooth_field


def apply(x: np.ndarray, rng: np.random.Generator, level: float) -> np.ndarray:
    """Level 0..1: contrast of the bands; period 4 to 60 px, curved by a smooth warp, colours shifted in phase."""
    h, w, _ = x.shape
    yy, xx = np.mgrid[:h, :w].astype(np.float32)
    bend = rng.uniform(5, 40)
    wy, wx = (bend * (smooth_field(h, w, rng.uniform(1, 4), rng) - 0.5) for _ in range(2))
    pattern = np.zeros((h, w, 3), np.float32)
    for _ in range(rng.integers(1, 4)):
        a, period = rng.uniform(0, np.pi), np.exp(rng.uniform(np.log(4), np.log(60)))
        wave = ((xx + wx) * np.cos(a) + (yy + wy) * np.sin(a)) * (2 * np.pi / period)
        phase = rng.uniform(0, 2 * np.pi) + rng.choice([0, 1]) * rng.uniform(0.5, 2.1) * np.arange(3)
        s = np.sin(wave[..., None] + phase.astype(np.float32)).astype(np.float32)
        envelope = 0.3 + 0.7 * smooth_field(h, w, rng.uniform(1, 5), rng)[..., None]
        pattern += rng.uniform(0.4, 1) * envelope * s
    pattern /= max(float(np.abs(pattern).max()), 1e-6)
    amount = lerp(0.12, 0.5, level)
    tint = (1 + rng.normal(0, 0.04, 3)).astype(np.float32)
    multiply = x * (1 + amount * (pattern - rng.uniform(0, 0.6)))
    merge = x + 0.6 * amount * pattern
    m = rng.uniform(0.5, 0.9)
    return (m * multiply + (1 - m) * merge) * tint
