"""Lens flare added in linear light: glare and veil around a source, streaks, ghosts along the axis."""

import numpy as np

from .fields import lerp, to_linear, to_srgb


def colour(rng: np.random.Generator, spread: float) -> np.ndarray:
    c = np.clip(1 + rng.normal(0, spread, 3), 0.2, 1.8).astype(np.float32)
    return c / c.max()


def apply(x: np.ndarray, rng: np.random.Generator, level: float) -> np.ndarray:
    """Level 0..1 scales all brightness; the source may lie a little outside the frame."""
    h, w, _ = x.shape
    size = max(h, w)
    cy, cx = rng.uniform(-0.1, 1.1) * h, rng.uniform(-0.1, 1.1) * w
    yy, xx = np.mgrid[:h, :w].astype(np.float32)
    dy, dx = (yy - cy) / size, (xx - cx) / size
    r = np.hypot(dy, dx) + 1e-4
    power = lerp(0.25, 1.0, level)
    glow = rng.uniform(0.6, 1.4) * np.exp(-((r / rng.uniform(0.03, 0.12)) ** 1.3))
    glow += rng.uniform(0.15, 0.5) * np.exp(-r / rng.uniform(0.15, 0.45))
    out = glow[..., None] * colour(rng, 0.15)
    if rng.random() < 0.7:  # streaks of a starburst
        n, phase, sharp = rng.integers(2, 9), rng.uniform(0, np.pi), rng.uniform(20, 120)
        star = np.abs(np.cos(np.arctan2(dy, dx) * n / 2 + phase)) ** sharp * np.exp(-r / rng.uniform(0.08, 0.35))
        out += (rng.uniform(0.2, 0.9) * star)[..., None] * colour(rng, 0.15)
    if rng.random() < 0.3:  # anamorphic line
        a = rng.normal(0, 0.1)
        off = np.abs(np.cos(a) * dy - np.sin(a) * dx)
        out += (rng.uniform(0.2, 0.6) * np.exp(-off / 0.006 - r / 0.4))[..., None] * colour(rng, 0.3)
    for _ in range(rng.integers(0, 6)):  # ghosts on the line through the centre
        k = rng.uniform(-0.6, 1.6)
        gy, gx = cy + (h / 2 - cy) * 2 * k, cx + (w / 2 - cx) * 2 * k
        g, rad = np.hypot(yy - gy, xx - gx) / size, rng.uniform(0.015, 0.1)
        edge = np.clip((rad - g) / (0.15 * rad), 0, 1) * (0.5 + 0.5 * (g / rad) ** 2)
        out += (rng.uniform(0.05, 0.3) * edge)[..., None] * colour(rng, 0.4)
    return to_srgb(to_linear(x) + power * 0.6 * out.astype(np.float32))
