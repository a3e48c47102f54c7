"""Degradations: the same seed gives the same image, shapes and ranges hold, strength orders PSNR."""

import numpy as np
import pytest

from training.config import TASKS
from training.data import batch, task_cycle, thumbnail
from training.degrade import degrade


def photo(h: int, w: int, seed: int = 3) -> np.ndarray:
    rng = np.random.default_rng(seed)
    yy, xx = np.mgrid[:h, :w] / 40
    waves = [np.sin(yy * rng.uniform(0.3, 2) + xx * rng.uniform(0.3, 2)) for _ in range(3)]
    return (0.5 + 0.35 * np.stack(waves, -1)).astype(np.float32)


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(-10 * np.log10(((a - b) ** 2).mean() + 1e-12))


@pytest.mark.parametrize("task", TASKS)
def test_seeded(task):
    x, other = photo(96, 128), photo(96, 128, 4)
    a, b, c = (degrade(task, x, np.random.default_rng(s), 0.5, other) for s in (1, 1, 2))
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("size", [(64, 64), (97, 131)])
def test_shape_and_range(task, size):
    x = photo(*size)
    for level in (0.0, 1.0):
        y = degrade(task, x, np.random.default_rng(5), level, photo(*size, 4))
        assert y.shape == x.shape and y.dtype == np.float32
        assert 0 <= y.min() and y.max() <= 1
        assert np.abs(y * 255 - np.rint(y * 255)).max() < 1e-3


@pytest.mark.parametrize("task", TASKS)
def test_input_untouched(task):
    x = photo(64, 64)
    before = x.copy()
    degrade(task, x, np.random.default_rng(1), 0.7, photo(64, 64, 4))
    assert np.array_equal(x, before)


@pytest.mark.parametrize("task", TASKS)
def test_stronger_is_worse(task):
    x, other = photo(128, 128), photo(128, 128, 4)
    mean = [
        np.mean([psnr(degrade(task, x, np.random.default_rng(s), level, other), x) for s in range(8)])
        for level in (0.1, 0.9)
    ]
    assert mean[0] > mean[1] + 1


def test_batch_is_seeded_and_shaped():
    photos = [np.rint(photo(300, 320) * 255).astype(np.uint8)]

    def make(seed):
        rng = np.random.default_rng(seed)
        return batch(photos, np.ones(1), task_cycle(rng), rng, views=3, size=128, crop=64, per_view=2, clean_rate=0.5)

    a, b = make(1), make(1)
    assert all(np.array_equal(a[k], b[k]) for k in a)
    assert a["y"].shape == a["x"].shape == (6, 64, 64, 3) and a["thumb"].shape == (3, 64, 64, 3)
    clean = np.repeat(a["clean"], 2)
    assert np.array_equal(a["y"][clean], a["x"][clean])


def test_thumbnail_is_area_mean():
    p = np.rint(photo(128, 192) * 255).astype(np.uint8)
    want = p.reshape(64, 2, 64, 3, 3).mean((1, 3))
    assert np.abs(thumbnail(p) - want).max() <= 0.51
