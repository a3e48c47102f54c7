"""Write `model-*.safetensors` (files of at most 15 MB), `config.json`, and what is trained apart: `auto` and `refine`, likewise.

    python -m training.export --random --out DIR            random weights, no tensor constant
    python -m training.export --checkpoint CKPT --out DIR   EMA weights of a training checkpoint
"""

import argparse
import json
import os
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from .config import default_config
from .model import APART, Restorer, export_names, import_names, init_weights


def random_model(seed: int = 1) -> Restorer:
    """A model with every tensor non-constant, for parity tests of an inference engine."""
    torch.manual_seed(seed)
    model = Restorer(default_config())
    init_weights(model)
    for name, p in model.named_parameters():
        if name.endswith("scale"):
            p.data = 1 + 0.1 * torch.randn_like(p)
        elif p.ndim < 2 or p.abs().max() == 0:
            strong = "mod" in name or "adaLN" in name  # gates large enough that every block shows
            p.data = (0.08 if strong else 0.02) * torch.randn_like(p)
    for p in model.auto.buffers():
        p.add_(0.1 * torch.randn_like(p))
    for part in (model.decoder, *model.refine.values()):
        part.out.weight.data.mul_(3)
    return model.eval()


def shards(tensors: dict[str, torch.Tensor], limit: int = 15_000_000) -> list[dict[str, torch.Tensor]]:
    """The tensors in their order, cut into files of at most `limit` bytes."""
    out, size = [{}], 0
    for k, v in tensors.items():
        bytes_ = v.numel() * v.element_size()
        if out[-1] and size + bytes_ > limit:
            out.append({})
            size = 0
        out[-1][k] = v
        size += bytes_
    return out


def files_of(folder: Path, part: str) -> list[Path]:
    """`part.safetensors`, or the numbered files that it takes."""
    return sorted([*folder.glob(f"{part}.safetensors"), *folder.glob(f"{part}-*.safetensors")])


def save_part(tensors: dict[str, torch.Tensor], folder: Path, part: str, numbered: bool = False) -> None:
    files = shards(tensors)
    for n, own in enumerate(files, 1):
        name = f"{part}-{n:05d}-of-{len(files):05d}" if numbered or len(files) > 1 else part
        save_file(own, folder / f"{name}.safetensors")


def write(model: Restorer, folder: str | Path, half: bool, progress: dict | None = None) -> None:
    """Write the folder completely beside its place, then swap it in. What a model lacks of `APART` is left as the folder has it."""
    folder = Path(folder)
    new, old = folder.with_name(folder.name + ".new"), folder.with_name(folder.name + ".old")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    dtype = torch.float16 if half else torch.float32
    tensors = {k: v.detach().cpu().to(dtype).contiguous() for k, v in export_names(model).items()}
    apart = {part: {k: tensors.pop(k) for k in list(tensors) if k.startswith(f"{part}.")} for part in APART}
    save_part(tensors, new, "model", numbered=True)
    for part, own in apart.items():
        if own:
            save_part(own, new, part)
    if progress:
        (new / "progress.json").write_text(json.dumps(progress, indent=1) + "\n")
    for file in [f for part, own in apart.items() if not own for f in files_of(folder, part)]:
        shutil.copy(file, new / file.name)
    if not progress and (folder / "progress.json").exists():
        shutil.copy(folder / "progress.json", new / "progress.json")
    save_file({k: v.detach().cpu().float().contiguous() for k, v in model.preview.state_dict().items()}, new / "preview.safetensors")
    (new / "config.json").write_text(json.dumps(model.config, indent=1) + "\n")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        os.rename(folder, old)
    os.rename(new, folder)
    shutil.rmtree(old, ignore_errors=True)


def load(folder: str | Path, apart: tuple[str, ...] = APART) -> Restorer:
    """Read an exported folder back (weights widened to fp32), with those of `apart` that it holds."""
    folder = Path(folder)
    there = tuple(part for part in apart if files_of(folder, part))
    model = Restorer(json.loads((folder / "config.json").read_text()), there)
    files = [f for part in ("model", *there) for f in files_of(folder, part)]
    tensors = {k: v for f in files for k, v in load_file(f).items()}
    model.load_state_dict(import_names(tensors), strict=False)
    if (folder / "preview.safetensors").exists():
        model.preview.load_state_dict(load_file(folder / "preview.safetensors"))
    return model.eval()


def from_checkpoint(path: str | Path) -> Restorer:
    """EMA weights of a training checkpoint."""
    state = torch.load(path, map_location="cpu", weights_only=True)
    model = Restorer(state["config"], ())
    model.load_state_dict(state["ema"])
    return model.eval()


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--out", required=True)
    p.add_argument("--checkpoint")
    p.add_argument("--random", action="store_true")
    p.add_argument("--fp32", action="store_true", help="fp32 instead of fp16 (random export: always fp32)")
    a = p.parse_args()
    if not a.random and not a.checkpoint:
        p.error("need --random or --checkpoint")
    model = random_model() if a.random else from_checkpoint(a.checkpoint)
    progress = None
    if a.checkpoint:
        state = torch.load(a.checkpoint, map_location="cpu", weights_only=True)
        progress = {"updates": state["step"], "hours": round(state["elapsed"] / 3600, 3)}
    write(model, a.out, half=not (a.random or a.fp32), progress=progress)


if __name__ == "__main__":
    main()
