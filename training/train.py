"""Joint end-to-end training on a GPU or a CPU, scheduled by wall clock.

    python -m training.train --data /path/photos --run /tmp/train --seconds 700 --device cuda
    nice -n 19 python -m training.train --data /path/photos --run /tmp/train --seconds 9000
    ... --resume        continue from RUN/ckpt.pt
    ... --init DIR      start from exported weights (--begin: at which point of the schedules)

Writes RUN/log.txt, RUN/ckpt.pt (every two minutes) and RUN/export (EMA weights, once a minute). A file RUN/deadline
with a Unix time moves the end of a running training.
"""

import argparse
import copy
import os
import random
import time
from pathlib import Path

import torch

from .config import TASKS, default_config
from .data import Photos, batch, load_photos
from .dit import DoubleBlock, SingleBlock
from .export import load, write
from .model import Restorer, init_weights
from .objective import plan, rate, step_loss

SEED = 20
LR = {"conv": 6e-4, "dit": 4e-4}


def groups(model: Restorer) -> list[dict]:
    """AdamW groups: weight decay on matrices only, a rate of its own for the transformer."""
    out = []
    for part in LR:
        def belongs(name: str) -> bool:
            own = name.split(".")[0]
            return (own if own in LR else "conv") == part

        named = [(k, p) for k, p in model.named_parameters() if belongs(k)]
        for decay in (0.01, 0.0):
            ps = [p for k, p in named if (p.ndim > 1 and "pos" not in k and "task_" not in k) == (decay > 0)]
            out.append({"params": ps, "weight_decay": decay, "base": LR[part], "lr": LR[part]})
    return out


def save(path: Path, model, ema, opt, step: int, elapsed: float) -> None:
    """Swapped in by renaming, so that a killed run leaves a whole file."""
    tmp = path.with_suffix(".tmp")
    torch.save({"config": model.config, "model": model.state_dict(), "ema": ema.state_dict(),
                "opt": opt.state_dict(), "step": step, "elapsed": elapsed}, tmp)
    os.replace(tmp, path)


def compile_parts(model: Restorer) -> None:
    """Compile the blocks of the transformer, whose many small operations cost most: seconds, not the whole's minutes."""
    torch._dynamo.config.cache_size_limit = torch._dynamo.config.recompile_limit = 256
    torch._dynamo.config.accumulated_cache_size_limit = torch._dynamo.config.accumulated_recompile_limit = 4096
    torch._dynamo.config.suppress_errors = True  # a part that can't be compiled runs as it is
    for m in model.modules():
        if isinstance(m, (DoubleBlock, SingleBlock)):
            m.compile(dynamic=True)


class Tally:
    """Sums on the device, read once a line: losses, and the gain in dB of each task on training samples."""

    def __init__(self, device: str):
        self.device, self.start = device, time.time()
        self.gain, self.count, self.sums, self.steps = torch.zeros(9, device=device), torch.zeros(9, device=device), {}, 0

    def add(self, b: dict, parts: dict) -> None:
        use = parts["counts"].float()
        self.gain.index_add_(0, b["task"][: len(use)], parts["gain"] * use)
        self.count.index_add_(0, b["task"][: len(use)], use)
        for k, v in parts.items():
            if k not in ("gain", "counts"):
                self.sums[k] = self.sums.get(k, 0) + v.detach()
        self.steps += 1

    def line(self) -> str:
        ahead = time.time()
        gain = (self.gain / self.count.clamp_min(1)).tolist()
        ahead = time.time() - ahead  # how far the host was ahead of the device; near 0: the host is what limits
        sums = " ".join(f"{k} {float(v) / self.steps:.3f}" for k, v in self.sums.items())
        tasks = " ".join(f"{t} {v:+.2f}" for t, v in zip(TASKS, gain))
        return f"{sums} s/step {(time.time() - self.start) / self.steps:.3f} ahead {ahead:.2f} | {tasks}"


def arguments() -> argparse.Namespace:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", required=True, nargs="+", help="folders of clean photos")
    p.add_argument("--run", default="/tmp/train")
    p.add_argument("--seconds", type=float, required=True, help="wall clock of the whole run, earlier legs included")
    p.add_argument("--resume", action="store_true")
    p.add_argument("--init", help="folder of exported weights to start from")
    p.add_argument("--begin", type=float, default=0.0, help="progress 0..1 at which the schedules start, for --init")
    p.add_argument("--lr", type=float, default=1.0, help="factor on all learning rates")
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--loaders", type=int, default=1, help="processes that read the photos")
    p.add_argument("--scale", type=float, default=0.5, help="smallest scale of a view; .7 for photos stored at 70 %%")
    p.add_argument("--batch", type=int, default=1, help="factor on the views of a batch")
    p.add_argument("--device", default="cpu")
    return p.parse_args()


