"""Which task a photo needs: what the first stages of a ResNet-50 see in crops at native resolution and in a thumbnail.

Noise, compression and blur show only at native resolution, haze and low light only in the whole, so both are seen.
Classes are the tasks in their order, then "clean". The stages are those of ImageNet (`backbone.py`) and stay as they are;
only the two layers behind them are trained (`train_auto.py`).
"""

from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .vae import SLOPE

LIMIT = 6.0  # features beyond so many standard deviations count as this many


def spread(h: Tensor) -> Tensor:
    """[B, C, H, W] -> [B, 2C]: mean and standard deviation over space."""
    mean = h.mean((2, 3), keepdim=True)
    deviation = (h - mean).square().mean((2, 3)).sqrt()
    return torch.cat([mean.flatten(1), deviation], 1)


class Bottleneck(nn.Module):
    """relu(x + conv3(relu(conv2(relu(conv1(x)))))), batch norms folded; a first block projects x and may halve it."""

    def __init__(self, inner: int, width: int, out: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(inner, width, 1, stride)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)
        self.conv3 = nn.Conv2d(width, out, 1)
        if inner != out:
            self.shortcut = nn.Conv2d(inner, out, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        h = F.relu(self.conv2(F.relu(self.conv1(x))))
        return F.relu((self.shortcut(x) if hasattr(self, "shortcut") else x) + self.conv3(h))


class Stages(nn.Module):
    """Stem and first stages of a ResNet-50; `backbone.py` has their weights."""

    def __init__(self, stem: int, widths: Sequence[int], blocks: Sequence[int]):
        super().__init__()
        self.register_buffer("offset", torch.zeros(3))  # of the photo's channels, in 0..255: the means of ImageNet
        self.stem = nn.Conv2d(3, stem, 7, stride=2, padding=3)
        self.stages, inner = nn.ModuleList(), stem
        for n, (width, count) in enumerate(zip(widths, blocks)):
            stage = nn.ModuleList()
            for b in range(count):
                stage.append(Bottleneck(inner, width, 4 * width, 2 if n > 0 and b == 0 else 1))
                inner = 4 * width
            self.stages.append(stage)

    def levels(self, x: Tensor) -> Iterator[Tensor]:
        """x [B, 3, S, S], RGB in -1..1 -> what stem and each stage give, [B, C, ...]."""
        h = F.relu(self.stem((x + 1) * 127.5 - self.offset[:, None, None]))
        yield h
        h = F.max_pool2d(h, 3, 2, 1)
        for stage in self.stages:
            for block in stage:
                h = block(h)
            yield h


class AutoHead(Stages):
    """See `forward`. Shares nothing with the restoration model."""

    def __init__(self, c: dict, classes: int):
        super().__init__(c["stem"], c["widths"], c["blocks"])
        total = c["stem"] + sum(4 * width for width in c["widths"])
        self.register_buffer("mean", torch.zeros(6 * total))  # of the features of training views
        self.register_buffer("scale", torch.ones(6 * total))  # inverse of their standard deviation
        self.fc1 = nn.Linear(6 * total, c["hidden"])
        self.fc2 = nn.Linear(c["hidden"], classes)

    def see(self, x: Tensor) -> Tensor:
        """x [B, 3, S, S], RGB in -1..1 -> [B, 2 C]: `spread` of the stem and of each stage."""
        return torch.cat([spread(h) for h in self.levels(x)], 1)

    def judge(self, crops: Tensor, thumb: Tensor) -> Tensor:
        """What `see` gives of crops [B, N, 2C] and thumbnail [B, 2C] -> logits [B, classes]."""
        features = torch.cat([crops.mean(1), crops.amax(1), thumb], 1)
        features = ((features - self.mean) * self.scale).clamp(-LIMIT, LIMIT)
        return self.fc2(F.leaky_relu(self.fc1(features), SLOPE))

    def forward(self, crops: Tensor, thumb: Tensor) -> Tensor:
        """crops [B, N, 3, 128, 128] and thumb [B, 3, 128, 128], RGB in -1..1 -> logits [B, classes]."""
        return self.judge(self.see(crops.flatten(0, 1)).unflatten(0, crops.shape[:2]), self.see(thumb))
