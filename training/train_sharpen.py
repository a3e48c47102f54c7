"""Training of the sharpening before the last pass (`sharpen.py`), on the processor, in two commands.

    nice -n 19 python -m training.train_sharpen see --task blur --data PHOTOS/train PHOTOS/train512 --run /tmp/sharpen --seconds 900
    python -m training.train_sharpen fit --run /tmp/sharpen

`see` degrades views and keeps of each the spectra at five places and the normal equations of the filters' shares: from those
the squared error of any shares follows, without the picture. `fit` trains the layers on them (RUN/sharpen.pt, for
`train_refine train --sharpen RUN`); --check holds a tenth out. Several `see` with seeds of their own may fill one RUN; --kernels
narrows one to some of the generator's kernels. With --init STATE both go on from the filters and layers of that state.
"""

import argparse
import copy
import random
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .config import default_config
from .data import Photos, load_photos
from .degrade import blur
from .export import load
from .filters import bank
from .muon import Muon
from .objective import rate
from .sharpen import AROUND, Sharpen, init_sharpen, luma_of
from .train_refine import SIDE, views
from .vae import SLOPE

PART = 512  # views in a file
BATCH, DROPOUT = 256, 0.15
FLOOR = 1e-5  # added to squared errors (0..1 units)


def fresh(run: Path, state: str | None = None, task: str = "blur") -> Sharpen:
    """With the filters of RUN: what was seen holds for those, and another machine may turn their signs. `state`: goes on from there."""
    c, file = default_config()["refine"]["sharpen"], run / "bank.pt"
    run.mkdir(parents=True, exist_ok=True)
    known = load(state).refine[task].sharpen if state else None
    if not file.exists():
        torch.save(known.bank.weight.data if known else bank(c["filters"], c["side"]), file)
    net = Sharpen(c)
    init_sharpen(net, torch.load(file, weights_only=True))
    if known:
        if not torch.equal(known.bank.weight, net.bank.weight):
            raise SystemExit(f"{file} holds other filters than {state}")
        net.load_state_dict(known.state_dict())
    return net


def only(names: list[str]) -> None:
    """The generator blurs by these of its kernels alone."""
    for kind in set(blur.KINDS) - {blur.by_kernel}:
        del blur.KINDS[kind]
    for kernel in [k for k in blur.KERNELS if k.__name__ not in names]:
        del blur.KERNELS[kernel]


