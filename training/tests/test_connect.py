"""The linear path of `connect`: equal latents add nothing, a brighter latent brightens the photo."""

import torch

from training.config import default_config
from training.connect import connect, weakest
from training.model import Restorer, init_weights


def test_connect_makes_the_decoder_follow_the_latent():
    torch.manual_seed(0)
    model = Restorer(default_config()).eval()
    init_weights(model)
    d = model.decoder
    torch.nn.init.zeros_(d.out.weight)  # a decoder that ignores everything
    photos = torch.nn.functional.interpolate(torch.rand(6, 3, 16, 16), size=64, mode="bicubic") * 2 - 1
    channels = [weakest(d, level, n) for level, n in enumerate((3, 3, 12))]
    explained = connect(model, photos, channels, gain=0.5)
    assert 0 < explained <= 1
    with torch.no_grad():
        z, skips = model.encoder(photos)
        y = torch.zeros(6, 128)
        same = d(z, skips, photos, y) - photos
        w = model.preview.weight[:, :, 0, 0]
        step = torch.linalg.pinv(w) @ torch.ones(12) * 0.4  # +0.4 in every preview value
        moved = d(z + step[None, :, None, None], skips, photos, y) - photos
    assert abs(float((moved - same).mean()) - 0.5 * 0.4) < 1e-3
