"""The bank of the last pass for blur: filters that the inverse filters of the generator's kernels are mixtures of."""

import random

import torch
from torch import Tensor

from .degrade.blur import KERNELS
from .degrade.fields import Draw

N = 128  # side of the plane on which spectra are taken
NOISE = (0.0, 0.0, 1.0, 3.0)  # standard deviation in steps of 1/255, beside rounding


def kernels(count: int, seed: int) -> Tensor:
    """[count, K, K] as degrade/blur.py draws them."""
    d = Draw(count, torch.Generator().manual_seed(seed), random.Random(seed))
    level = d.uniform(0, 1) ** 0.85
    return d.by_kind({lambda _, v, e, f=f: f(v, e): p for f, p in KERNELS.items()}, level, level, 64)[:, 0].double()


def spectrum() -> Tensor:
    """Mean power of a photo's luma by frequency [N, N], variance .06 (0..1): f^-2.3, the usual fall of photos."""
    f = torch.fft.fftfreq(N).double()
    s = 1 / (f[:, None] ** 2 + f[None] ** 2 + 1e-4) ** 1.15
    return s / s.mean() * 0.06


def inverses(ks: Tensor, side: int, rng: random.Random) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The least-squares filters from a blurred photo to what it lacks, for kernels [n, K, K].

    Returns filters [n, side^2], their normal matrices [n, side^2, side^2], right sides [n, side^2] and the variance of what
    lacks [n]. A filter correlates (as conv2d does).
    """
    s, r = spectrum(), torch.arange(side) - side // 2
    at = torch.cartesian_prod(r, r)
    apart = (at[:, None] - at[None]) % N
    out = []
    for k in ks:
        h = torch.fft.fft2(torch.nn.functional.pad(k, (0, N - k.shape[1], 0, N - k.shape[0])).roll((-(k.shape[0] // 2),) * 2, (0, 1)))
        noise = (1 / 12 + rng.choice(NOISE) ** 2) / 255**2
        seen = torch.fft.ifft2(s * h.abs() ** 2).real
        seen[0, 0] += noise
        both = torch.fft.ifft2(s * (1 - h.conj()) * h).real
        both[0, 0] -= noise
        m, b = seen[apart[..., 0], apart[..., 1]], both[at[:, 0] % N, at[:, 1] % N]
        out.append((torch.linalg.solve(m, b), m, b, (s * (1 - h).abs() ** 2).mean() + noise))
    return tuple(torch.stack(v) for v in zip(*out))


def bank(count: int, side: int, samples: int = 900, seed: int = 7) -> Tensor:
    """[count, 1, side, side] float32: the mixtures' best common filters, each as strong as it is used on average."""
    f, m, _, lacks = inverses(kernels(samples, seed), side, random.Random(seed))
    low = torch.linalg.cholesky(m.mean(0))
    _, s, v = torch.linalg.svd(f @ low / lacks.sqrt()[:, None], full_matrices=False)
    b = torch.linalg.solve_triangular(low.T, (v[:count] * s[:count, None] * samples**-0.5).T, upper=True).T
    return b.reshape(count, 1, side, side).float()