def main() -> None:
    begun = time.time()
    a = arguments()
    torch.set_num_threads(a.threads)
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = True
    run = Path(a.run)
    run.mkdir(parents=True, exist_ok=True)
    log = open(run / "log.txt", "a", buffering=1)

    def note(text: str) -> None:
        log.write(f"{time.strftime('%H:%M:%S')} {text}\n")
        print(text, flush=True)

    photos = Photos(load_photos([Path(d) for d in a.data], a.loaders), a.device)
    note(f"{len(photos.items)} photos in {time.time() - begun:.1f} s")
    torch.manual_seed(SEED)
    model = Restorer(default_config(), ())
    init_weights(model)
    if a.init:
        model.load_state_dict(load(a.init, ()).state_dict())
    model.to(a.device, memory_format=torch.channels_last)
    ema = copy.deepcopy(model).requires_grad_(False).eval()
    opt = torch.optim.AdamW(groups(model), betas=(0.9, 0.98), fused=True)
    step, elapsed = 0, 0.0
    if a.resume:
        s = torch.load(run / "ckpt.pt", map_location=a.device, weights_only=True)
        model.load_state_dict(s["model"]), ema.load_state_dict(s["ema"]), opt.load_state_dict(s["opt"])
        step, elapsed = s["step"], s["elapsed"]
    if a.device != "cpu":
        compile_parts(model)
    start = begun - elapsed
    end, first = start + a.seconds, step - 170 if a.resume else step  # a resumed run warms up for 30 steps only
    torch.manual_seed(SEED + step)
    rng = random.Random(SEED + step)
    g = torch.Generator(a.device).manual_seed(SEED + step)
    pairs = [list(m.state_dict().values()) for m in (ema, model)]
    tally, last = Tally(a.device), {"line": time.time(), "save": time.time(), "export": time.time()}
    note(f"start step {step} seconds {a.seconds} init {a.init} device {a.device}")
    progress, kept, best, factor = a.begin, None, float("inf"), a.lr
    while time.time() < end:
        done = a.begin + (1 - a.begin) * (time.time() - start) / (end - start)
        progress = max(progress, done)
        for group in opt.param_groups:
            group["lr"] = factor * group["base"] * rate(progress, step - first)
        b = batch(photos, plan(progress, a.device, a.scale, a.batch), rng, g)
        loss, parts = step_loss(model, b, progress, rng)
        opt.zero_grad(set_to_none=True)
        loss.backward()
        parts["norm"] = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        opt.found_inf = (~torch.isfinite(parts["norm"])).float()  # the fused step then changes nothing, without a wait
        opt.step()
        step += 1
        with torch.no_grad():
            torch._foreach_lerp_(pairs[0], pairs[1], 1 - min(0.999, (1 + step) / (10 + step)))
        tally.add(b, parts)
        now = time.time()
        if now - last["line"] > (15 if a.device != "cpu" else 60):
            note(f"step {step} done {progress:.3f} {tally.line()}")
            pixel = float(tally.sums["pixel"]) / tally.steps
            if kept and not pixel < best + 0.6:  # blown up: back to the last good weights, slower
                for own, good in zip(pairs[1], kept):
                    own.copy_(good)
                factor *= 0.5
                note(f"back to the weights before, learning rates halved to {factor}")
            else:
                kept, best = [v.clone() for v in pairs[1]], min(best, pixel)
            tally, last["line"] = Tally(a.device), time.time()
            if (run / "deadline").exists():
                end = float((run / "deadline").read_text())
        if now - last["save"] > 120:
            save(run / "ckpt.pt", model, ema, opt, step, now - start)
            last["save"] = time.time()
        if now - last["export"] > 60:
            write(ema, run / "export", half=True)
            last["export"] = time.time()
    save(run / "ckpt.pt", model, ema, opt, step, time.time() - start)
    write(ema, run / "export", half=True, progress={"updates": step, "hours": round((time.time() - start) / 3600, 3)})
    note(f"end step {step}")


if __name__ == "__main__":
    main()
