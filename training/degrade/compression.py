"""JPEG by a real encoder (Pillow), sometimes after a resize chain as on the web (facts A.4 "sr")."""

import io

import cv2
import numpy as np
from PIL import Image

from .fields import gaussian, lerp, resize


def jpeg(x: np.ndarray, quality: int, subsampling: int) -> np.ndarray:
    """Encode and decode. subsampling: 0 = 4:4:4, 2 = 4:2:0."""
    buf = io.BytesIO()
    Image.fromarray(np.rint(np.clip(x, 0, 1) * 255).astype(np.uint8)).save(
        buf, "JPEG", quality=quality, subsampling=subsampling
    )
    return np.asarray(Image.open(buf), np.float32) / 255


def apply(x: np.ndarray, rng: np.random.Generator, level: float) -> np.ndarray:
    """Level 0..1: quality about 60 down to 6; a quarter of the cases is resized as well."""
    h, w, _ = x.shape
    quality = int(round(60 * (6 / 60) ** level))
    sub = 0 if rng.random() < 0.2 else 2
    if rng.random() < 0.75:
        return jpeg(x, quality, sub)
    s = rng.uniform(0.6, 0.95)
    y = resize(x, max(16, round(h * s)), max(16, round(w * s)), cv2.INTER_AREA)
    if rng.random() < 0.4:
        y = gaussian(y, rng.uniform(0.1, 0.8))
    if rng.random() < 0.4:
        y = y + rng.standard_normal(y.shape, dtype=np.float32) * rng.uniform(1, 5) / 255
    y = jpeg(y, min(95, int(quality * lerp(1.3, 1.8, rng.random()))), sub)
    return resize(y, h, w, cv2.INTER_CUBIC if rng.random() < 0.7 else cv2.INTER_LINEAR)
