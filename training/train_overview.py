"""Training of a task's look at the whole photo (`overview.py`) on the processor, in three commands.

    python -m training.train_overview see --task reflection --data PHOTOS/train PHOTOS/train512 --views /tmp/overview --count 102400 --seed 31
    nice -n 19 python -m training.train_overview fit --task reflection --views /tmp/overview --run /tmp/overview/run --seconds 3600
    python -m training.train_overview put --task reflection --run /tmp/overview/run --state training/state

`see` keeps thumbnails of degraded and clean views as bytes, 300 a second; views of every sixteenth photo are not trained on.
A file RUN/deadline with a Unix time moves the end of a `fit` that runs.
"""

import argparse
import copy
import os
import random
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .config import TASKS, default_config
from .data import jitter, load_photos
from .degrade import mixed
from .export import load, write
from .losses import psnr
from .objective import rate
from .overview import Overview, low
from .train_refine import optimisers

SIDE, SHORT, PART, VIEWS, HELD = 64, 192, 25600, 32, 16  # thumbnail, photos' shorter side, views of a file, of a batch; photos held out
CLEAN = 0.08
FLOOR = 1e-3  # of the mean square in 0..1: what no smooth line can take back counts little, and untouched views do not hold all others back


def shrunk(folders: list[Path]) -> list[Tensor]:
    """The photos, [3, H, W] in 0..1 with the shorter side at SHORT: a thumbnail needs no more."""
    out = []
    for photo in load_photos(folders):
        x = torch.from_numpy(photo.copy()).permute(2, 0, 1)[None].float() / 255
        scale = SHORT / min(x.shape[2:])
        out.append(F.interpolate(x, [round(n * scale) for n in x.shape[2:]], mode="bilinear", antialias=True)[0])
    return out


def view(photos: list[Tensor], rng: random.Random) -> tuple[int, Tensor]:
    """Number of a photo and a part of it [3, SIDE, SIDE]: half to all of its shorter side, up to 3 to 2, made square as thumbnails are."""
    n = rng.randrange(len(photos))
    h, w = photos[n].shape[1:]
    side, aspect = min(h, w) * rng.uniform(0.5, 1), rng.uniform(0.65, 1.55) ** 0.5
    a, b = min(h, round(side * aspect)), min(w, round(side / aspect))
    y, x = rng.randint(0, h - a), rng.randint(0, w - b)
    part = photos[n][:, y : y + a, x : x + b]
    part = part.flip(2) if rng.random() < 0.5 else part
    return n, F.interpolate(part[None], (SIDE, SIDE), mode="bilinear", antialias=True)[0]


