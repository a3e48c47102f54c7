"""The whole restoration model: encoder, conditioning, transformer, decoder, sampler."""

import math

import torch
from torch import Tensor, nn

from .auto import AutoHead
from .conditioning import Conditioning, pack, position_ids, unpack
from .dit import DiT, rope_table
from .overview import held, look, overviews
from .refine import Refine, refine_nets
from .vae import SLOPE, Block, Decoder, Encoder


# Networks that are trained apart: the classifier, the last pass of some tasks, and some tasks' look at the whole photo.
APART = ("auto", "refine", "overview")


class Restorer(nn.Module):
    """See `restore` for use. Tensor names: `export_names`. `apart`: which of the networks that are trained apart it has."""

    def __init__(self, config: dict, apart: tuple[str, ...] = APART):
        super().__init__()
        self.config = config
        v, c, t = config["vae"], config["conditioning"], config["transformer"]
        token = 4 * v["latent_channels"]
        thumbs = (c["thumb"] // 16) ** 2
        self.text = c["task_tokens"] + thumbs
        self.encoder = Encoder(v)
        self.decoder = Decoder(v, t["vec_in_dim"])
        self.conditioning = Conditioning(len(c["tasks"]), c["task_tokens"], thumbs, token, t["context_in_dim"])
        self.dit = DiT(t)
        if "auto" in apart and "auto" in config:
            self.auto = AutoHead(config["auto"], len(c["tasks"]) + 1)
        if "refine" in apart and "refine" in config:
            self.refine = refine_nets(config["refine"])
        if "overview" in apart and "overview" in config:
            self.overview = overviews(config["overview"])
        self.preview = nn.Conv2d(v["latent_channels"], 12, 1)  # latents -> photo at 1/4 size, for training and previews

    def rope(self, h: int, w: int, **jitter) -> tuple[Tensor, Tensor]:
        """RoPE tables for a token grid of h rows and w columns behind the text tokens."""
        table = rope_table(position_ids(self.text, h, w, **jitter), self.dit.axes, self.dit.theta)
        return tuple(x.to(self.preview.weight.device) for x in table)

    def velocity(self, z: Tensor, z_ref: Tensor, txt, y, t: Tensor, rope, trace=None) -> Tensor:
        """z, z_ref [B, 16, 2h, 2w], t [B] in 0..1 -> velocity, the shape of z, fp32."""
        img = torch.cat([pack(z), pack(z_ref)], -1)
        v = self.dit(img, txt, y, t, rope, trace)
        return unpack(v.float(), z.shape[2] // 2, z.shape[3] // 2)

    def condition(self, task: Tensor, thumb: Tensor) -> tuple[Tensor, Tensor]:
        """task [B], thumb [B, 3, 64, 64] in -1..1 -> txt [B, 20, 128], y [B, 128]."""
        return self.conditioning(task, self.encoder(thumb)[0])

    def transport(self, z_ref: Tensor, txt: Tensor, y: Tensor, noise: Tensor, steps: int) -> Tensor:
        """Euler steps from z_ref + start_sigma * noise at t = 1 to the clean estimate at t = 0."""
        rope = self.rope(z_ref.shape[2] // 2, z_ref.shape[3] // 2)
        z = z_ref + self.config["start_sigma"] * noise
        for k in range(steps):
            t = torch.full((len(z),), 1 - k / steps, device=z.device)
            z = z - self.velocity(z, z_ref, txt, y, t, rope) / steps
        return z

    def refined(self, photo: Tensor, restored: Tensor, task: Tensor) -> Tensor:
        """The last pass, where the sample's task has one."""
        nets, tasks = getattr(self, "refine", {}), self.config["conditioning"]["tasks"]
        names = [tasks[n] for n in task.tolist()]
        rows = zip(names, photo.split(1), restored.split(1))
        return torch.cat([nets[name](*row) if name in nets else row[1] for name, *row in rows])

    def held(self, restored: Tensor, thumb: Tensor, task: Tensor) -> Tensor:
        """Whole photos with the low frequencies that a look at the thumbnail gives, where the sample's task has one."""
        nets, tasks = getattr(self, "overview", {}), self.config["conditioning"]["tasks"]
        if not nets:
            return restored
        sigma, doubt = (self.config["overview"][k] for k in ("sigma", "doubt"))

        def seen(net: nn.Module, out: Tensor, small: Tensor) -> Tensor:
            return held(out, *look(net, small, doubt), sigma)

        rows = zip((tasks[n] for n in task.tolist()), restored.split(1), thumb.split(1))
        return torch.cat([seen(nets[name], out, small) if name in nets else out for name, out, small in rows])

    @torch.no_grad()
    def restore(self, photo: Tensor, thumb: Tensor, task: Tensor, noise: Tensor, steps) -> Tensor | list[Tensor]:
        """photo [B, 3, H, W] in -1..1, noise [B, 16, H/8, W/8] -> restored, same range, not clamped.

        steps 0 switches the transformer off: the reference latent goes straight to the decoder, and nothing else is told of the whole.
        A tuple of step counts gives a list of results.
        """
        txt, y = self.condition(task, thumb)
        z_ref, skips = self.encoder(photo)
        out = []
        for n in steps if isinstance(steps, tuple) else (steps,):
            z = self.transport(z_ref, txt, y, noise, n) if n else z_ref
            restored = self.refined(photo, self.decoder(z, skips, photo, y), task)
            out.append(self.held(restored, thumb, task) if n else restored)
        return out if isinstance(steps, tuple) else out[0]


def init_weights(model: Restorer) -> None:
    """Training start: He for convs, halved second conv, zero gates, nearly silent last conv."""
    gain = math.sqrt(2 / (1 + SLOPE**2))
    for name, m in model.named_modules():
        if isinstance(m, nn.Conv2d):
            fan = m.in_channels * m.kernel_size[0] * m.kernel_size[1]
            scale = gain if name.endswith("conv1") else 1.0
            nn.init.normal_(m.weight, std=scale / math.sqrt(fan))
            if m.bias is not None:
                nn.init.zeros_(m.bias)
        elif isinstance(m, nn.Linear):
            nn.init.xavier_uniform_(m.weight)
            if m.bias is not None:
                nn.init.zeros_(m.bias)
    for m in model.modules():
        if isinstance(m, Block):
            m.conv2.weight.data.mul_(0.5)
            if hasattr(m, "film"):
                nn.init.zeros_(m.film.weight)
        if isinstance(m, (Decoder, Refine)):
            m.out.weight.data.mul_(0.05)
    for name, m in model.dit.named_modules():
        if name.endswith(("_mod.lin", "modulation.lin", "adaLN_modulation.1")):
            nn.init.zeros_(m.weight)
    model.dit.final_layer.linear.weight.data.mul_(0.3)  # not zero: moved latents differ from unmoved ones at once


def export_names(model: Restorer) -> dict[str, Tensor]:
    """Tensor names of the exported file: the transformer's names carry no prefix."""
    return {k.removeprefix("dit."): v for k, v in model.state_dict().items() if not k.startswith("preview.")}


def import_names(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Inverse of `export_names`."""
    own = ("encoder.", "decoder.", "conditioning.", *(f"{part}." for part in APART))
    return {k if k.startswith(own) else f"dit.{k}": v.float() for k, v in tensors.items()}
