"""GMSD against the bench's own test, whose value SciPy gave (bench/quality/metrics/metrics.test.ts)."""

import torch

from training.perceptual import gmsd

WIDTH, HEIGHT = 40, 28


def drawn(seed: int) -> torch.Tensor:
    values, state = [], seed
    for _ in range(3 * WIDTH * HEIGHT):
        state = (1664525 * state + 1013904223) % 2**32
        values.append(state >> 24)
    return torch.tensor(values).view(HEIGHT, WIDTH, 3)


def signed(x: torch.Tensor) -> torch.Tensor:
    return (x.permute(2, 0, 1)[None] / 127.5 - 1).requires_grad_()


def test_gmsd_is_that_of_the_bench():
    a = drawn(1)
    b = a * 3 // 4 + drawn(2) // 4
    assert abs(gmsd(signed(a), signed(b)).item() - 0.06108911589717377) < 1e-5
    assert gmsd(signed(a), signed(a)).item() < 2e-3


def test_gmsd_has_a_slope_everywhere():
    x = torch.zeros(1, 3, 16, 16, requires_grad=True)
    gmsd(x, torch.zeros(1, 3, 16, 16)).sum().backward()
    assert torch.isfinite(x.grad).all()
