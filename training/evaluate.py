"""PSNR per task on the validation photos.

    python -m training.evaluate --export DIR [--data PHOTOS] [--size 512] [--photos 41] [--tasks T...] [--json OUT]

Each photo is reduced so that its short side is `size`, cut to its central size x size square and
degraded with the fixed seed (777, task, photo) at a level within TEST_LEVEL. Columns: the degraded
input, the model at 1, 2, 4 and 8 steps, the transformer switched off, and a clean photo run
through the same task (all mean PSNR in dB after rounding to 8 bits).
"""

import argparse
import json
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import torch

from .config import TASKS
from .data import load_photos, thumbnail
from .degrade import TEST_LEVEL
from .degrade.arrays import degrade
from .losses import psnr

SEED = 777
STEPS = (1, 2, 4, 8)


def square(photo: np.ndarray, size: int) -> np.ndarray:
    """uint8 photo -> float32 [size, size, 3] in 0..1."""
    h, w, _ = photo.shape
    s = size / min(h, w)
    if s < 1:
        photo = cv2.resize(photo, (max(size, round(w * s)), max(size, round(h * s))), interpolation=cv2.INTER_AREA)
    h, w, _ = photo.shape
    y, x = (h - size) // 2, (w - size) // 2
    return photo[y : y + size, x : x + size].astype(np.float32) / 255


@lru_cache(2)
def test_set(folder: str, size: int, count: int) -> list[np.ndarray]:
    """The first `count` validation squares (evenly spread over the folder)."""
    photos = load_photos([Path(folder)])
    pick = np.linspace(0, len(photos) - 1, min(count, len(photos))).round().astype(int)
    return [square(photos[i], size) for i in pick]


def degraded(squares: list[np.ndarray], task: str) -> list[np.ndarray]:
    """The fixed degraded version of every square."""
    out = []
    for i, x in enumerate(squares):
        rng = np.random.default_rng([SEED, TASKS.index(task), i])
        out.append(degrade(task, x, rng, rng.uniform(*TEST_LEVEL[task]), squares[(i + 1) % len(squares)]))
    return out


def tensor(images: list[np.ndarray]) -> torch.Tensor:
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).mul(2).sub(1).contiguous()


def thumbs(images: list[np.ndarray]) -> torch.Tensor:
    return tensor([thumbnail(np.rint(i * 255).astype(np.uint8)).astype(np.float32) / 255 for i in images])


@torch.no_grad()
def run(model, images: list[np.ndarray], task: str, steps, bf16: bool = False, group: int = 2):
    """Restore squares [B, 3, H, W]; noise is seeded per photo. A tuple of step counts gives a list."""
    outs, device = [], model.preview.weight.device
    for i in range(0, len(images), group):
        part = images[i : i + group]
        photo = tensor(part)
        noise = torch.stack([
            torch.randn(16, photo.shape[2] // 8, photo.shape[3] // 8, generator=torch.Generator().manual_seed(i + j))
            for j in range(len(part))
        ])
        index = torch.full((len(part),), TASKS.index(task))
        with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            args = (v.to(device) for v in (photo, thumbs(part), index, noise))
            out = model.restore(*args, steps)
        outs.append([o.float().cpu() for o in out] if isinstance(steps, tuple) else out.float().cpu())
    if isinstance(steps, tuple):
        return [torch.cat(column) for column in zip(*outs)]
    return torch.cat(outs)


def quick(model, folder, size: int = 256, count: int = 8) -> str:
    """One line for the training log: gain at one step and with the transformer off, then clean."""
    squares = test_set(str(folder), size, count)
    clean, parts = tensor(squares), []
    for task in TASKS:
        y = degraded(squares, task)
        base = psnr(tensor(y), clean).mean().item()
        on, off = (psnr(out, clean).mean().item() - base for out in run(model, y, task, (1, 0), bf16=True))
        parts.append(f"{task} {base:.1f} {on:+.2f} ({off:+.2f})")
    kept = psnr(run(model, squares, "compression", 1, bf16=True), clean).mean().item()
    return " | ".join(parts) + f" | clean {kept:.1f}"


def table(model, folder, size: int, count: int, bf16: bool, tasks: list[str]) -> dict[str, dict[str, float]]:
    """Mean PSNR per task and column."""
    squares = test_set(str(folder), size, count)
    clean, rows = tensor(squares), {}
    for task in tasks:
        y = degraded(squares, task)
        row = {"input": psnr(tensor(y), clean).mean().item()}
        for s, out in zip((*STEPS, 0), run(model, y, task, (*STEPS, 0), bf16)):
            row[f"{s} step" if s else "off"] = psnr(out, clean).mean().item()
        row["clean"] = psnr(run(model, squares, task, 1, bf16), clean).mean().item()
        rows[task] = row
        print(f"| {task} | " + " | ".join(f"{v:.2f}" for v in row.values()) + " |", flush=True)
    return rows


def main() -> None:
    from .export import load

    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--export", required=True)
    p.add_argument("--data", required=True, help="folder with the validation photos")
    p.add_argument("--size", type=int, default=512)
    p.add_argument("--photos", type=int, default=41)
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--bf16", action="store_true")
    p.add_argument("--tasks", nargs="*", default=TASKS, choices=TASKS)
    p.add_argument("--json")
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    print("| task | input | " + " | ".join(f"{s} step" for s in STEPS) + " | DiT off | clean kept |", flush=True)
    print("|---|" + "---|" * (len(STEPS) + 3))
    rows = table(load(a.export).to(memory_format=torch.channels_last), a.data, a.size, a.photos, a.bf16, a.tasks)
    if a.json:
        Path(a.json).write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
