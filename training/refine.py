"""The last pass over a decoded photo, for tasks whose small structure the decoder leaves: one small network each.

A three-level convolutional network that sees the degraded and the restored photo and adds a residual to the
restored one. For tasks of `sharpen` it also sees the degraded photo sharpened (sharpen.py), for those of `guide` the degraded photo under
smooth gains (guide.py), and moves every place of the restored photo towards that as far as it says. No layer normalises or pools over space, so a tile and the whole photo agree.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .guide import guided
from .sharpen import Sharpen
from .vae import SLOPE, Block, conv3, levels


class Refine(nn.Module):
    """photo, restored [B, 3, H, W] in -1..1, H and W multiples of 16 -> restored and refined, the same shape, not clamped."""

    def __init__(self, c: dict, sharpen: bool = False, guide: bool = False):
        super().__init__()
        w, n = c["widths"], c["blocks"]
        # Apart: onnxruntime's WebGPU gives wrong numbers for a convolution of the six channels together.
        self.photo = nn.Conv2d(3, w[0], 6, stride=2, padding=2, bias=False)
        self.stem = nn.Conv2d(3, w[0], 6, stride=2, padding=2)
        if sharpen:
            self.sharpen = Sharpen(c["sharpen"])
        self.guide = {k: v for k, v in c["guide"].items() if k != "tasks"} if guide else None
        if sharpen or guide:
            self.sharp = nn.Conv2d(3, w[0], 6, stride=2, padding=2, bias=False)
        self.before = nn.ModuleList(nn.ModuleList(Block(w[level]) for _ in range(n[level])) for level in range(3))
        self.down = nn.ModuleList(conv3(w[level], w[level + 1], stride=2) for level in range(2))
        self.up = nn.ModuleList(nn.Conv2d(w[level + 1], 4 * w[level], 1) for level in range(2))
        self.after = nn.ModuleList(nn.ModuleList(Block(w[level]) for _ in range(n[level])) for level in range(2))
        self.out = conv3(w[0], 16 if sharpen or guide else 12)

    def aim(self, photo: Tensor, restored: Tensor) -> Tensor | None:
        """What the restored photo may be moved towards, the same shape: the photo sharpened, or under smooth gains."""
        if hasattr(self, "sharpen"):
            return self.sharpen(photo)
        return guided(photo, restored, **self.guide) if self.guide else None

    def forward(self, photo: Tensor, restored: Tensor, sharp: Tensor | None = None) -> Tensor:
        """sharp: what `aim` gives, where that is known already."""
        h = self.photo(photo) + self.stem(restored)
        sharp = self.aim(photo, restored) if sharp is None else sharp
        if sharp is not None:
            h = h + self.sharp(sharp)
        out = F.pixel_shuffle(self.out(levels(self, h)), 2)
        return restored + out if sharp is None else restored + out[:, :3] + out[:, 3:] * (sharp - restored)


def refine_net(c: dict, task: str) -> Refine:
    return Refine(c, *(task in c.get(aid, {}).get("tasks", []) for aid in ("sharpen", "guide")))


def refine_nets(c: dict) -> nn.ModuleDict:
    """One network for each task of the configuration."""
    return nn.ModuleDict({task: refine_net(c, task) for task in c["tasks"]})


def init_refine(net: Refine) -> None:
    """He before a LeakyReLU, halved second convolutions, an almost silent end. `sharpen` is left to sharpen.py."""
    gain = math.sqrt(2 / (1 + SLOPE**2))
    for name, m in net.named_modules():
        if isinstance(m, nn.Conv2d) and not name.startswith("sharpen."):
            fan = m.in_channels * m.kernel_size[0] * m.kernel_size[1]
            scale = gain if name.endswith("conv1") else 0.5 if name.endswith("conv2") else 1.0
            nn.init.normal_(m.weight, std=scale / math.sqrt(fan))
            if m.bias is not None:
                nn.init.zeros_(m.bias)
    net.out.weight.data.mul_(0.05)
    if hasattr(net, "sharp"):
        nn.init.zeros_(net.sharp.weight)
    net.out.bias.data[12:] = 0.5
