"""Contact sheets as a JPEG or PNG.

    python -m training.contact_sheet --data PHOTOS --export DIR --out sheet.jpg [--steps 4] [--size 256]
    python -m training.contact_sheet --data PHOTOS --degradations --out sheet.png [--photos 4] [--tasks T...]

With a model: per task one column of (degraded, restored, clean) crops. With --degradations no
model is needed: one row per task, each of its photos mild, medium and strong (levels .15, .5, .85).
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from .config import TASKS
from .degrade import degrade
from .evaluate import degraded, run, test_set
from .export import load

LEVELS = (0.15, 0.5, 0.85)


def as_bytes(x: torch.Tensor) -> np.ndarray:
    """[3, H, W] in -1..1 -> uint8 [H, W, 3]."""
    return ((x.clamp(-1, 1) + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()


def sheet(model, folder: str, size: int, steps: int) -> np.ndarray:
    """uint8 [3 size, 9 size, 3]; column n shows photo n of an even spread over the folder."""
    squares = test_set(folder, size, len(TASKS))
    columns = []
    for n, task in enumerate(TASKS):
        y = degraded(squares, task)[n]
        out = as_bytes(run(model, [y], task, steps)[0])
        columns.append(np.concatenate([np.rint(y * 255).astype(np.uint8), out, np.rint(squares[n] * 255).astype(np.uint8)]))
    return np.concatenate(columns, 1)


def severities(folder: str, size: int, photos: int, tasks: list[str], seed: int = 0) -> np.ndarray:
    """uint8 [tasks size, 3 photos size, 3]: per task every photo at LEVELS."""
    squares = test_set(folder, size, photos)
    x = torch.from_numpy(np.stack(squares)).permute(0, 3, 1, 2).repeat_interleave(len(LEVELS), 0).contiguous()
    level = torch.tensor(LEVELS).repeat(len(squares))
    rows = []
    for n, task in enumerate(tasks):
        g = torch.Generator().manual_seed(seed + n)
        y = degrade(task, x, level, g, x.roll(len(LEVELS), 0))
        rows.append(np.concatenate([as_bytes(v * 2 - 1) for v in y], 1))
    return np.concatenate(rows)


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = p.add_mutually_exclusive_group(required=True)
    what.add_argument("--export")
    what.add_argument("--degradations", action="store_true")
    p.add_argument("--out", required=True)
    p.add_argument("--data", required=True, help="folder with the photos")
    p.add_argument("--size", type=int, default=256)
    p.add_argument("--steps", type=int, default=4)
    p.add_argument("--photos", type=int, default=4)
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--tasks", nargs="*", default=TASKS, choices=TASKS)
    a = p.parse_args()
    torch.set_num_threads(1)
    if a.degradations:
        picture = severities(a.data, a.size, a.photos, a.tasks, a.seed)
    else:
        picture = sheet(load(a.export), a.data, a.size, a.steps)
    Image.fromarray(picture).save(Path(a.out), quality=90)


if __name__ == "__main__":
    main()
