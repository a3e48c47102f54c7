"""Bank, spectra and training of the sharpening before the last pass, against closed forms."""

import math
import random
from argparse import Namespace

import pytest
import torch
import torch.nn.functional as F

from training import train_sharpen
from training.config import default_config
from training.degrade import blur
from training.export import random_model, write
from training.filters import inverses, kernels
from training.muon import orthogonal
from training.sharpen import FLOOR, Sharpen, init_sharpen, luma_of, waves
from training.train_sharpen import Layers, error, fit, fresh, looked_at, only

SMALL = {"tasks": ["blur"], "window": 32, "side": 5, "filters": 16, "width": 16}


def small() -> Sharpen:
    torch.manual_seed(3)
    net = Sharpen(SMALL)
    init_sharpen(net, 0.1 * torch.randn(16, 1, 5, 5))
    return net


def test_powers_are_those_of_a_windowed_fourier_transform():
    luma = torch.rand(1, 1, 64, 64, generator=torch.Generator().manual_seed(1)) * 2 - 1
    rows, real, imag = waves(32)
    h = F.conv2d(luma, rows, stride=(1, 16))
    power = sum(F.conv2d(h, w, stride=(16, 1), groups=17).square() for w in (real, imag))[0, :, 1, 1].view(17, 32)
    w = torch.sin(math.pi * (torch.arange(32) + 0.5) / 32)
    w = w / w.square().sum().sqrt()
    spectrum = torch.fft.fft2(luma[0, 0, 16:48, 16:48] * w[:, None] * w[None]).abs().square()
    for x in range(17):
        for y in range(-16, 16):
            assert power[x, y + 16] == pytest.approx(spectrum[y, x].item(), rel=1e-3, abs=1e-5)


def test_spectra_far_from_a_border_are_those_of_a_crop():
    net = small()
    luma = torch.rand(1, 1, 224, 320, generator=torch.Generator().manual_seed(2)) * 2 - 1
    whole, part = net.spectra(luma), net.spectra(luma[..., :256])
    assert whole.shape == (1, 1088, 14, 20)
    assert torch.allclose(whole[..., 5:10], part[..., 5:10], atol=1e-4)
    flat = net.spectra(torch.zeros(1, 1, 32, 32))
    assert torch.allclose(flat, torch.tensor(math.log(FLOOR) / 4))


def test_an_inverse_filter_takes_a_blur_back():
    """The least-squares filter of a Gaussian kernel on noise that has been blurred by that and rounded."""
    r = torch.arange(-12, 13).double()
    k = torch.exp(-(r[:, None] ** 2 + r[None] ** 2) / (2 * 1.5**2))
    k = k / k.sum()
    f, m, b, lacks = inverses(k[None], 21, random.Random(1))
    left = lacks - (b * f).sum(1)
    assert torch.allclose(torch.einsum("ni,nij,nj->n", f, m, f), (b * f).sum(1), rtol=1e-6)
    assert 10 * math.log10(lacks / left) > 3
    x = torch.randn(1, 1, 200, 200, generator=torch.Generator().manual_seed(4)).double()
    spectrum = torch.fft.rfftfreq(200)[None] ** 2 + torch.fft.fftfreq(200)[:, None] ** 2
    x = torch.fft.irfft2(torch.fft.rfft2(x) / (spectrum + 1e-4) ** 0.575, s=(200, 200))
    x = x / x.std() * 0.06**0.5
    y = (F.conv2d(x, k.view(1, 1, 25, 25), padding=12) * 255).round() / 255
    sharp = y + F.conv2d(y, f.view(1, 1, 21, 21), padding=10)
    before, after = ((v - x)[..., 30:-30, 30:-30].square().mean() for v in (y, sharp))
    assert 10 * math.log10(before / after) > 2.5


def test_kernels_are_drawn_again_and_sum_to_one():
    ks = kernels(12, 5)
    assert torch.equal(ks, kernels(12, 5)) and torch.allclose(ks.sum((1, 2)), torch.ones(12).double(), atol=1e-5)


