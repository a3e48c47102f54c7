"""Training of the classifier alone, on the processor, beside or after that of the restoration model.

    nice -n 19 python -m training.train_auto --data PHOTOS/train PHOTOS/train512 --state training/state \
        --run /tmp/auto --seconds 4000

One process makes damaged views, this one trains on them; each is used about three times while it is in the pool. Starts
from the classifier of --state where the shapes agree. `--resume` continues from RUN/auto.pt; a file RUN/deadline with a
Unix time moves the end; `--write` puts the weights of RUN/auto.pt into --state and trains nothing.
"""

import argparse
import copy
import json
import os
import random
import time
from pathlib import Path

import torch
import torch.multiprocessing as mp
import torch.nn.functional as F
from torch import Tensor

from .auto import AutoHead
from .config import TASKS, default_config
from .data import Photos, load_photos
from .degrade import mixed, rounded
from .degrade.codec import jpeg
from .degrade.noise import camera
from .export import load, write
from .degrade.fields import Draw

SEED = 31
CLEAN = len(TASKS)
SIDES = {256: 0.65, 384: 0.35}  # sides of the views and their shares
VIEWS = 32  # a call of the generator
POOL = 1536  # views kept of each side
DROPPED = (34, 39)  # damage between these (PSNR, dB) is neither clean nor damaged for certain: it counts a quarter
RATE = {"old": 4e-4, "new": 1e-3}


def almost(x: Tensor, g: torch.Generator, rng: random.Random) -> Tensor:
    """Clean views as photos come: as they are, from a good JPEG, or with the noise of a good exposure."""
    d = Draw(len(x), g, rng)
    kind = rng.random()
    if kind < 0.5:
        return x
    return rounded(jpeg(x, d.uniform(88, 98), rng.random() < 0.5) if kind < 0.8 else camera(x, d.uniform(0, 0.04), d))


