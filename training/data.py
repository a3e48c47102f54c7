"""Photos, training views and the data process.

A view is a square of a photo at a random scale, degraded as a whole; its thumbnail (64x64)
stands for the whole photo, and one or two crops of it are trained on. Arrays are uint8 HWC.
"""

import multiprocessing as mp
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from .config import TASKS
from .degrade import degrade

WEIGHTS = {"compression": 4.0, "blur": 3.0, "noise": 2.0, "haze": 2.0}  # others 1
CLEAN = {"haze": 2.5, "moire": 2.5}  # factor on the share of clean samples: these two take most from clean photos
EXTRA = ("noise", "compression", "blur")  # second degradation of mixed samples


def load_photos(folders: list[Path]) -> list[np.ndarray]:
    """All JPEGs of the folders, sorted by name, as uint8 [H, W, 3]."""
    files = [f for folder in folders for f in sorted(Path(folder).glob("*.jpg"))]
    return [np.asarray(Image.open(f).convert("RGB")) for f in files]


def view(photos: list[np.ndarray], size: int, rng: np.random.Generator, areas: np.ndarray) -> np.ndarray:
    """Random square view [size, size, 3] float32 in 0..1: scale .5-1, flips, turns, colour jitter."""
    p = photos[rng.choice(len(photos), p=areas)]
    h, w, _ = p.shape
    side = int(min(h, w, size / rng.uniform(0.5, 1.0)))
    y, x = rng.integers(0, h - side + 1), rng.integers(0, w - side + 1)
    crop = p[y : y + side, x : x + side]
    if side != size:
        crop = cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA)
    if rng.random() < 0.5:
        crop = crop[:, ::-1]
    if rng.random() < 0.25:
        crop = np.rot90(crop, int(rng.integers(1, 4)))
    v = crop.astype(np.float32) / 255
    if rng.random() < 0.6:
        v = v * rng.uniform(0.85, 1.15) * rng.uniform(0.95, 1.05, 3).astype(np.float32)
        v = np.power(np.clip(v, 0, 1), rng.uniform(0.85, 1.15))
        grey = v.mean(-1, keepdims=True)
        v = np.clip(grey + (v - grey) * rng.uniform(0.85, 1.15), 0, 1)
    return (np.rint(v * 255) / 255).astype(np.float32)


def task_cycle(rng: np.random.Generator):
    """Endless task indices: shuffled rounds in which each task appears by its weight."""
    round_ = [i for i, t in enumerate(TASKS) for _ in range(int(2 * WEIGHTS.get(t, 1.0)))]
    while True:
        yield from rng.permutation(round_)


def sample(photos, areas, size, task, clean, rng):
    """One degraded view and its target, both uint8 [size, size, 3]."""
    x = view(photos, size, rng, areas)
    if clean:
        y = x
    else:
        name = TASKS[task]
        other = view(photos, size, rng, areas) if name == "reflection" else None
        mild = rng.random() < 0.2 and name not in EXTRA
        y = degrade(name, x, rng, rng.uniform(0, 1), other)
        if mild:
            y = degrade(EXTRA[rng.integers(len(EXTRA))], y, rng, rng.uniform(0, 0.25))
        elif name in EXTRA and rng.random() < 0.12:
            second = EXTRA[rng.integers(len(EXTRA))]
            if second != name:
                y = degrade(second, y, rng, rng.uniform(0, 0.15))
    return (np.rint(a * 255).astype(np.uint8) for a in (y, x))


def thumbnail(photo: np.ndarray, side: int = 64) -> np.ndarray:
    """Whole photo [H, W, 3] uint8 -> [side, side, 3] by area averaging, aspect ignored."""
    return cv2.resize(photo, (side, side), interpolation=cv2.INTER_AREA)


def batch(photos, areas, tasks, rng, views: int, size: int, crop: int, per_view: int, clean_rate: float) -> dict:
    """Crops [views * per_view, crop, crop, 3], thumbs [views, 64, 64, 3], task and clean [views]."""
    ys, xs, thumbs, ids, cleans = [], [], [], [], []
    for _ in range(views):
        task = int(next(tasks))
        clean = bool(rng.random() < clean_rate * CLEAN.get(TASKS[task], 1.0))
        y, x = sample(photos, areas, size, task, clean, rng)
        thumbs.append(thumbnail(y))
        ids.append(task), cleans.append(clean)
        step = 1 if rng.random() < 0.25 else 16  # mostly keep the JPEG grid aligned
        for _ in range(per_view):
            r, c = (int(rng.integers(0, (size - crop) // step + 1)) * step for _ in range(2))
            ys.append(y[r : r + crop, c : c + crop]), xs.append(x[r : r + crop, c : c + crop])
    return {"y": np.stack(ys), "x": np.stack(xs), "thumb": np.stack(thumbs), "task": np.array(ids), "clean": np.array(cleans)}


def worker(folders, seed: int, queue: mp.Queue, progress, plan) -> None:
    """Fill the queue for ever. `progress` is a shared float 0..1, `plan(progress)` gives batch arguments."""
    cv2.setNumThreads(1)
    rng = np.random.default_rng(seed)
    photos = load_photos(folders)
    areas = np.array([p.shape[0] * p.shape[1] for p in photos], np.float64)
    areas /= areas.sum()
    tasks = task_cycle(rng)
    while True:
        queue.put(batch(photos, areas, tasks, rng, **plan(progress.value)))
