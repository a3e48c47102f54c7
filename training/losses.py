"""Losses of the joint training. Images are in -1..1; MSE below is in 0..1 units."""

import torch
from torch import Tensor


def log_mse(out: Tensor, target: Tensor, floor: float) -> Tensor:
    """Half the natural log of (MSE + floor), per sample [B]. Large errors cannot drown small ones."""
    mse = ((out - target) / 2).float().square().mean((1, 2, 3))
    return 0.5 * torch.log(mse + floor)


def fft_l1(out: Tensor, target: Tensor) -> Tensor:
    """Mean magnitude of the spectrum of the error over its RMS, weighted to small errors, per sample [B]."""
    d = ((out - target) / 2).float()
    rms = d.detach().square().mean((1, 2, 3)).sqrt()
    return torch.fft.rfft2(d, norm="ortho").abs().mean((1, 2, 3)) / (rms + 0.03)


def flow(z: Tensor, target: Tensor, variance: Tensor) -> Tensor:
    """Error of the clean latents that a velocity points to, over their variance, per sample [B]."""
    return (z - target).float().square().mean((1, 2, 3)) / variance


def psnr(out: Tensor, target: Tensor) -> Tensor:
    """Per-sample PSNR in dB [B] after clamping and rounding to 8 bits, images in -1..1."""
    a = torch.round((out.clamp(-1, 1) + 1) * 127.5)
    b = torch.round((target.clamp(-1, 1) + 1) * 127.5)
    return 10 * torch.log10(255.0**2 / (a - b).square().mean((1, 2, 3)).clamp_min(1e-6))
