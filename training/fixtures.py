"""PyTorch reference values for parity tests of an inference engine (fp32, one file).

    python -m training.fixtures --export DIR --out DIR

Photo 64x96 px, so 8x12 latents and 4x6 tokens; task noise; t = 0.7 for the single
transformer pass and two Euler steps for the restored image. RGB is in -1..1.
"""

import argparse
import json
import os
from pathlib import Path

import torch
from safetensors.torch import save_file

from .conditioning import pack
from .export import load

H, W, T, STEPS, TASK = 64, 96, 0.7, 2, "noise"


def make(folder: str | Path) -> dict[str, torch.Tensor]:
    """Named inputs and outputs; every tensor keeps its batch axis of 1."""
    model = load(folder)
    g = torch.Generator().manual_seed(7)
    photo = torch.rand(1, 3, H, W, generator=g) * 2 - 1
    thumb = torch.rand(1, 3, 64, 64, generator=g) * 2 - 1
    noise = torch.randn(1, 16, H // 8, W // 8, generator=g)
    task = torch.tensor([model.config["conditioning"]["tasks"].index(TASK)])
    t = torch.tensor([T])
    out = {"photo": photo, "thumb": thumb, "noise": noise, "t": t, "task": task.to(torch.int32)}
    with torch.no_grad():
        thumb_z = model.encoder(thumb)[0]
        txt, y = model.conditioning(task, thumb_z)
        z_ref, skips = model.encoder(photo)
        z_t = z_ref + T * model.config["start_sigma"] * noise
        rope = model.rope(H // 16, W // 16)
        trace: dict[str, torch.Tensor] = {}
        velocity = model.velocity(z_t, z_ref, txt, y, t, rope, trace)
        out |= {"thumb_z": thumb_z, "z_ref": z_ref, "txt0": txt, "y": y, "z_t": z_t}
        out |= {f"skip{n}": s for n, s in enumerate(skips)}
        out |= {"tokens_t": torch.cat([pack(z_t), pack(z_ref)], -1), "rope_cos": rope[0], "rope_sin": rope[1]}
        out |= trace
        out["z_after"] = z_t - T * velocity
        out["decoded_z_ref"] = model.decoder(z_ref, skips, photo, y)
        out["decoded_z_after"] = model.decoder(out["z_after"], skips, photo, y)
        out["restored"] = model.restore(photo, thumb, task, noise, STEPS)
    return {k: v.clone().contiguous() for k, v in out.items()}


def write(export: str | Path, out: str | Path) -> None:
    """Make the fixtures of an exported folder; each file is swapped in by renaming."""
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    values = make(export)
    about = {
        "task": TASK, "t": T, "steps": STEPS, "photo": [H, W],
        "layout": "photo, z and skips NCHW; tokens [1, n, features]",
        "z_t": "z_ref + t * start_sigma * noise",
        "z_after": "z_t - t * velocity",
        "restored": "2 Euler steps from z_ref + start_sigma * noise, not clamped",
        "shapes": {k: list(v.shape) for k, v in values.items()},
    }
    save_file(values, out / "fixtures.tmp")
    os.replace(out / "fixtures.tmp", out / "fixtures.safetensors")
    (out / "fixtures.json").write_text(json.dumps(about, indent=1) + "\n")


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--export", required=True)
    p.add_argument("--out", required=True)
    a = p.parse_args()
    write(a.export, a.out)


if __name__ == "__main__":
    main()