def views(photos: Photos, size: int, rng: random.Random, g: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """y [VIEWS, 3, size, size] in 0..1, label [VIEWS] long, weight [VIEWS]."""
    x = photos.views(VIEWS, size, 0.35, rng, g)
    other = photos.views(VIEWS, size, 0.35, rng, g)
    tasks = [rng.randrange(CLEAN) for _ in range(VIEWS)]
    clean = [rng.random() < 0.17 for _ in tasks]
    level = 0.1 + 0.9 * torch.rand(VIEWS, generator=g)
    y = mixed(tasks, x, level, g, other, clean=clean, web=0.1, rng=rng, second=0.15)
    psnr = -10 * (y - x).square().mean((1, 2, 3)).clamp_min(1e-9).log10()
    kept = torch.tensor(clean)
    label = torch.where(kept | (psnr > sum(DROPPED) / 2), CLEAN, torch.tensor(tasks))
    weight = torch.where(~kept & (psnr > DROPPED[0]) & (psnr < DROPPED[1]), 0.25, 1.0)
    ids = [i for i, c in enumerate(clean) if c]
    for half in (ids[::2], ids[1::2]):
        if half:
            y[half] = almost(y[half], g, rng)
    return y, label, weight


def generate(folders: list[str], seed: int, queue: mp.Queue) -> None:
    """A process of its own: batches without end."""
    torch.set_num_threads(1)
    photos = Photos(load_photos([Path(f) for f in folders]), "cpu")
    rng, g = random.Random(seed), torch.Generator().manual_seed(seed)
    while True:
        size = rng.choices(list(SIDES), list(SIDES.values()))[0]
        y, label, weight = views(photos, size, rng, g)
        queue.put((size, (y * 255).round().byte().numpy(), label.numpy(), weight.numpy()))


class Pool:
    """The newest views of one side."""

    def __init__(self):
        self.parts: list[tuple[Tensor, Tensor, Tensor]] = []

    def add(self, y, label, weight) -> None:
        self.parts = [*self.parts, tuple(map(torch.from_numpy, (y, label, weight)))][-POOL // VIEWS :]

    def draw(self, count: int, rng: random.Random) -> tuple[Tensor, Tensor, Tensor]:
        at = [(rng.choice(self.parts), rng.randrange(VIEWS)) for _ in range(count)]
        y, label, weight = (torch.stack([part[k][i] for part, i in at]) for k in range(3))
        return y.float() / 127.5 - 1, label, weight


def seen(view: Tensor, c: dict, rng: random.Random, crops: int = 4) -> tuple[Tensor, Tensor]:
    """view [B, 3, S, S] in -1..1 -> crops at random places on a grid of 8 px, and the thumbnail."""
    side, room = c["crop"], (view.shape[2] - c["crop"]) // 8
    if rng.random() < 0.5:
        view = view.flip(3)
    places = [(8 * rng.randint(0, room), 8 * rng.randint(0, room)) for _ in range(crops)]
    parts = torch.stack([view[:, :, r : r + side, x : x + side] for r, x in places], 1)
    return parts, F.interpolate(view, (c["thumb"], c["thumb"]), mode="area")


def start(c: dict, state: str) -> tuple[AutoHead, set[str]]:
    """A new head, with what fits from the old one; the names of the old parameters."""
    torch.manual_seed(SEED)
    head = AutoHead(c, CLEAN + 1)
    own = head.state_dict()
    for m in head.modules():
        if hasattr(m, "conv2"):
            m.conv2.weight.data.mul_(0.5)
    old = {k: v for k, v in load(state).auto.state_dict().items() if k in own and own[k].shape == v.shape}
    old = {k: v for k, v in old.items() if not k.startswith("fc")}
    head.load_state_dict(old, strict=False)
    return head, set(old)


def train(a: argparse.Namespace) -> None:
    run, c = Path(a.run), default_config()["auto"]
    run.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(a.threads)
    head, old = start(c, a.state)
    ema = copy.deepcopy(head).requires_grad_(False)
    groups = [[p for k, p in head.named_parameters() if (k in old) == o] for o in (True, False)]
    rates = [RATE["old"], RATE["new"]]
    opt = torch.optim.AdamW([{"params": p} for p in groups], betas=(0.9, 0.98), weight_decay=0.02)
    step, elapsed = 0, 0.0
    if a.resume:
        s = torch.load(run / "auto.pt", weights_only=True)
        head.load_state_dict(s["head"]), ema.load_state_dict(s["ema"]), opt.load_state_dict(s["opt"])
        step, elapsed = s["step"], s["elapsed"]
    context = mp.get_context("spawn")
    queue = context.Queue(4)
    context.Process(target=generate, args=(a.data, SEED + step, queue), daemon=True).start()
    rng, pools = random.Random(SEED + step), {side: Pool() for side in SIDES}
    begun = time.time() - elapsed
    end, last = begun + a.seconds, {"line": time.time(), "save": time.time()}
    right, count, total = torch.zeros(CLEAN + 1), torch.zeros(CLEAN + 1), 0.0
    log = open(run / "log.txt", "a", buffering=1)
    first, fresh = step, 0
    while time.time() < end:
        # Three uses of a view: one new call of VIEWS for three batches of as many.
        while fresh * 3 <= step - first or fresh < 12 or not all(p.parts for p in pools.values()):
            size, *parts = queue.get()
            pools[size].add(*parts)
            fresh += 1
        done = (time.time() - begun) / (end - begun)
        shape = min(1, (step - first + 1) / 40) * (0.5 + 0.5 * torch.cos(torch.tensor(done * torch.pi)).item())
        for group, lr in zip(opt.param_groups, rates):
            group["lr"] = lr * max(0.01, shape)
        size = rng.choices(list(SIDES), list(SIDES.values()))[0]
        view, label, weight = pools[size].draw(VIEWS, rng)
        crops, thumb = seen(view, c, rng)
        with torch.autocast("cpu", torch.bfloat16):
            logits = head(crops, thumb)
        loss = F.cross_entropy(logits.float(), label, reduction="none", label_smoothing=0.02)
        loss = (loss * weight).sum() / weight.sum()
        opt.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(head.parameters(), 1.0)
        opt.step()
        step += 1
        for e, p in zip(ema.parameters(), head.parameters()):
            e.lerp_(p.detach(), 1 - min(0.995, (1 + step) / (10 + step)))
        hit = (logits.argmax(1) == label).float()
        right.index_add_(0, label, hit), count.index_add_(0, label, torch.ones_like(hit))
        total += loss.item()
        now = time.time()
        if now - last["line"] > 60:
            shares = " ".join(f"{t} {v:.2f}" for t, v in zip([*TASKS, "clean"], (right / count.clamp_min(1)).tolist()))
            log.write(f"{time.strftime('%H:%M:%S')} step {step} done {done:.3f} loss {total / count.sum() * VIEWS:.3f} | {shares}\n")
            right, count, total = torch.zeros(CLEAN + 1), torch.zeros(CLEAN + 1), 0.0
            last["line"] = now
        if now - last["save"] > 120:
            save(run, head, ema, opt, step, now - begun)
            last["save"] = now
            if (run / "deadline").exists():
                end = float((run / "deadline").read_text())
    save(run, head, ema, opt, step, time.time() - begun)


def save(run: Path, head, ema, opt, step: int, elapsed: float) -> None:
    torch.save({"head": head.state_dict(), "ema": ema.state_dict(), "opt": opt.state_dict(), "step": step,
                "elapsed": elapsed}, run / "auto.tmp")
    os.replace(run / "auto.tmp", run / "auto.pt")


def put(run: Path, state: str) -> None:
    """The trained head in place of the one in the folder; the rest of the folder stays as it is."""
    model, c = load(state), default_config()["auto"]
    s = torch.load(run / "auto.pt", weights_only=True)
    model.config = default_config()
    model.auto = AutoHead(c, CLEAN + 1)
    model.auto.load_state_dict(s["ema"])
    progress = json.loads((Path(state) / "progress.json").read_text())
    own = {"updates": s["step"], "hours": round(s["elapsed"] / 3600, 3)}
    write(model, state, half=True, progress=progress | {"auto": own})


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", nargs="+", help="folders of clean photos")
    p.add_argument("--state", default="training/state")
    p.add_argument("--run", default="/tmp/auto")
    p.add_argument("--seconds", type=float, default=3600)
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--resume", action="store_true")
    p.add_argument("--write", action="store_true")
    a = p.parse_args()
    put(Path(a.run), a.state) if a.write else train(a)


if __name__ == "__main__":
    main()
