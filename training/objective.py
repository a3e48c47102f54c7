"""What one training step does: batch plan, schedules and the joint loss."""

import numpy as np
import torch
from torch.nn.functional import avg_pool2d, pixel_unshuffle

from .losses import flow, fft_l1, log_mse
from .model import Restorer


def plan(progress: float, factor: int = 1) -> dict:
    """Batch shape and share of clean samples by training progress 0..1; `factor` multiplies the batch."""
    clean = 0.0 if progress < 0.2 else 0.1
    if progress < 0.85:
        return {"views": 8 * factor, "size": 256, "crop": 128, "per_view": 2, "clean_rate": clean}
    return {"views": 6 * factor, "size": 384, "crop": 256, "per_view": 1, "clean_rate": clean}


def floor(progress: float) -> float:
    """Floor of the log-MSE: 1e-3, from 0.3 on falling to 1e-4 at 0.8."""
    return 10 ** (-3 - min(1.0, max(0.0, (progress - 0.3) / 0.5)))


def rate(progress: float, since: int) -> float:
    """Learning-rate factor: 200 warm-up steps and a cosine over the wall clock."""
    return min(1.0, (since + 1) / 200) * (0.5 + 0.5 * float(np.cos(np.pi * min(progress, 1.0))) + 1e-3)


def rope_jitter(h: int, rng: np.random.Generator) -> dict:
    """Random spacing and offset, so that small crops visit the positions of large photos."""
    if rng.random() < 0.35:
        return {}
    s = rng.uniform(1, min(4, 64 / h))
    return {"spacing": (s, s), "offset": tuple(rng.uniform(0, 64 - h * s + 1e-3, 2))}


def to_input(a: np.ndarray, device) -> torch.Tensor:
    """uint8 [B, H, W, 3] -> float [B, 3, H, W] in -1..1, channels last in memory."""
    x = torch.from_numpy(a).to(device).permute(0, 3, 1, 2).float().div(127.5).sub(1)
    return x.contiguous(memory_format=torch.channels_last)


def step_loss(model: Restorer, b: dict, progress: float, rng: np.random.Generator) -> tuple[torch.Tensor, dict]:
    """Loss of one batch: pixel (one-step clean estimate), spectrum, flow, readable latents."""
    device = model.preview.weight.device
    y, x, thumb = (to_input(b[k], device) for k in ("y", "x", "thumb"))
    n = len(y)
    k = n // len(thumb)
    with torch.autocast(device.type, torch.bfloat16):
        txt, vec = model.condition(torch.from_numpy(b["task"]).to(device), thumb)
        txt, vec = txt.repeat_interleave(k, 0), vec.repeat_interleave(k, 0)
        z_ref, skips = model.encoder(y)
        with torch.no_grad():
            z_x = model.encoder(x)[0]
        again = log_mse(model.preview(z_ref), pixel_unshuffle(avg_pool2d(y, 4), 2), 1e-3).mean()
        t = torch.where(torch.rand(n) < 0.6, torch.ones(n), torch.rand(n)).to(device)
        t4 = t[:, None, None, None]
        z_1 = z_ref + model.config["start_sigma"] * torch.randn_like(z_ref)
        z_t = (1 - t4) * z_x + t4 * z_1
        rope = model.rope(z_t.shape[2] // 2, z_t.shape[3] // 2, **rope_jitter(z_t.shape[2] // 2, rng))
        v = model.velocity(z_t, z_ref, txt, vec, t, rope)
        out = model.decoder(z_t - t4 * v, skips, y, vec)
    low = floor(progress)
    pixel = (t * (log_mse(out, x, low) + 0.05 * fft_l1(out, x))).sum() / t.sum()
    moved = flow(v, (z_1 - z_x).detach(), z_x.var() + 1e-3).mean()
    spread = z_ref.std((0, 2, 3)).clamp_min(1e-3).log().square().mean()
    loss = pixel + 0.1 * moved + 0.2 * again + 0.2 * spread
    return loss, {"pixel": pixel, "flow": moved, "auto": again, "z": z_x.std()}
