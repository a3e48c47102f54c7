"""The look at the whole photo: its arithmetic, and its training's three commands."""

import math
import random
from argparse import Namespace

import numpy as np
import pytest
import torch
from PIL import Image

from training import train_overview
from training.config import default_config
from training.export import load, random_model, write
from training.model import Restorer
from training.overview import Overview, held, look, low


def test_an_untrained_end_leaves_the_thumbnail():
    net = Overview(default_config()["overview"])
    net.out.weight.data.zero_(), net.out.bias.data.zero_()
    thumb = torch.rand(2, 3, 64, 64) * 2 - 1
    assert torch.equal(net(thumb), thumb)
    net.out.bias.data[:3] = 0.5  # half as much light again, of what is above black
    assert torch.allclose(net(thumb), thumb + 0.5 * (thumb + 1), atol=1e-6)


def test_low_frequencies_of_a_wave_and_of_an_even_area():
    assert torch.allclose(low(torch.full((1, 3, 64, 64), 0.3), 4.0), torch.tensor(0.3), atol=1e-6)
    wave = torch.cos(2 * math.pi * torch.arange(64) / 16).expand(1, 1, 64, 64).contiguous()
    damped = low(wave, 3.0)[0, 0, 32, 16:48]  # a Gaussian takes exp(-(sigma 2 pi / 16)^2 / 2) of it
    assert torch.allclose(damped, math.exp(-((3 * 2 * math.pi / 16) ** 2) / 2) * wave[0, 0, 32, 16:48], atol=0.01)


def test_a_photo_takes_brightness_from_the_picture_and_keeps_its_detail():
    photo = (torch.rand(1, 3, 128, 192, generator=torch.Generator().manual_seed(1)) - 0.5) * 0.4
    out = held(photo, torch.full((1, 3, 64, 64), 0.25), torch.tensor(1.0), 4.0)
    assert abs(out.mean().item() - 0.25) < 1e-3
    most = held(photo, torch.full((1, 3, 64, 64), 0.25), torch.tensor(0.7), 4.0)
    assert abs(most.mean().item() - (0.7 * 0.25 + 0.3 * photo.mean().item())) < 1e-3
    assert torch.corrcoef(torch.stack([photo.flatten(), out.flatten()]))[0, 1] > 0.99
    dark = held(torch.full((1, 3, 64, 64), -0.9), torch.full((1, 3, 64, 64), -1.4), torch.tensor(1.0), 4.0)
    assert torch.allclose(dark, torch.tensor(-1.0), atol=1e-5)  # no darker than black


def test_restore_looks_for_its_tasks_alone_and_not_without_the_transformer():
    model = random_model()
    with_it, photo = default_config()["overview"]["tasks"], torch.rand(2, 3, 64, 64) * 2 - 1
    tasks = model.config["conditioning"]["tasks"]
    rows = torch.tensor([tasks.index(with_it[0]), tasks.index("blur")])
    noise = torch.randn(2, 16, 8, 8)
    seen = model.restore(photo, photo, rows, noise, (0, 1))
    nets, model.overview = model.overview, torch.nn.ModuleDict()
    blind = model.restore(photo, photo, rows, noise, (0, 1))
    assert torch.equal(seen[0], blind[0]) and torch.equal(seen[1][1], blind[1][1])
    with torch.no_grad():
        c = model.config["overview"]
        assert torch.equal(seen[1][0], held(blind[1][:1], *look(nets[with_it[0]], photo[:1], c["doubt"]), c["sigma"])[0])


class Side(torch.nn.Module):
    """Says of the left half alone that it was brighter by `step`."""

    def __init__(self, step: float, both: bool):
        super().__init__()
        self.step, self.both = step, both

    def forward(self, thumb: torch.Tensor) -> torch.Tensor:
        half = torch.arange(thumb.shape[3]) < thumb.shape[3] // (1 if self.both else 2)
        return thumb + self.step * half


