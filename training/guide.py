"""What a photo itself can become by smooth gains: the guided filter (He, Sun, Tang 2013, in the fast form of He, Sun 2015).

Haze takes light from every place by a share that changes little from place to place, and adds some; so does a soft reflection.
At every place a line gain * photo + offset is fitted to the restored photo around it, channel by channel, and these lines are averaged
over the surroundings. What comes out has the restored photo's brightness and colours and the degraded one's structure, which the
decoder only redraws. A last pass sees it and moves every place towards it as far as it says (refine.py).
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def box(x: Tensor, radius: int) -> Tensor:
    """Mean of (2 radius + 1)^2 places, those at the edge repeated beyond it."""
    return F.avg_pool2d(F.pad(x, (radius,) * 4, mode="replicate"), 2 * radius + 1, 1)


def guided(photo: Tensor, restored: Tensor, step: int, radius: int, epsilon: float) -> Tensor:
    """photo, restored [B, 3, H, W] in -1..1, H and W multiples of `step` -> the same shape, in -1..1.

    Moments are means of squares of `step` px, then of `radius` such squares each way, at every `step` px. `epsilon`: variance of
    the photo below which the gain goes towards 0 and even areas become what the restored photo is on average.
    """
    restored = restored.clamp(-1, 1)
    moments = torch.cat([photo, restored, photo * photo, photo * restored], 1)
    x, y, xx, xy = box(F.avg_pool2d(moments, step), radius).chunk(4, 1)
    gain = (xy - x * y) / (xx - x * x + epsilon)
    lines = box(torch.cat([gain, y - gain * x], 1), radius)
    gain, offset = F.interpolate(lines, scale_factor=step, mode="bilinear", align_corners=False).chunk(2, 1)
    return (gain * photo + offset).clamp(-1, 1)
