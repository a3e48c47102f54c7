"""Reflection on glass: a second photo, blurred or doubled, added in linear light with a smooth mask."""

import cv2
import numpy as np

from .fields import gaussian, lerp, smooth_field, to_linear, to_srgb


def apply(x: np.ndarray, rng: np.random.Generator, level: float, other: np.ndarray | None = None) -> np.ndarray:
    """`other` [H, W, 3] is the reflected scene; without one, a mirrored copy of the photo stands in."""
    h, w, _ = x.shape
    other = x[::-1, ::-1] if other is None else other
    r = to_linear(other)
    kind = rng.random()
    if kind < 0.55:  # defocused
        r = gaussian(r, rng.uniform(1.0, 8.0) * max(h, w) / 512)
    elif kind < 0.8:  # ghosting: a second, weaker copy
        dx, dy = (rng.uniform(0.01, 0.05) * s * rng.choice([-1, 1]) for s in (w, h))
        shifted = cv2.warpAffine(r, np.float32([[1, 0, dx], [0, 1, dy]]), (w, h), borderMode=cv2.BORDER_REFLECT)
        r = (r + rng.uniform(0.4, 0.9) * shifted) / 1.6
    mask = smooth_field(h, w, rng.uniform(1, 3), rng)[..., None] if rng.random() < 0.7 else np.ones((h, w, 1), np.float32)
    amount = lerp(0.12, 0.6, level)
    keep = rng.uniform(0.8, 1.0)
    return to_srgb(to_linear(x) * keep + amount * (0.25 + 0.75 * mask) * r)
