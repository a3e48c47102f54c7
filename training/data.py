"""Photos on the training device, random views of them, and batches.

A view is a square of a photo at a random scale, degraded as a whole; its thumbnail (64x64) stands for
the whole photo, and a crop of it is trained on. Images are float32 [B, 3, H, W] in 0..1, sRGB-coded.
Nothing here waits for the device: places are drawn on the host, values on the device.
"""

import random
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from .config import TASKS
from .degrade import mixed

# Share of each task among the views of a batch. Blur and compression gain least per sample.
SHARE = {"blur": 12, "compression": 10, "noise": 7, "haze": 6, "moire": 7, "low-light": 6, "reflection": 7, "flare": 5,
         "rain": 4}
CLEAN_MORE = ("haze", "moire")  # these take most from clean photos: twice the share of clean samples


def read_photo(path: Path) -> np.ndarray:
    """uint8 [H, W, 3]."""
    return np.asarray(Image.open(path).convert("RGB"))


def load_photos(folders: list[Path], workers: int = 1) -> list[np.ndarray]:
    """All JPEG and AVIF files of the folders, sorted by name, as uint8 [H, W, 3]."""
    files = [f for folder in folders for f in sorted(Path(folder).iterdir()) if f.suffix in (".jpg", ".avif")]
    if workers == 1:
        return [read_photo(f) for f in files]
    with ProcessPoolExecutor(workers) as pool:
        return list(pool.map(read_photo, files, chunksize=8))


class Photos:
    """The corpus as bytes on the device."""

    def __init__(self, photos: list[np.ndarray], device: str):
        self.items = [torch.from_numpy(p.copy()).to(device).permute(2, 0, 1).contiguous() for p in photos]
        self.short = np.array([min(p.shape[:2]) for p in photos])
        self.area = np.array([p.shape[0] * p.shape[1] for p in photos], np.float64)
        self.device = device

    def pick(self, side: int, count: int, rng: random.Random) -> list[Tensor]:
        """Squares [3, side, side] uint8 of photos that are large enough, drawn by area, flipped and turned."""
        weights = np.where(self.short >= side, self.area, 0)
        out = []
        for n in rng.choices(range(len(self.items)), weights.tolist(), k=count):
            p = self.items[n]
            y, x = (rng.randint(0, p.shape[d] - side) for d in (1, 2))
            s = p[:, y : y + side, x : x + side]
            s = s.flip(2) if rng.random() < 0.5 else s
            out.append(s.rot90(rng.randint(1, 3), (1, 2)) if rng.random() < 0.25 else s)
        return out

    def views(self, count: int, size: int, scale: float, rng: random.Random, g: torch.Generator) -> Tensor:
        """[count, 3, size, size]: reduced by `scale` to 1 (one scale for each eight views), jittered, in 8-bit steps."""
        weights = np.where(self.short >= size, self.area, 0).tolist()
        parts = []
        for start in range(0, count, 8):
            first = rng.choices(self.short.tolist(), weights)[0]  # so that small photos are seen by their share too
            side = min(first, round(size / rng.uniform(scale, 1)))
            part = torch.stack(self.pick(side, min(8, count - start), rng)).float() / 255
            parts.append(part if side == size else F.interpolate(part, (size, size), mode="bilinear", antialias=True))
        return torch.round(jitter(torch.cat(parts), g) * 255) / 255


def jitter(x: Tensor, g: torch.Generator) -> Tensor:
    """Exposure, white balance, gamma and saturation of six in ten views, +- 15 %."""
    def u(low: float, high: float, channels: int = 1) -> Tensor:
        return low + (high - low) * torch.rand(len(x), channels, 1, 1, generator=g, device=x.device)

    v = (x * u(0.85, 1.15) * u(0.95, 1.05, 3)).clamp(1e-6, 1).pow(u(0.85, 1.15))
    grey = v.mean(1, keepdim=True)
    v = (grey + (v - grey) * u(0.85, 1.15)).clamp(0, 1)
    return torch.where(u(0, 1) < 0.6, v, x)


def task_list(count: int, rng: random.Random) -> list[int]:
    """`count` task indices in the order of the tasks, each by its share; what does not divide is drawn."""
    total = sum(SHARE.values())
    exact = [count * SHARE[t] / total for t in TASKS]
    whole = [int(e) for e in exact]
    for n in rng.choices(range(len(TASKS)), [e - w + 1e-9 for e, w in zip(exact, whole)], k=count - sum(whole)):
        whole[n] += 1
    return [n for n, w in enumerate(whole) for _ in range(w)]


def clean_flags(tasks: list[int], rate: float, rng: random.Random) -> list[bool]:
    return [rng.random() < rate * (2 if TASKS[t] in CLEAN_MORE else 1) for t in tasks]


def batch(photos: Photos, plan: dict, rng: random.Random, g: torch.Generator) -> dict[str, Tensor]:
    """Shuffled samples of one step.

    y, x [B, 3, crop, crop] degraded and clean in -1..1; thumb [B, 3, 64, 64]; task [B] long; clean [B] bool: untouched.
    """
    n, size, crop = plan["views"], plan["size"], plan["crop"]
    tasks = task_list(n, rng)
    clean = clean_flags(tasks, plan["clean_rate"], rng)
    x = photos.views(n, size, plan["scale"], rng, g)
    other = photos.views(n, size, plan["scale"], rng, g)
    y = mixed(tasks, x, torch.rand(n, generator=g, device=x.device), g, other, clean=clean, web=plan["web"], rng=rng)
    ys, xs = [], []
    for k in range(n):
        step = 1 if rng.random() < 0.25 else 16  # mostly keep the JPEG grid aligned
        r, c = (rng.randint(0, (size - crop) // step) * step for _ in range(2))
        ys.append(y[k, :, r : r + crop, c : c + crop]), xs.append(x[k, :, r : r + crop, c : c + crop])
    order = torch.randperm(n, generator=g, device=x.device)
    whole = {"y": torch.stack(ys), "x": torch.stack(xs), "thumb": F.interpolate(y, (64, 64), mode="area")}
    out = {k: to_signed(v[order]) for k, v in whole.items()}
    labels = {"task": torch.tensor(tasks), "clean": torch.tensor(clean)}
    return out | {k: v.to(x.device, non_blocking=True)[order] for k, v in labels.items()}


def to_signed(x: Tensor) -> Tensor:
    """0..1 -> -1..1, channels last in memory."""
    return (x * 2 - 1).contiguous(memory_format=torch.channels_last)


def thumbnail(photo: np.ndarray, side: int = 64) -> np.ndarray:
    """Whole photo [H, W, 3] uint8 -> [side, side, 3] by area averaging, aspect ignored."""
    import cv2

    return cv2.resize(photo, (side, side), interpolation=cv2.INTER_AREA)
