"""A batch of several tasks at once: grouped by task, some samples degraded twice or as on the web."""

import random

import torch
from torch import Tensor

from ..config import TASKS
from .codec import jpeg
from .fields import Draw, resize, small_gaussian
from .noise import camera

EXTRA = ("noise", "compression", "blur")  # second degradation of mixed samples


def web_chain(x: Tensor, d: Draw) -> Tensor:
    """Resize, blur, noise and JPEG in random order, as a photo that went through several sites."""
    h, w = x.shape[2:]

    def smaller(y: Tensor) -> Tensor:
        s = d.rng.uniform(0.5, 0.9)
        sides = (max(32, round(v * s / 16) * 16) for v in (h, w))
        return resize(y, *sides, d.rng.choice(["area", "bilinear", "bicubic"]))

    def soft(y: Tensor) -> Tensor:
        return small_gaussian(y, d.flag(0.6) * d.uniform(0.1, 1.2))

    def noisy(y: Tensor) -> Tensor:
        if d.rng.random() < 0.5:
            return camera(y.clamp(0, 1), d.uniform(0, 0.35), d)
        return y + d.uniform(1, 10) / 255 * d.normal(1, *y.shape[1:])

    def coded(y: Tensor) -> Tensor:
        return jpeg(y, d.uniform(40, 95), d.rng.random() < 0.8)

    steps = [smaller, soft, noisy, coded]
    d.rng.shuffle(steps)
    for step in steps:
        x = step(x)
    if x.shape[2:] != (h, w):
        x = resize(x, h, w, d.rng.choice(["bilinear", "bicubic"]))
    return jpeg(x, d.uniform(60, 95)) if d.rng.random() < 0.3 else x


@torch.no_grad()
def mixed(
    task_index: list[int] | Tensor, x: Tensor, level: Tensor, g: torch.Generator, other: Tensor | None = None,
    clean: list[bool] | None = None, web: float = 0.0, rng: random.Random | None = None, second: float = 0.2,
) -> Tensor:
    """Degrade sample i by task TASKS[task_index[i]]; arguments and result otherwise as in `degrade`.

    task_index: a list or a tensor on the host (one on the device would be waited for).
    second: share of the samples with a mild second degradation (noise, JPEG or blur at level 0 to .25).
    clean[i]: sample i is returned as it is. web: share that goes through `web_chain` at the end.
    """
    from . import choices, degrade, full_precision, rounded

    tasks = task_index if isinstance(task_index, list) else task_index.tolist()
    rng = rng or choices(g)
    out = list(x.unbind())
    dirty = [i for i in range(len(out)) if not (clean and clean[i])]

    def replace(ids: list[int], change) -> None:
        if ids:
            for i, y in zip(ids, change(torch.stack([out[i] for i in ids])).unbind()):
                out[i] = y

    def pick(values: Tensor, ids: list[int]) -> Tensor:
        return torch.stack([values[i] for i in ids])

    for task in dict.fromkeys(tasks):
        ids = [i for i in dirty if tasks[i] == task]
        if ids:
            pair = pick(other, ids) if other is not None and TASKS[task] == "reflection" else None
            replace(ids, lambda v: degrade(TASKS[task], v, pick(level, ids), g, pair, rng))
    again = [i for i in dirty if rng.random() < second]
    names = {i: rng.choice([e for e in EXTRA if e != TASKS[tasks[i]]]) for i in again}
    for name in EXTRA:
        ids = [i for i in again if names[i] == name]
        replace(ids, lambda v: degrade(name, v, Draw(len(ids), g, rng).uniform(0, 0.25), g, None, rng, 1))
    chained = [i for i in dirty if rng.random() < web]
    with full_precision(x.device):
        half = len(chained) // 2
        for ids in (chained[:half], chained[half:]):  # two orders per batch
            replace(ids, lambda v: rounded(web_chain(v, Draw(len(ids), g, rng))))
    return torch.stack(out)