def test_muon_makes_singular_values_alike():
    g = torch.randn(24, 40, generator=torch.Generator().manual_seed(6))
    for m in (g, g.T):
        s = torch.linalg.svdvals(orthogonal(m))
        assert s.min() > 0.6 and s.max() < 1.3


def test_errors_are_known_without_the_picture():
    net, g = small(), torch.Generator().manual_seed(7)
    x, y = (torch.rand(2, 3, 256, 256, generator=g) * 2 - 1 for _ in range(2))
    seen = looked_at(net, y, x)
    shares = torch.randn(2, 16, generator=g)
    out = y + (shares[..., None, None] * net.answers(luma_of(y))).sum(1, keepdim=True)
    expected = ((out - x) / 2)[..., ::2, ::2].square().mean((1, 2, 3))
    assert torch.allclose(error(shares, seen), expected, rtol=1e-3)


def test_the_layers_learn_and_are_put_into_the_network(tmp_path, monkeypatch):
    net, g = small(), torch.Generator().manual_seed(8)
    monkeypatch.setattr(train_sharpen, "fresh", lambda run, state, task: small())
    x = F.interpolate(torch.rand(16, 3, 64, 64, generator=g), scale_factor=4, mode="bilinear") * 2 - 1
    shares = 0.3 * torch.randn(16, generator=g)
    seen = looked_at(net, x, x + (shares.view(1, 16, 1, 1) * net.answers(luma_of(x))).sum(1, keepdim=True))
    torch.save(seen, tmp_path / "001-0000.pt")
    fit(Namespace(run=str(tmp_path), seed=1, check=False, lr=1e-3, steps=300, init=None, task="blur"))
    net.load_state_dict(torch.load(tmp_path / "sharpen.pt", weights_only=True))
    with torch.no_grad():
        left = error(net.shares(seen["spectra"][:, 0].float()[..., None, None])[..., 0, 0], seen)
    assert left.mean() < 0.2 * seen["e"].mean()


def test_the_scale_of_what_is_read_is_folded_in():
    net = small()
    layers = Layers(net, torch.rand(10, 5, 1088) * 3 + 1).eval()
    torch.nn.init.normal_(layers.out.weight)
    layers.put_into(net)
    spectra = torch.rand(2, 1088, generator=torch.Generator().manual_seed(9))
    assert torch.allclose(net.shares(spectra[..., None, None])[..., 0, 0], layers(spectra), rtol=1e-3, atol=1e-4)
    again = Layers(net, torch.rand(10, 5, 1088) * 2 - 4).eval()  # training goes on with views of another scale
    again.take()
    assert torch.allclose(again(spectra), layers(spectra), rtol=1e-3, atol=1e-4)


def test_training_goes_on_with_the_filters_and_layers_of_a_state(tmp_path):
    model = random_model()
    write(model, tmp_path / "state", half=False)
    known = model.refine["blur"].sharpen
    net = fresh(tmp_path / "run", str(tmp_path / "state"))
    assert all(torch.equal(v, net.state_dict()[k]) for k, v in known.state_dict().items())
    torch.save(known.bank.weight + 1, tmp_path / "run/bank.pt")
    with pytest.raises(SystemExit, match="other filters"):
        fresh(tmp_path / "run", str(tmp_path / "state"))


def test_views_can_be_of_some_kernels_alone(monkeypatch):
    monkeypatch.setattr(blur, "KINDS", dict(blur.KINDS))
    monkeypatch.setattr(blur, "KERNELS", dict(blur.KERNELS))
    only(["line", "shake"])
    assert list(blur.KINDS) == [blur.by_kernel] and list(blur.KERNELS) == [blur.line, blur.shake]


def test_the_default_bank_fits_its_network():
    c = default_config()["refine"]["sharpen"]
    assert Sharpen(c).bank.weight.shape == (c["filters"], 1, c["side"], c["side"])