def test_two_looks_agree_as_far_as_the_mirror_image_is_seen_alike():
    thumb = torch.zeros(2, 3, 16, 16)
    mean, agreement = look(Side(0.5, both=True), thumb, 4.0)
    assert torch.equal(mean, torch.full_like(thumb, 0.5)) and torch.equal(agreement, torch.ones(2, 1, 1, 1))
    mean, agreement = look(Side(0.5, both=False), thumb, 4.0)
    assert torch.equal(mean, torch.full_like(thumb, 0.25))  # of one half each
    assert torch.allclose(agreement, torch.tensor(0.25**2 / (0.25**2 + 4 * 0.25**2)))
    assert torch.equal(look(Side(0.5, both=False), thumb, 0.0)[1], torch.ones(2, 1, 1, 1))
    assert torch.equal(look(Side(0.0, both=True), thumb, 4.0)[1], torch.ones(2, 1, 1, 1))  # nothing changed


@pytest.fixture
def photos(tmp_path):
    (tmp_path / "photos").mkdir()
    rng = np.random.default_rng(0)
    for n in range(train_overview.HELD + 2):
        small = rng.integers(0, 255, (9, 12, 3), np.uint8)
        Image.fromarray(small).resize((240, 200)).save(tmp_path / f"photos/{n:02d}.jpg")
    return tmp_path / "photos"


def test_a_view_is_a_part_of_a_photo_or_of_two_beside_each_other():
    rng = random.Random(3)
    flat = [torch.full((3, 200, 300), v) for v in (0.0, 1.0)]
    seen = [train_overview.view(flat, rng) for _ in range(60)]
    assert all(v.shape == (3, 64, 64) for v in seen)
    two = [v for v in seen if v.min() < 0.01 and v.max() > 0.99]
    assert 5 < len(two) < 30  # half of them are of two, and half of those of two that differ
    assert all((v[0].std(0).max() < 1e-6) != (v[0].std(1).max() < 1e-6) for v in two)  # one straight border


def test_views_training_and_state(tmp_path, photos, monkeypatch):
    monkeypatch.setattr(train_overview, "PART", 128)
    a = Namespace(task="reflection", data=[str(photos)], views=str(tmp_path / "views"), held=str(tmp_path / "held"), held_out=False,
                  run=str(tmp_path / "run"), state=str(tmp_path / "state"), init=None, like=None, count=256, seed=7, seconds=3.0, lr=7e-4)
    train_overview.see(Namespace(**{**vars(a), "views": a.held, "held_out": True, "count": 64}))
    train_overview.see(a)
    pairs, clean = train_overview.views(a.views)
    assert pairs.shape == (256, 2, 3, 64, 64) and len(train_overview.views(a.held)[0]) == 64
    same = (pairs[:, 0] == pairs[:, 1]).all(3).all(2).all(1)
    assert clean.any() and same[clean].all() and not same[~clean].any()
    first = pairs.clone()
    train_overview.see(a)
    assert torch.equal(train_overview.views(a.views)[0], first)  # by their seed
    train_overview.fit(a)
    c = default_config()
    del c["overview"]
    write(Restorer(c), tmp_path / "state", half=True)  # a state from before there were such
    train_overview.put(a)
    back, kept = load(tmp_path / "state"), torch.load(tmp_path / "run/overview.pt", weights_only=True)
    assert back.config["overview"]["tasks"] == list(back.overview) == ["reflection"]
    assert torch.equal(back.overview["reflection"].stem.weight, kept["stem.weight"].half().float())
    (tmp_path / "run/deadline").write_text("0")
    train_overview.fit(Namespace(**{**vars(a), "init": str(tmp_path / "state")}))  # ends at once, with what it began with
    assert torch.equal(torch.load(tmp_path / "run/overview.pt", weights_only=True)["stem.weight"], back.overview["reflection"].stem.weight)
