"""What one training step does: batch plan, schedules and the joint loss."""

import math
import random

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.functional import avg_pool2d, pixel_unshuffle

from .losses import fft_l1, flow, log_mse, psnr
from .model import Restorer

SECOND = 0.72  # progress at which the second stage begins: larger crops, web-style damage


def plan(progress: float, device: str, scale: float, factor: int = 1) -> dict:
    """Shape of the batch and its mixture by training progress 0..1; `factor` multiplies the views."""
    second = progress >= SECOND
    if device == "cpu":
        views, size, crop = (4, 384, 256) if second else (16, 192, 128)
    else:
        views, size, crop = (28, 432, 384) if second else (64, 384, 256)
    clean = 0.0 if progress < 0.15 else 0.1
    return {"views": factor * views, "size": size, "crop": crop, "scale": scale, "clean_rate": clean, "web": 0.25 * second}


def floor(progress: float) -> float:
    """Floor of the log-MSE: 1e-3, from 0.2 on falling to 1e-4 at 0.7."""
    return 10 ** (-3 - min(1.0, max(0.0, (progress - 0.2) / 0.5)))


def rate(progress: float, since: int) -> float:
    """Learning-rate factor: 200 warm-up steps and a cosine over the wall clock."""
    return min(1.0, (since + 1) / 200) * (0.5 + 0.5 * math.cos(math.pi * min(progress, 1.0)) + 1e-3)


def rope_jitter(h: int, rng: random.Random) -> dict:
    """Random spacing and offset, so that small crops visit the positions of large photos."""
    if rng.random() < 0.35:
        return {}
    s = rng.uniform(1, min(4, 64 / h))
    return {"spacing": (s, s), "offset": (rng.uniform(0, 64 - h * s + 1e-3), rng.uniform(0, 64 - h * s + 1e-3))}


def starts(model: Restorer, z_1: Tensor, z_ref: Tensor, z_x: Tensor, own: int, t: Tensor, aim) -> Tensor:
    """Latents at times t of the samples that do not start at t = 1: the first `own` lie on the model's own way from
    z_1, as at inference; the rest between z_1 and the clean latents (flow matching). z_x: clean latents of these samples."""
    first, t4 = len(z_1) - len(z_x), t[:, None, None, None]
    with torch.no_grad():
        part = slice(first, first + own)
        one = torch.ones(own, device=t.device)
        v = model.velocity(z_1[part], z_ref[part], aim[0][part], aim[1][part], one, aim[2])
    on_way = z_1[part] - (1 - t4[:own]) * v
    between = (1 - t4[own:]) * z_x[own:] + t4[own:] * z_1[first + own :]
    return torch.cat([on_way, between])


def step_loss(model: Restorer, b: dict[str, Tensor], progress: float, rng: random.Random) -> tuple[Tensor, dict]:
    """Loss of one batch: pixel (one-step clean estimate), spectrum, flow, readable latents, spread.

    Of the shuffled samples the first tenth keeps its latents and learns to give the photo back unchanged (what is
    restored, the transformer orders); the next half is moved in one step from t = 1; three tenths start from where the
    model's own first step left them; the last tenth from between clean and degraded latents, with the flow term alone.
    """
    y, x, n = b["y"], b["x"], len(b["y"])
    same, first, seen = max(1, n // 10), max(2, round(0.6 * n)), max(3, round(0.9 * n))
    with torch.autocast(y.device.type, torch.bfloat16):
        txt, vec = model.condition(b["task"], b["thumb"])
        z_ref, skips = model.encoder(y)
        with torch.no_grad():
            z_x = model.encoder(x[first:])[0]
        again = log_mse(model.preview(z_ref), pixel_unshuffle(avg_pool2d(y, 4), 2), 1e-3).mean()
        later = torch.rand(n - first, device=y.device).clamp(0.1, 0.95)
        t = torch.cat([torch.ones(first, device=y.device), later])
        z_1 = z_ref + model.config["start_sigma"] * torch.randn_like(z_ref)
        rope = model.rope(z_1.shape[2] // 2, z_1.shape[3] // 2, **rope_jitter(z_1.shape[2] // 2, rng))
        z_t = torch.cat([z_1[:first], starts(model, z_1, z_ref, z_x, seen - first, later, (txt, vec, rope))])
        v = model.velocity(z_t, z_ref, txt, vec, t, rope)
        z_0 = z_t - t[:, None, None, None] * v
        used = torch.cat([z_1[:same], z_0[same:seen]])
        out = model.decoder(used, [s[:seen] for s in skips], y[:seen], vec[:seen])
    target, low = torch.cat([y[:same], x[same:seen]]), floor(progress)
    weight = torch.ones(seen, device=y.device)
    weight[:same] = 0.5
    pixel = (weight * (log_mse(out, target, low) + 0.05 * fft_l1(out, target))).sum() / weight.sum()
    moved = flow(z_0[first:], z_x.detach(), z_x.var() + 1e-3).mean()
    spread = z_ref.std((0, 2, 3)).clamp_min(1e-3).log().square().mean()
    loss = pixel + 0.1 * moved + 0.1 * again + 0.2 * spread
    with torch.no_grad():
        gain = psnr(out, x[:seen]) - psnr(y[:seen], x[:seen])
        counts = ~b["clean"][:seen] & (torch.arange(seen, device=y.device) >= same)
        kept = psnr(out[:same], y[:same]).mean()
    return loss, {"pixel": pixel, "flow": moved, "auto": again, "z": z_ref.std(), "same": kept, "gain": gain,
                  "counts": counts}
