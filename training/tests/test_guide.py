"""The photo under smooth gains, against closed forms."""

import torch
import torch.nn.functional as F

from training.guide import box, guided

C = {"step": 4, "radius": 2, "epsilon": 3e-5}


def noise(seed: int, h: int = 96, w: int = 128) -> torch.Tensor:
    return torch.rand(2, 3, h, w, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_a_box_is_a_mean_with_the_edge_repeated():
    x = torch.arange(6.0).view(1, 1, 1, 6).expand(1, 1, 4, 6).contiguous()
    assert torch.allclose(box(x, 1)[0, 0, 0], torch.tensor([1 / 3, 1, 2, 3, 4, 14 / 3]))


def test_haze_of_one_density_is_taken_back():
    """Where the restored photo is a line of the hazy one, it comes out, whatever the photo shows; a channel has its own line."""
    clear = noise(1)
    t, air = torch.tensor([0.3, 0.5, 0.7]).view(3, 1, 1), torch.tensor([0.8, 0.7, 0.6]).view(3, 1, 1)
    assert (guided(clear * t + air * (1 - t), clear, **C) - clear).abs().max() < 0.01


def test_structure_comes_from_the_photo_and_brightness_from_the_restored_one():
    """A pattern that the decoder laid over the restored photo goes; a slow change of brightness stays."""
    photo = 0.5 * noise(2)
    slow = torch.linspace(-0.2, 0.2, 128).expand_as(photo)
    grid = 0.1 * torch.sign(torch.sin(torch.arange(128) * torch.pi / 2 + 0.1)).expand_as(photo)
    out = guided(photo, photo + slow + grid, **C)
    assert (out - photo - slow)[..., 16:-16].abs().mean() < 0.02 < grid.abs().mean()


def test_even_areas_become_the_restored_photos_mean():
    photo, restored = torch.zeros(2, 3, 96, 128), noise(3)
    want = F.interpolate(box(box(F.avg_pool2d(restored, 4), 2), 2), scale_factor=4, mode="bilinear")
    assert torch.allclose(guided(photo, restored, **C), want, atol=1e-4)


def test_nothing_far_away_is_seen():
    photo, restored = noise(4), noise(5)
    part = guided(photo[..., :96], restored[..., :96], **C)
    assert torch.allclose(part[..., :64], guided(photo, restored, **C)[..., :64], atol=1e-6)
    assert part.abs().max() <= 1
