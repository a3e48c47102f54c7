"""Joint end-to-end training on a CPU, scheduled by wall clock.

    nice -n 19 python -m training.train --data /path/photos --run /tmp/train --until 01:12
    nice -n 19 python -m training.train ... --resume        continue from RUN/ckpt.pt
    nice -n 19 python -m training.train ... --init DIR      start from exported weights

Writes RUN/log.txt, RUN/ckpt.pt (every 2 minutes) and RUN/export (every 10 minutes).
"""

import argparse
import copy
import datetime
import functools
import multiprocessing as mp
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np
import torch

from . import fixtures
from .config import default_config
from .data import worker
from .evaluate import quick
from .export import load, write
from .helper import Helper
from .model import Restorer, init_weights
from .objective import plan, rate, step_loss

SEED = 20
LR = {"conv": 8e-4, "dit": 5e-4}


def groups(model: Restorer) -> list[dict]:
    """AdamW groups: weight decay on matrices only, a lower rate for the transformer."""
    out = []
    for part in ("conv", "dit"):
        named = [(k, p) for k, p in model.named_parameters() if k.startswith("dit.") == (part == "dit")]
        for decay in (0.01, 0.0):
            ps = [p for k, p in named if (p.ndim > 1 and "pos" not in k and "task_" not in k) == (decay > 0)]
            out.append({"params": ps, "weight_decay": decay, "base": LR[part], "lr": LR[part]})
    return out


def end_time(until: str) -> float:
    """Next occurrence of HH:MM as a timestamp."""
    now = datetime.datetime.now()
    h, m = map(int, until.split(":"))
    end = now.replace(hour=h, minute=m, second=0)
    return (end if end > now else end + datetime.timedelta(days=1)).timestamp()


def save(path: Path, model, ema, opt, step: int, elapsed: float) -> None:
    tmp = path.with_suffix(".tmp")
    torch.save({"config": model.config, "model": model.state_dict(), "ema": ema.state_dict(),
                "opt": opt.state_dict(), "step": step, "elapsed": elapsed}, tmp)
    os.replace(tmp, path)


def update(model: Restorer, opt, pairs: list[list[torch.Tensor]], step: int) -> torch.Tensor:
    """Clip, step, and move the EMA (.999, shorter at the start). Returns the gradient norm."""
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    if torch.isfinite(norm):
        opt.step()
    with torch.no_grad():
        torch._foreach_lerp_(pairs[0], pairs[1], 1 - min(0.999, (1 + step) / (10 + step)))
    return norm


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", required=True, help="folder with train/, train512/ and val/")
    p.add_argument("--run", default="/tmp/train")
    p.add_argument("--until", required=True, help="wall-clock end, HH:MM")
    p.add_argument("--resume", action="store_true")
    p.add_argument("--init", help="folder of exported weights to start from")
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--helper", action="store_true", help="second gradient process (CPU only)")
    p.add_argument("--device", default="cpu", help="cuda is prepared but was never run")
    p.add_argument("--workers", type=int, default=1, help="data processes")
    p.add_argument("--batch", type=int, default=1, help="factor on the 8 views of a batch")
    p.add_argument("--begin", type=float, default=0.0, help="progress 0..1 at which the schedules start, for --init")
    p.add_argument("--lr", type=float, default=1.0, help="factor on both learning rates")
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    run = Path(a.run)
    run.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(SEED)
    model = load(a.init).train() if a.init else Restorer(default_config())
    if not a.init:
        init_weights(model)
    model.to(a.device, memory_format=torch.channels_last)
    if a.device == "cpu":
        model.share_memory()
    ema = copy.deepcopy(model).requires_grad_(False).eval()
    opt = torch.optim.AdamW(groups(model), betas=(0.9, 0.98), fused=True)
    step, elapsed = 0, 0.0
    if a.resume:
        s = torch.load(run / "ckpt.pt", map_location=a.device, weights_only=True)
        model.config = ema.config = s["config"]
        model.load_state_dict(s["model"]), ema.load_state_dict(s["ema"]), opt.load_state_dict(s["opt"])
        step, elapsed = s["step"], s["elapsed"]
    start, end = time.time() - elapsed, end_time(a.until)
    first = step - 170 if a.resume else step  # a resumed run warms up for 30 steps only
    seed = SEED + step
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)

    def done() -> float:
        return a.begin + (1 - a.begin) * (time.time() - start) / (end - start)

    progress, queue = mp.Value("d", done()), mp.Queue(6)
    folders = [Path(a.data) / "train", Path(a.data) / "train512"]
    batches = functools.partial(plan, factor=a.batch)
    for n in range(a.workers):
        mp.Process(target=worker, args=(folders, seed + 1000 * n, queue, progress, batches), daemon=True).start()
    helper = Helper(model, step_loss, queue, progress, seed + 1) if a.helper else None
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the daemon processes end too
    log = open(run / "log.txt", "a", buffering=1)
    log.write(f"{datetime.datetime.now():%H:%M:%S} start step {step} until {a.until} init {a.init}\n")
    last_save = last_val = last_export = last_line = time.time()
    waited, sums, count, helped = 0.0, {}, 0, 0
    pairs = [list(m.state_dict().values()) for m in (ema, model)]
    while time.time() < end:
        t0 = time.time()
        b = queue.get()
        waited += time.time() - t0
        progress.value = done()
        for g in opt.param_groups:
            g["lr"] = a.lr * g["base"] * rate(progress.value, step - first)
        loss, parts = step_loss(model, b, progress.value, rng)
        opt.zero_grad(set_to_none=True)
        loss.backward()
        norm = update(model, opt, pairs, step)
        step, count = step + 1, count + 1
        if helper and helper.take():
            update(model, opt, pairs, step)
            step, helped = step + 1, helped + 1
        for k, value in (parts | {"norm": norm}).items():
            sums[k] = sums.get(k, 0.0) + float(value.detach())
        now = time.time()
        if now - last_line > 60:
            text = " ".join(f"{k} {v / count:.3f}" for k, v in sums.items())
            log.write(f"{datetime.datetime.now():%H:%M:%S} step {step} done {progress.value:.3f} {text} "
                      f"s/step {(now - last_line) / count:.2f} wait {waited / count:.2f} helped {helped / count:.2f}\n")
            last_line, waited, sums, count, helped = now, 0.0, {}, 0, 0
        if now - last_save > 120:
            save(run / "ckpt.pt", model, ema, opt, step, now - start)
            last_save = now
        if now - last_val > (480 if now - start > 400 else 120):
            log.write(f"{datetime.datetime.now():%H:%M:%S} val {quick(ema, Path(a.data) / 'val')}\n")
            last_val = time.time()
        if now - last_export > 600:
            publish(ema, run)
            last_export = time.time()
    save(run / "ckpt.pt", model, ema, opt, step, time.time() - start)
    publish(ema, run)
    log.write(f"{datetime.datetime.now():%H:%M:%S} end step {step} val {quick(ema, Path(a.data) / 'val')}\n")
    for child in mp.active_children():
        child.terminate()
    sys.stdout.flush()
    os._exit(0)  # the queue's feeder threads would block a normal exit


def publish(ema: Restorer, run: Path) -> None:
    """Export the EMA weights (fp16) and their fixtures, each swapped in by renaming."""
    write(ema, run / "export", half=True)
    fixtures.write(run / "export", run / "fixtures")


if __name__ == "__main__":
    main()
