"""Contact sheet: per task one column of (degraded, restored, clean) crops, as a JPEG.

    python -m training.contact_sheet --export DIR --out sheet.jpg [--steps 4] [--size 256]
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from .config import TASKS
from .evaluate import degraded, run, test_set
from .export import load


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


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--export", required=True)
    p.add_argument("--out", required=True)
    p.add_argument("--data", required=True, help="folder with the validation photos")
    p.add_argument("--size", type=int, default=256)
    p.add_argument("--steps", type=int, default=4)
    a = p.parse_args()
    torch.set_num_threads(1)
    Image.fromarray(sheet(load(a.export), a.data, a.size, a.steps)).save(Path(a.out), quality=88)


if __name__ == "__main__":
    main()
