"""Give a decoder that ignores its latent a linear path from the latent to the residual.

    python -m training.connect --checkpoint CKPT --data PHOTOS --gain 0.4

Found necessary after 950 updates: the transformer moved latents correctly, but the decoder gave the
same photo for the moved, the unmoved and even a zero latent. Twelve of the 128 deepest decoder channels
are re-used to carry preview(z) - preview(z_ref), the second term estimated from the deepest skip by
least squares; three channels each at H/4 and H/2 pass it up, and it is added to the residual with `gain`.
The other weights keep what they learned. Works in place on the checkpoint (model and EMA).
"""

import argparse
from pathlib import Path

import numpy as np
import torch

from .config import TASKS
from .data import load_photos, sample
from .model import Restorer


def views(folder: Path, count: int, seed: int = 5) -> torch.Tensor:
    """Degraded training views [count, 3, 256, 256] in -1..1, tasks in turn."""
    rng = np.random.default_rng(seed)
    photos = load_photos([folder])
    areas = np.full(len(photos), 1 / len(photos))
    ys = [next(iter(sample(photos, areas, 256, i % len(TASKS), False, rng))) for i in range(count)]
    return torch.from_numpy(np.stack(ys)).permute(0, 3, 1, 2).float().div(127.5).sub(1)


def weakest(decoder, level: int, count: int) -> torch.Tensor:
    """Channels of a level that the layers after it read least."""
    after = decoder.up[level - 1] if level else decoder.out
    use = after.weight.abs().sum((0, 2, 3))
    for block in decoder.blocks[level]:
        use = use + block.conv1.weight.abs().sum((0, 2, 3))
    return use.argsort()[:count]


def clear(decoder, level: int, keep: torch.Tensor) -> None:
    """Nothing writes to or reads the channels `keep` of a level any more."""
    width = decoder.merge[level].out_channels
    merge = decoder.merge[level]
    merge.weight[keep], merge.bias[keep] = 0, 0
    merge.weight[:, keep] = 0  # they arrive from below under the same numbers
    for block in decoder.blocks[level]:
        block.conv2.weight[keep], block.conv2.bias[keep] = 0, 0
        block.conv1.weight[:, keep] = 0
    after = decoder.up[level - 1] if level else decoder.out
    after.weight[:, keep] = 0
    assert width > len(keep)


@torch.no_grad()
def connect(model: Restorer, photos: torch.Tensor, channels: list[torch.Tensor], gain: float) -> float:
    """Rewire; returns the share of the reference preview's variance that the skip explains."""
    d = model.decoder
    z, skips = model.encoder(photos)
    target = model.preview(z).movedim(1, -1).flatten(0, -2)
    known = skips[2].movedim(1, -1).flatten(0, -2)
    ones = torch.cat([known, torch.ones(len(known), 1)], 1)
    fit = torch.linalg.lstsq(ones.T @ ones + 1e-3 * len(ones) * 1e-3 * torch.eye(ones.shape[1]), ones.T @ target)[0]
    explained = 1 - (ones @ fit - target).var() / target.var()
    for level in range(3):
        clear(d, level, channels[level])
    first, deep = getattr(d, "in"), channels[2]
    first.weight[deep], first.bias[deep] = 0, model.preview.bias
    first.weight[deep, :, 1, 1] = model.preview.weight[:, :, 0, 0]
    width = d.merge[2].out_channels
    d.merge[2].weight[deep, deep, 0, 0] = 1
    d.merge[2].weight[deep, width:, 0, 0] = -fit[:-1].T
    d.merge[2].bias[deep] = -fit[-1]
    for level in (1, 0):  # twelve values become 3 colours x 2 x 2, then nearest neighbours
        up = d.up[level]
        for colour in range(3):
            to = int(channels[level][colour])
            for sub in range(4):
                up.weight[4 * to + sub], up.bias[4 * to + sub] = 0, 0
                source = deep[4 * colour + sub] if level == 1 else channels[1][colour]
                up.weight[4 * to + sub, int(source), 0, 0] = 1
            d.merge[level].weight[to, to, 0, 0] = 1
            if level == 0:
                d.out.weight[4 * colour : 4 * colour + 4, to, 1, 1] = gain
    return float(explained)


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--checkpoint", required=True)
    p.add_argument("--data", required=True, help="folder with train/, train512/ and val/")
    p.add_argument("--gain", type=float, default=0.4)
    p.add_argument("--sigma", type=float, default=0.05, help="new start_sigma")
    p.add_argument("--out")
    a = p.parse_args()
    torch.set_num_threads(1)
    state = torch.load(a.checkpoint, weights_only=True)
    state["config"]["start_sigma"] = a.sigma
    photos = views(Path(a.data) / "train512", 27)
    channels = None
    for part in ("ema", "model"):
        model = Restorer(state["config"])
        model.load_state_dict(state[part])
        channels = channels or [weakest(model.decoder, level, n) for level, n in enumerate((3, 3, 12))]
        print(part, "explained", connect(model, photos, channels, a.gain))
        state[part] = model.state_dict()
    torch.save(state, a.out or a.checkpoint)


if __name__ == "__main__":
    main()
