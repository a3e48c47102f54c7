"""Synthetic degradations, one module per task. See `degrade`."""

import numpy as np

from . import blur, compression, flare, haze, low_light, moire, noise, rain, reflection

APPLY = {
    "blur": blur.apply, "compression": compression.apply, "flare": flare.apply, "moire": moire.apply,
    "haze": haze.apply, "low-light": low_light.apply, "noise": noise.apply, "rain": rain.apply,
    "reflection": reflection.apply,
}

# Range of levels of the fixed test, chosen for the mean input PSNR at 512x512; training uses 0 to 1.
TEST_LEVEL = {task: (0.3, 0.8) for task in APPLY} | {"blur": (0.4, 1.0), "compression": (0.4, 0.95)}


def degrade(task: str, x: np.ndarray, rng: np.random.Generator, level: float, other: np.ndarray | None = None):
    """x [H, W, 3] float32 in 0..1 -> degraded, same shape, rounded to 8 bits, still float32 in 0..1.

    level 0..1 is the strength; `other` is a second photo of the same size (reflection only).
    """
    y = APPLY[task](x, rng, level, other) if task == "reflection" else APPLY[task](x, rng, level)
    return (np.rint(np.clip(y, 0, 1) * 255) / 255).astype(np.float32)
