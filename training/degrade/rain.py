"""Rain streaks: thresholded noise, motion-blurred along an angle, two depths, plus splashes and mist."""

import cv2
import numpy as np

from .fields import gaussian, lerp, motion_kernel


def layer(h: int, w: int, rng: np.random.Generator, density: float, length: float, angle: float, width: float):
    """Streak brightness [H, W] in 0..1."""
    pad = int(length) + 2
    drops = rng.random((h + 2 * pad, w + 2 * pad), dtype=np.float32)
    drops = np.where(drops < density, 0.5 + 0.5 * rng.random(drops.shape, dtype=np.float32), 0).astype(np.float32)
    k = motion_kernel(length, angle)
    s = cv2.filter2D(drops, -1, k / k.max())
    if width > 1:
        s = gaussian(s, 0.35 * width) * min(width, 1.6)
    return np.clip(s[pad:-pad, pad:-pad], 0, 1)


def apply(x: np.ndarray, rng: np.random.Generator, level: float) -> np.ndarray:
    """Level 0..1: more, longer and brighter streaks; angle 65 to 115 degrees (90 = straight down)."""
    h, w, _ = x.shape
    angle = rng.uniform(65, 115)
    total = np.zeros((h, w), np.float32)
    for depth in (0, 1):
        length = lerp(8, 26, rng.random()) * (1 + depth * rng.uniform(0.3, 0.9))
        density = lerp(0.0006, 0.005, level) * (1 - 0.7 * depth) * rng.uniform(0.6, 1.4)
        streaks = layer(h, w, rng, density, length, angle + rng.normal(0, 3), 1 + depth * rng.uniform(0, 1))
        total = np.maximum(total, streaks * rng.uniform(0.6, 1.0))
    if rng.random() < 0.3:  # splashes
        spots = (rng.random((h, w), dtype=np.float32) < 0.0004 + 0.001 * level).astype(np.float32)
        total = np.maximum(total, np.clip(gaussian(spots, rng.uniform(1, 2.2)) * 10, 0, 0.7))
    value = rng.uniform(0.7, 0.95)
    strength = lerp(0.3, 0.85, level) * total[..., None]
    y = x + strength * value if rng.random() < 0.5 else x * (1 - strength) + value * strength
    if rng.random() < 0.3:
        mist = rng.uniform(0, 0.12) * level
        y = y * (1 - mist) + 0.8 * mist
    return y
