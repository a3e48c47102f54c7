"""Degradations: seeded, shaped, in range, stronger is worse, clean untouched; JPEG as Pillow makes it."""

import io
import random

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils._python_dispatch import TorchDispatchMode

from training.config import TASKS
from training.data import thumbnail
from training.degrade import degrade, mixed
from training.degrade.arrays import degrade as degrade_array
from training.degrade.codec import jpeg
from training.degrade.fields import Draw, demosaic, fft_conv, field, gaussian, small_gaussian, to_linear, to_srgb
from training.degrade.kernels import anisotropic, box, disc, gaussian_kernel, line, shake, sinc_kernel
from training.degrade.vp8 import directions, edges, flat_modes, small_modes, webp


def photos(b: int, h: int, w: int, seed: int = 3) -> torch.Tensor:
    """[B, 3, H, W]: waves, an edge and fine texture, as much at every frequency as photos roughly have."""
    g = torch.Generator().manual_seed(seed)
    x = field(Draw(b, g, random.Random(0)), h, w, 1000.0, 1.6, 3)
    x[..., h // 3 : h // 2, w // 4 : w // 2] *= 0.4
    return (torch.round((0.1 + 0.8 * x) * 255) / 255).contiguous()


def psnr(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return -10 * torch.log10(((a - b) ** 2).mean((1, 2, 3)) + 1e-12)


def gen(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def check(y: torch.Tensor, x: torch.Tensor) -> None:
    assert y.shape == x.shape and y.dtype == torch.float32
    assert torch.isfinite(y).all() and 0 <= y.min() and y.max() <= 1
    assert (y * 255 - torch.round(y * 255)).abs().max() < 1e-3


@pytest.mark.parametrize("task", TASKS)
def test_seeded_and_input_untouched(task):
    x, other, level = photos(3, 64, 96), photos(3, 64, 96, 4), torch.tensor([0.2, 0.5, 0.9])
    before = x.clone()
    a, b, c = (degrade(task, x, level, gen(s), other) for s in (1, 1, 2))
    assert torch.equal(a, b) and not torch.equal(a, c) and torch.equal(x, before)
    g = gen(1)
    first, next_ = degrade(task, x, level, g, other), degrade(task, x, level, g, other)
    assert torch.equal(first, a) and not torch.equal(first, next_)
    assert torch.equal(degrade(task, x, level, gen(1), other, random.Random(5)), degrade(task, x, level, gen(1), other, random.Random(5)))


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("b,h,w", [(1, 64, 64), (2, 97, 131), (1, 512, 320), (4, 128, 128)])
def test_shape_and_range(task, b, h, w):
    x = photos(b, h, w)
    for seed, level in ((5, 0.0), (6, 1.0)):
        check(degrade(task, x, torch.full((b,), level), gen(seed), photos(b, h, w, 4)), x)


@pytest.mark.parametrize("task", TASKS)
def test_extremes_stay_finite(task):
    flat = torch.tensor([0.0, 1.0, 0.5, 1 / 255]).view(4, 1, 1, 1).expand(4, 3, 64, 64).contiguous()
    for seed in range(6):
        for level in (0.0, 1.0):
            check(degrade(task, flat, torch.full((4,), level), gen(seed)), flat)


@pytest.mark.parametrize("task", TASKS)
def test_stronger_is_worse(task):
    x, other = photos(8, 96, 96).repeat(4, 1, 1, 1), photos(8, 96, 96, 4).repeat(4, 1, 1, 1)
    mean = [psnr(degrade(task, x, torch.full((32,), v), gen(1), other), x).mean().item() for v in (0.1, 0.5, 0.9)]
    assert mean[0] > mean[1] + 0.5 and mean[1] > mean[2] + 0.5


def test_mixed_groups_by_task_and_keeps_clean():
    x, other = photos(18, 64, 64), photos(18, 64, 64, 4)
    tasks, level = [i % 9 for i in range(18)], torch.full((18,), 0.5)
    clean = [i % 4 == 0 for i in range(18)]
    for web in (0.0, 1.0):
        a, b = (mixed(tasks, x, level, gen(1), other, clean, web) for _ in range(2))
        check(a, x)
        assert torch.equal(a, b)
        for i, keep in enumerate(clean):
            assert torch.equal(a[i], x[i]) == keep
    assert torch.equal(mixed(torch.tensor(tasks), x, level, gen(1), other, clean, 1.0), a)
    plain, again = (mixed([5] * 18, x, level, gen(1), None, None, 0.0, random.Random(1), s) for s in (0.0, 1.0))
    assert all(not torch.equal(plain[i], again[i]) for i in range(18))


def test_autocast_does_not_reach_inside():
    x, level = photos(2, 64, 64), torch.full((2,), 0.5)
    want = degrade("compression", x, level, gen(1))
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(degrade("compression", x, level, gen(1)), want)


def pillow(x: torch.Tensor, quality: int, subsampling: int) -> torch.Tensor:
    buf = io.BytesIO()
    array = (x * 255).round().byte().permute(1, 2, 0).numpy()
    Image.fromarray(array).save(buf, "JPEG", quality=quality, subsampling=subsampling)
    return torch.from_numpy(np.asarray(Image.open(buf), np.float32) / 255).permute(2, 0, 1)


@pytest.mark.parametrize("half", [True, False])
@pytest.mark.parametrize("h,w", [(128, 192), (101, 75)])
def test_jpeg_agrees_with_pillow(half, h, w):
    x = photos(6, h, w)
    quality = [5, 12, 25, 50, 75, 92]
    ours = jpeg(x, torch.tensor(quality).float(), half)
    real = torch.stack([pillow(v, q, 2 if half else 0) for v, q in zip(x, quality)])
    assert (psnr(ours, x) - psnr(real, x)).abs().max() < 0.3
    assert psnr(ours, real).min() > 35


def test_jpeg_shift_moves_the_grid():
    x, q = photos(1, 96, 96), torch.tensor([10.0])
    moved = jpeg(x, q, shift=(3, 5))
    jump = (moved[..., 1:] - moved[..., :-1]).abs().mean((0, 1, 2))
    best = max(range(8), key=lambda i: jump[i::8].mean())
    assert best == (7 - 5) % 8


def libwebp(x: torch.Tensor, quality: int) -> torch.Tensor:
    buf = io.BytesIO()
    Image.fromarray((x * 255).round().byte().permute(1, 2, 0).numpy()).save(buf, "WEBP", quality=quality)
    return torch.from_numpy(np.asarray(Image.open(buf).convert("RGB"), np.float32) / 255).permute(2, 0, 1)


@pytest.mark.parametrize("quality,step", [(5, 125.0), (20, 74.0), (60, 37.0)])
def test_webp_errs_as_libwebp_does(quality, step):
    """The steps are those of section 14.1 at the quantiser that libwebp takes for the quality."""
    x = photos(4, 160, 192)
    ours = webp(x, torch.full((4,), step), torch.full((4,), 0.2), torch.full((4,), 1.2))
    real = torch.stack([libwebp(v, quality) for v in x])
    check(ours, x)
    assert (psnr(ours, x) - psnr(real, x)).abs().max() < 1.5
    a, b = (ours - x).flatten(1), (real - x).flatten(1)
    assert ((a * b).sum(1) / (a.norm(dim=1) * b.norm(dim=1))).min() > 0.5


def test_webp_takes_one_step_a_sample_and_any_size():
    x = photos(3, 97, 131)
    step = torch.tensor([10.0, 60.0, 200.0])
    ours = webp(x, step, torch.zeros(3), torch.ones(3))
    loss = psnr(ours, x)
    assert loss[0] > loss[1] + 2 > loss[2] + 4
    assert torch.equal(ours[1:2], webp(x[1:2], step[1:2], torch.zeros(1), torch.ones(1)))


def test_webp_predicts_what_the_edges_say():
    """Section 12.3: by hand for the block at row 4, column 4 of a plane of known levels."""
    p = (torch.arange(12.0)[:, None] * 10 + torch.arange(12.0)[None]).view(1, 12, 12)
    left, corner, top = edges(p, 4, 4)
    assert left[0, 1, 1].tolist() == [43, 53, 63, 73] and corner[0, 1, 1].item() == 33
    assert top[0, 1, 1].tolist() == [34, 35, 36, 37, 38, 39, 40, 41]
    modes = small_modes(p)[0, 1, 1].view(10, 4, 4)
    assert modes[0].unique().tolist() == [(43 + 53 + 63 + 73 + 34 + 35 + 36 + 37) / 8]
    assert torch.allclose(modes[1], p[0, 4:8, 4:8])  # TrueMotion goes on with a plane
    assert torch.allclose(modes[2][0], torch.tensor([34.0, 35, 36, 37])) and torch.allclose(modes[3][:, 0], torch.tensor([43.0, 53, 63, 70.5]))
    assert torch.allclose(modes[4][0], torch.tensor([35.0, 36, 37, 38])) and modes[4][3, 3] == (40 + 3 * 41) / 4
    assert modes[5][0, 0] == (43 + 2 * 33 + 34) / 4 and modes[5][3, 0] == (73 + 2 * 63 + 53) / 4
    assert modes[9][3].tolist() == [73] * 4 and modes[9][0, 0] == 48
    assert torch.allclose(directions(p.device).sum(0), torch.ones(128))
    assert flat_modes(p, 4).shape == (1, 3, 3, 4, 16)


def test_transfer_functions_are_inverse():
    x = torch.linspace(0, 1, 256).view(1, 1, 16, 16)
    assert (to_srgb(to_linear(x)) - x).abs().max() < 1e-4


def test_filters_agree_with_direct_sums():
    x, s = photos(2, 64, 80), torch.tensor([0.7, 1.1]).view(2, 1, 1, 1)
    assert (gaussian(x, s) - small_gaussian(x, s, 9)).abs().max() < 5e-3
    assert (fft_conv(x, torch.nn.functional.pad(torch.ones(2, 1, 1, 1), (5, 5, 5, 5))) - x).abs().max() < 1e-5
    k = torch.zeros(2, 1, 5, 5)
    k[..., 2, 3] = 1  # convolution: moves to the right
    assert (fft_conv(x, k)[..., 1:] - x[..., :-1]).abs().max() < 1e-5
    flat = torch.full((1, 3, 32, 32), 0.3)
    assert (demosaic(flat) - flat).abs().max() < 1e-6
    n = torch.randn(2, 3, 128, 128, generator=gen(0))
    assert (small_gaussian(n, s, energy=True).std() - 1).abs() < 0.05


@pytest.mark.parametrize("kernel", [anisotropic, box, disc, gaussian_kernel, line, shake, sinc_kernel])
def test_kernels_sum_to_one_and_widen(kernel):
    spread = []
    for level in (0.0, 1.0):
        k = kernel(torch.full((16, 1, 1, 1), level), Draw(16, gen(1), random.Random(0)))
        assert torch.isfinite(k).all() and (k.sum((2, 3)) - 1).abs().max() < 1e-4
        spread.append(-(k**2).sum((2, 3)).mean().item())
    assert spread[1] > spread[0]


def test_by_kind_keeps_weights_and_order():
    d, seen = Draw(8, gen(0), random.Random(0)), [0, 0]
    x = torch.arange(8.0).view(8, 1, 1, 1)

    def a(v, level, e):
        seen[0] += e.b
        return v

    def b(v, level, e):
        seen[1] += e.b
        return v

    for _ in range(500):
        assert torch.equal(d.by_kind({a: 0.8, b: 0.2}, x, x, 3), x)
    assert abs(seen[0] / 4000 - 0.8) < 0.05


class Watch(TorchDispatchMode):
    """Fails on what would make the host wait for a GPU."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        assert name not in ("_local_scalar_dense", "nonzero", "masked_select", "unique_dim", "is_nonzero", "equal"), name
        if name in ("index", "index_put_"):
            assert all(i is None or i.dtype != torch.bool for i in args[1]), name
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("web", [0.0, 1.0])
def test_never_waits_for_the_device(web):
    x, level = photos(18, 64, 64), torch.full((18,), 0.5)
    for seed in range(4):
        with Watch():
            mixed([i % 9 for i in range(18)], x, level, gen(seed), x.roll(1, 0), [i == 3 for i in range(18)], web)


def test_array_form():
    x = photos(1, 70, 90)[0].permute(1, 2, 0).numpy()
    a, b = (degrade_array("haze", x, np.random.default_rng(1), 0.5) for _ in range(2))
    assert np.array_equal(a, b) and a.shape == x.shape and a.dtype == np.float32 and a.flags.c_contiguous


def test_thumbnail_is_area_mean():
    p = np.random.default_rng(0).integers(0, 255, (128, 192, 3)).astype(np.uint8)
    want = p.reshape(64, 2, 64, 3, 3).mean((1, 3))
    assert np.abs(thumbnail(p) - want).max() <= 0.51
