"""Pixels of the test set: what is done to a photo before it is degraded, hashes, PSNR, files."""
import hashlib
from pathlib import Path

import cv2
import numpy as np

SHORT, CROP = 512, 256


def prepared(path):
    """The photo with its shorter side reduced to 512 px (area filter), its middle of 256 x 256 px. uint8 RGB."""
    photo = cv2.cvtColor(cv2.imread(str(path), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    scale = SHORT / min(photo.shape[:2])
    width, height = round(photo.shape[1] * scale), round(photo.shape[0] * scale)
    small = cv2.resize(photo, (width, height), interpolation=cv2.INTER_AREA)
    x, y = (width - CROP) // 2, (height - CROP) // 2
    return np.ascontiguousarray(small[y : y + CROP, x : x + CROP])


def photos_in(folder):
    return sorted(Path(folder).glob('*.jpg'))


def digest(photo):
    """SHA-256 of the pixels (not of a PNG file, whose bytes depend on the compressor)."""
    return hashlib.sha256(np.ascontiguousarray(photo).tobytes()).hexdigest()


def set_hash(recipe):
    """One hash for all pixels of the set, for caches."""
    parts = [entry['sha256'] for entry in recipe['clean'] + recipe['items']]
    return hashlib.sha256('\n'.join(parts).encode()).hexdigest()


def psnr(a, b):
    error = np.mean((a.astype(np.float64) - b.astype(np.float64)) ** 2)
    return 10 * np.log10(255 ** 2 / max(error, 1e-10))


def write_png(path, photo):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), cv2.cvtColor(photo, cv2.COLOR_RGB2BGR))