@torch.no_grad()
def see(a: argparse.Namespace) -> None:
    photos, folder = shrunk([Path(d) for d in a.data]), Path(a.views)
    folder.mkdir(parents=True, exist_ok=True)
    for seed in range(a.seed, a.seed + -(-a.count // PART)):
        rng, g, kept = random.Random(seed), torch.Generator().manual_seed(seed), []
        for _ in range(PART // VIEWS):
            seen = [view(photos, rng) for _ in range(VIEWS)]
            x, other = (jitter(torch.stack(v), g) for v in ([v for _, v in seen], [view(photos, rng)[1] for _ in seen]))
            clean = [rng.random() < CLEAN for _ in seen]
            y = mixed([TASKS.index(a.task)] * VIEWS, x, torch.rand(VIEWS, generator=g), g, other, clean=clean, rng=rng, second=0)
            pair = torch.stack([(v.clamp(0, 1) * 255).round().byte() for v in (y, x)], 1)
            kept.append((pair, torch.tensor([n for n, _ in seen]), torch.tensor(clean)))
        pairs, number, clean = (torch.cat(part) for part in zip(*kept))
        torch.save({"pairs": pairs, "photo": number, "clean": clean}, folder / f"{seed:05d}.pt")


def views(folder: str) -> tuple[Tensor, Tensor, Tensor]:
    """uint8 [n, 2 (degraded, clean), 3, SIDE, SIDE], numbers of the photos, which are untouched."""
    parts = [torch.load(f, weights_only=True) for f in sorted(Path(folder).glob("*.pt"))]
    return tuple(torch.cat([p[k] for p in parts]) for k in ("pairs", "photo", "clean"))


def gain(net: Overview, pairs: Tensor, sigma: float) -> float:
    """dB that low frequencies from the net take back of degraded thumbnails, on average."""
    out = []
    with torch.no_grad():
        for part in pairs.split(256):
            y, x = (part.float() / 127.5 - 1).unbind(1)
            moved = (y + low(net(y).clamp(-1, 1) - y, sigma)).clamp(-1, 1)
            out.append(psnr(moved, x) - psnr(y, x))
    return torch.cat(out).mean().item()


def fit(a: argparse.Namespace) -> None:
    run, c = Path(a.run), default_config()["overview"]
    run.mkdir(parents=True, exist_ok=True)
    pairs, photo, clean = views(a.views)
    held = photo % HELD == 0
    test, seen = (pairs[part & ~clean][:1500] for part in (held, ~held))
    rows = (~held).nonzero()[:, 0]
    torch.manual_seed(0)
    net = Overview(c)
    net.out.weight.data.mul_(0.1)
    if a.init:
        net.load_state_dict(load(a.init, ("overview",)).overview[a.task].state_dict())
    ema, opts, g = copy.deepcopy(net), optimisers(net, a.lr), torch.Generator().manual_seed(a.seed)
    begin, n, loss_sum = time.time(), 0, 0.0
    end = begin + a.seconds
    while True:
        if n % 100 == 0 and (run / "deadline").exists():
            end = float((run / "deadline").read_text())
        if time.time() >= end:
            break
        for opt in opts:
            for group in opt.param_groups:
                group["lr"] = a.lr * rate((time.time() - begin) / (end - begin), n)
        pick = rows[torch.randint(len(rows), (VIEWS,), generator=g)]
        y, x = (pairs[pick].float() / 127.5 - 1).unbind(1)
        if n % 2:
            y, x = y.flip(3), x.flip(3)
        loss = (((net(y) - x) / 2).square().mean((1, 2, 3)) + FLOOR).log().mean() / 2
        for opt in opts:
            opt.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        for opt in opts:
            opt.step()
        n, loss_sum = n + 1, loss_sum + loss.item()
        with torch.no_grad():
            for old, new in zip(ema.parameters(), net.parameters()):
                old.lerp_(new, 1 - min(0.998, n / (n + 20)))
        if n % 250 == 0:
            kept, known = gain(ema, test, c["sigma"]), gain(ema, seen, c["sigma"])
            print(f"{n} {time.time() - begin:.0f} s loss {loss_sum / 250:.4f} dB of photos held out {kept:.3f}, of others {known:.3f}", flush=True)
            loss_sum = 0.0
            torch.save(ema.state_dict(), run / "part.pt")
            os.replace(run / "part.pt", run / "overview.pt")
    torch.save(ema.state_dict(), run / "overview.pt")


def put(a: argparse.Namespace) -> None:
    model = load(a.state)
    nets = dict(getattr(model, "overview", {}))
    model.config["overview"] = c = default_config()["overview"]
    nets[a.task] = Overview(c)
    nets[a.task].load_state_dict(torch.load(Path(a.run) / "overview.pt", weights_only=True))
    c["tasks"] = [task for task in TASKS if task in nets]
    model.overview = nn.ModuleDict({task: nets[task] for task in c["tasks"]})
    write(model, a.state, half=True)


def main() -> None:
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("do", choices=("see", "fit", "put"))
    cli.add_argument("--task", required=True, choices=TASKS)
    cli.add_argument("--data", nargs="+")
    cli.add_argument("--views")
    cli.add_argument("--run")
    cli.add_argument("--state", default="training/state")
    cli.add_argument("--init")
    cli.add_argument("--count", type=int, default=102400)
    cli.add_argument("--seed", type=int, default=31)
    cli.add_argument("--seconds", type=float, default=3600)
    cli.add_argument("--lr", type=float, default=7e-4)
    a = cli.parse_args()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    {"see": see, "fit": fit, "put": put}[a.do](a)


if __name__ == "__main__":
    main()
