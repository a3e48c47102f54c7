"""Training of a task's look at the whole photo (`overview.py`) on the processor, in three commands.

    python -m training.train_overview see --task reflection --data PHOTOS/train PHOTOS/train512 --views /tmp/overview --count 102400 --seed 31
    python -m training.train_overview see --held-out --task reflection --data PHOTOS/train PHOTOS/train512 --views /tmp/overview/held --count 2048
    nice -n 19 python -m training.train_overview fit --task reflection --views /tmp/overview --held /tmp/overview/held --run /tmp/overview/run --seconds 3600
    python -m training.train_overview put --task reflection --run /tmp/overview/run --state training/state

`see` keeps thumbnails of degraded and clean views as bytes, 300 a second; with --held-out those of every twelfth photo, which the others
never show. `fit` trains on the views of --views and says after each 250 updates what it takes back of those of --held.
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

SIDE, SHORT, PART, VIEWS, HELD = 64, 192, 25600, 32, 12  # thumbnail, photos' shorter side, views of a file, of a batch; every so manieth photo
CLEAN = 0.08
POWER = {"reflection": 0.5, "flare": 0.5}  # of an even level: so that the damage lies in the middle of the band that the test set keeps to, 19 dB
FLOORS = (1e-3, 7e-4)  # of the mean square in 0..1, degraded and clean: what no line can take back counts little, and clean views do not hold back all others


def shrunk(folders: list[Path]) -> list[Tensor]:
    """The photos, [3, H, W] in 0..1 with the shorter side at SHORT: a thumbnail needs no more."""
    out = []
    for photo in load_photos(folders):
        x = torch.from_numpy(photo.copy()).permute(2, 0, 1)[None].float() / 255
        scale = SHORT / min(x.shape[2:])
        out.append(F.interpolate(x, [round(n * scale) for n in x.shape[2:]], mode="bilinear", antialias=True)[0])
    return out


def part(photo: Tensor, rng: random.Random) -> Tensor:
    """[3, SIDE, SIDE]: two fifths to all of the shorter side, up to 3 to 2, made square as thumbnails are; some are turned."""
    h, w = photo.shape[1:]
    side, aspect = min(h, w) * rng.uniform(0.4, 1), rng.uniform(0.65, 1.55) ** 0.5
    a, b = min(h, round(side * aspect)), min(w, round(side / aspect))
    y, x = rng.randint(0, h - a), rng.randint(0, w - b)
    out = photo[:, y : y + a, x : x + b]
    out = out.flip(2) if rng.random() < 0.5 else out
    out = out.rot90(rng.randint(1, 3), (1, 2)) if rng.random() < 0.25 else out
    return F.interpolate(out[None], (SIDE, SIDE), mode="bilinear", antialias=True)[0]


def view(photos: list[Tensor], rng: random.Random) -> Tensor:
    """A part of a photo; half of the time two, beside or above each other: a few hundred photos would be known by heart."""
    one = part(rng.choice(photos), rng)
    if rng.random() < 0.5:
        return one
    at, soft = rng.uniform(0.25, 0.75) * SIDE, rng.uniform(0.5, 8)
    share = ((torch.arange(SIDE) + 0.5 - at) / soft + 0.5).clamp(0, 1)
    share = share[:, None] if rng.random() < 0.5 else share[None]
    return one + (part(rng.choice(photos), rng) - one) * share


@torch.no_grad()
def see(a: argparse.Namespace) -> None:
    photos, folder = shrunk([Path(d) for d in a.data]), Path(a.views)
    photos = [p for n, p in enumerate(photos) if (n % HELD == 0) == a.held_out]
    folder.mkdir(parents=True, exist_ok=True)
    for seed in range(a.seed, a.seed + -(-a.count // min(PART, a.count))):
        rng, g, kept = random.Random(seed), torch.Generator().manual_seed(seed), []
        for _ in range(min(PART, a.count) // VIEWS):
            x, other = (jitter(torch.stack([view(photos, rng) for _ in range(VIEWS)]), g) for _ in range(2))
            clean = [rng.random() < CLEAN for _ in range(VIEWS)]
            level = torch.rand(VIEWS, generator=g) ** POWER.get(a.task, 1)
            y = mixed([TASKS.index(a.task)] * VIEWS, x, level, g, other, clean=clean, rng=rng, second=0)
            kept.append((torch.stack([(v.clamp(0, 1) * 255).round().byte() for v in (y, x)], 1), torch.tensor(clean)))
        pairs, clean = (torch.cat(each) for each in zip(*kept))
        torch.save({"pairs": pairs, "clean": clean}, folder / f"{seed:05d}.pt")


def views(folder: str) -> tuple[Tensor, Tensor]:
    """uint8 [n, 2 (degraded, clean), 3, SIDE, SIDE], and which are untouched."""
    parts = [torch.load(f, weights_only=True) for f in sorted(Path(folder).glob("*.pt"))]
    return torch.cat([p["pairs"] for p in parts]), torch.cat([p["clean"] for p in parts])


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
    pairs, clean = views(a.views)
    held = views(a.held)
    test, known = held[0][~held[1]], pairs[~clean][:1500]
    torch.manual_seed(0)
    net = Overview(c)
    net.out.weight.data.mul_(0.1)
    if a.init:
        net.load_state_dict(load(a.init, ("overview",)).overview[a.like or a.task].state_dict())
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
        pick = torch.randint(len(pairs), (VIEWS,), generator=g)
        some, floor = pairs[pick], torch.where(clean[pick], FLOORS[1], FLOORS[0])
        y, x = ((some.flip(4) if n % 2 else some).float() / 127.5 - 1).unbind(1)
        loss = (((net(y) - x) / 2).square().mean((1, 2, 3)) + floor).log().mean() / 2
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
            other, own = gain(ema, test, c["sigma"]), gain(ema, known, c["sigma"])
            print(f"{n} {time.time() - begin:.0f} s loss {loss_sum / 250:.4f} dB of photos held out {other:.3f}, of its own {own:.3f}", flush=True)
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
    cli.add_argument("--held")
    cli.add_argument("--held-out", action="store_true")
    cli.add_argument("--run")
    cli.add_argument("--state", default="training/state")
    cli.add_argument("--init", help="a state, from whose network `fit` begins")
    cli.add_argument("--like", choices=TASKS, help="from the network of another task there")
    cli.add_argument("--count", type=int, default=102400)
    cli.add_argument("--seed", type=int, default=31)
    cli.add_argument("--seconds", type=float, default=3600)
    cli.add_argument("--lr", type=float, default=7e-4)
    a = cli.parse_args()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    {"see": see, "fit": fit, "put": put}[a.do](a)


if __name__ == "__main__":
    main()
