"""The degradations for one photo held as an array, for tools and the validation table."""

import numpy as np
import torch

from . import degrade as batched


def degrade(task: str, x: np.ndarray, rng: np.random.Generator, level: float, other: np.ndarray | None = None):
    """x [H, W, 3] float32 in 0..1 -> degraded, same shape, rounded to 8 bits, still float32 in 0..1.

    level 0..1 is the strength; `other` is a second photo of the same size (reflection only).
    """

    def tensor(a: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(a, np.float32)).permute(2, 0, 1)[None].contiguous()

    g = torch.Generator().manual_seed(int(rng.integers(2**62)))
    y = batched(task, tensor(x), torch.tensor([float(level)]), g, None if other is None else tensor(other))
    return y[0].permute(1, 2, 0).contiguous().numpy()