def looked_at(net: Sharpen, y: Tensor, x: Tensor) -> dict[str, Tensor]:
    """Of degraded and clean views [B, 3, SIDE, SIDE]: spectra [B, 5, 1088] half, and m, v, e such that shares s leave the
    mean squared error e - 2 v.s + s.m.s (every second px each way, 0..1 units)."""
    luma, end = luma_of(y), SIDE // 16 - 1 - AROUND // 2
    spectra, low = net.spectra(luma), AROUND // 2
    places = [(low, low), (low, end), (end, low), (end, end), ((low + end + 1) // 2,) * 2]
    seen = net.answers(luma, 2).flatten(2) / 2
    lacks = ((x - y) / 2)[:, :, ::2, ::2].flatten(2)
    n = seen.shape[-1]
    return {
        "spectra": torch.stack([spectra[:, :, r, c] for r, c in places], 1).half(),
        "m": seen @ seen.transpose(1, 2) / n,
        "v": (seen @ lacks.mean(1)[..., None])[..., 0] / n,
        "e": lacks.square().mean((1, 2)),
    }


@torch.no_grad()
def see(a: argparse.Namespace) -> None:
    run, end = Path(a.run), time.time() + a.seconds
    net = fresh(run, a.init, a.task)
    if a.kernels:
        only(a.kernels)
    photos = Photos(load_photos([Path(d) for d in a.data]), "cpu")
    rng, g, kept = random.Random(a.seed), torch.Generator().manual_seed(a.seed), []
    while time.time() < end:
        kept.append(looked_at(net, *views(photos, a.task, 8, rng, g)))
        if 8 * len(kept) == PART:
            part = {k: torch.cat([one[k] for one in kept]) for k in kept[0]}
            torch.save(part, run / f"{a.seed:03d}-{len(list(run.glob(f'{a.seed:03d}-*'))):04d}.pt")
            kept = []


def error(s: Tensor, seen: dict[str, Tensor]) -> Tensor:
    """Mean squared error [B] that shares [B, filters] leave."""
    return (seen["e"] - 2 * (s * seen["v"]).sum(-1) + torch.einsum("bi,bij,bj->b", s, seen["m"], s)).clamp_min(0)


class Layers(nn.Module):
    """The layers of `sharpen.py` for one place, and the scale of what they read, which is folded into the first one."""

    def __init__(self, net: Sharpen, spectra: Tensor):
        super().__init__()
        self.mean, self.std = spectra.mean((0, 1)), spectra.std((0, 1)) + 0.02
        self.layers, self.out = copy.deepcopy(net.layers), copy.deepcopy(net.out)

    def take(self) -> None:
        """The layers come from a trained network, whose first one reads what it is given: the reverse of `put_into`."""
        first = self.layers[0]
        first.bias.data.add_(first.weight.data[..., 0, 0] @ self.mean)
        first.weight.data.mul_(self.std[:, None, None])

    def forward(self, x: Tensor) -> Tensor:
        x = ((x.float() - self.mean) / self.std)[..., None, None]
        for layer in self.layers:
            x = F.dropout(F.leaky_relu(layer(x), SLOPE), DROPOUT, self.training)
        return self.out(x)[..., 0, 0]

    def put_into(self, net: Sharpen) -> None:
        net.layers.load_state_dict(self.layers.state_dict())
        net.out.load_state_dict(self.out.state_dict())
        first = net.layers[0]
        first.weight.data.div_(self.std[:, None, None])
        first.bias.data.sub_(first.weight.data[..., 0, 0] @ self.mean)


def gain(net: Layers, seen: dict[str, Tensor]) -> float:
    """Mean dB of damaged views, over their five places."""
    net.eval()
    with torch.no_grad():
        db = [10 * torch.log10((seen["e"] + FLOOR) / (error(net(seen["spectra"][:, place]), seen) + FLOOR)) for place in range(5)]
    net.train()
    return torch.stack(db, 1)[seen["e"] > FLOOR].mean().item()


def fit(a: argparse.Namespace) -> None:
    torch.manual_seed(a.seed)
    parts = [torch.load(f, weights_only=True) for f in sorted(Path(a.run).glob("*-*.pt"))]
    seen = {k: torch.cat([part[k] for part in parts]) for k in parts[0]}
    count = len(seen["e"])
    held = {k: v[-(count // 10) :] for k, v in seen.items()} if a.check else None
    count -= count // 10 if a.check else 0
    sharpen = fresh(Path(a.run), a.init, a.task)
    net = Layers(sharpen, seen["spectra"][torch.randperm(count)[:2000]].float())
    if a.init:
        net.take()
    ema = copy.deepcopy(net).requires_grad_(False)
    inner = [layer.weight for layer in net.layers]
    rest = [*(layer.bias for layer in net.layers), *net.out.parameters()]
    opts = [Muon(inner, a.lr), torch.optim.AdamW(rest, lr=a.lr, weight_decay=0.0)]
    for step in range(a.steps):
        for group in (group for opt in opts for group in opt.param_groups):
            group["lr"] = a.lr * rate(step / a.steps, step)
        at = torch.randint(count, (BATCH,))
        loss = 0.5 * torch.log(error(net(seen["spectra"][at, torch.randint(5, (BATCH,))]), {k: v[at] for k, v in seen.items()}) + FLOOR).mean()
        net.zero_grad(set_to_none=True)
        loss.backward()
        for opt in opts:
            opt.step()
        with torch.no_grad():
            for p, q in zip(ema.parameters(), net.parameters()):
                p.lerp_(q, 1 - min(0.998, (1 + step) / (10 + step)))
        if (step + 1) % 500 == 0:
            print(f"{time.strftime('%H:%M:%S')} step {step + 1} loss {loss.item():.3f}", f"held out {gain(ema, held):.3f} dB" if held else "", flush=True)
    ema.put_into(sharpen)
    torch.save(sharpen.state_dict(), Path(a.run) / "sharpen.pt")


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("what", choices=("see", "fit"))
    p.add_argument("--run", required=True, help="folder of what was seen, and of the result")
    p.add_argument("--task", default="blur")
    p.add_argument("--data", nargs="+", help="folders of clean photos")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--seconds", type=float, default=900)
    p.add_argument("--steps", type=int, default=5000)
    p.add_argument("--lr", type=float, default=2e-3)
    p.add_argument("--init", help="state to go on from")
    p.add_argument("--kernels", nargs="+", choices=[k.__name__ for k in blur.KERNELS], help="(see) only views blurred by these")
    p.add_argument("--check", action="store_true", help="hold a tenth out and say what is gained on it")
    a = p.parse_args()
    torch.set_num_threads(1)
    {"see": see, "fit": fit}[a.what](a)


if __name__ == "__main__":
    main()
