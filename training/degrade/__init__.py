"""Synthetic degradations as batched tensor operations, one module per task. See `degrade` and `mixed`."""

import hashlib
import random
from contextlib import nullcontext

import torch
from torch import Tensor

from . import blur, compression, flare, haze, low_light, moire, noise, rain, reflection
from .fields import Draw

APPLY = {
    "blur": blur.apply, "compression": compression.apply, "flare": flare.apply, "moire": moire.apply,
    "haze": haze.apply, "low-light": low_light.apply, "noise": noise.apply, "rain": rain.apply,
    "reflection": reflection.apply,
}

# Range of levels of the quick validation table; training uses 0 to 1.
TEST_LEVEL = {task: (0.3, 0.8) for task in APPLY} | {"blur": (0.4, 1.0), "compression": (0.4, 0.95)}


def choices(g: torch.Generator) -> random.Random:
    """Choices on the host that follow the generator: its state is kept on the host on any device."""
    return random.Random(hashlib.blake2b(g.get_state().numpy().tobytes(), digest_size=8).digest())


def rounded(y: Tensor) -> Tensor:
    return torch.round(y.clamp(0, 1) * 255) / 255


def full_precision(device: torch.device):
    """Undo an autocast of the caller: rounding steps need float32."""
    return torch.autocast(device.type, enabled=False) if torch.is_autocast_enabled(device.type) else nullcontext()


@torch.no_grad()
def degrade(
    task: str, x: Tensor, level: Tensor, g: torch.Generator, other: Tensor | None = None,
    rng: random.Random | None = None, most: int = 8,
) -> Tensor:
    """x [B, 3, H, W] float32 in 0..1, sRGB-coded -> degraded, same shape, clamped, in steps of 1/255.

    level [B] in 0..1: strength. g: generator on x's device; a seed gives the same result again on
    one device. other: a second photo of x's shape (reflection only; else x turned round stands in).
    rng chooses among the variants of a task; by default it follows g; at most `most`
    of them appear in one batch. H and W at least 32.
    Raises KeyError for an unknown task. Never waits for the device.
    """
    with full_precision(x.device):
        d = Draw(x.shape[0], g, rng or choices(g), most)
        x, level = x.float(), level.view(-1, 1, 1, 1).float()
        if task == "reflection":
            y = reflection.apply(x, level, d, x.flip(-1).roll(1, 0) if other is None else other.float())
        else:
            y = APPLY[task](x, level, d)
        return rounded(y)


from .chain import mixed  # noqa: E402  (it uses `degrade`)

__all__ = ["APPLY", "TEST_LEVEL", "degrade", "mixed"]
