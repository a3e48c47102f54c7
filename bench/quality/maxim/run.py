"""MAXIM on the frozen set and on the photos inside its own packages, through onnxruntime on the CPU.

  python -m bench.quality.maxim.run --set FOLDER --cache FOLDER [--threads N]

FOLDER of the set: as `bench.quality.set.make` writes it. Packages come from the npm registry into the cache. Pictures go to
CACHE/maxim/<hash of the set>/<task>/0001.png and CACHE/maxim/fixtures/<package>.png; those that are there already stay.
Photos are taken in an order that spreads over the set, so that a run that was stopped is a fair sample.
"""
import argparse
import json
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import onnxruntime

from .. import npm
from ..set.pixels import write_png
from .graph import convert

# Packages by our task. All seven have a pair of photos inside.
TASKS = {
    'noise': 'denoising', 'blur': 'deblurring', 'rain': 'deraining', 'haze': 'dehazing-outdoor', 'low-light': 'enhancement',
}
FIXTURES = [*TASKS.values(), 'dehazing-indoor', 'retouching']
VERSION = '0.1.0'


def package(cache, name):
    return npm.package(cache, f'@upscalerjs/maxim-{name}', VERSION)


def model_file(cache, name, height, width):
    file = cache / 'maxim' / f'{name}-{height}x{width}.onnx'
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        half = file.with_suffix('.part')
        convert(package(cache, name) / 'models', height, width, half)
        half.rename(file)
    return file


def session(cache, name, height, width, threads):
    file = model_file(cache, name, height, width)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    # Others work on this machine too.
    options.add_session_config_entry('session.intra_op.allow_spinning', '0')
    return onnxruntime.InferenceSession(str(file), options, providers=['CPUExecutionProvider'])


def padded(size):
    return -(-size // 64) * 64


def restore(model, photo):
    """uint8 RGB in and out; edges are mirrored up to the next multiple of 64."""
    height, width = photo.shape[:2]
    wide = np.pad(photo, ((0, padded(height) - height), (0, padded(width) - width), (0, 0)), mode='reflect')
    (result,) = model.run(None, {'photo': wide[None].astype(np.float32) / 255})
    return np.clip(np.rint(result[0, :height, :width] * 255), 0, 255).astype(np.uint8)


def read(path):
    photo = cv2.imread(str(path), cv2.IMREAD_COLOR)
    return cv2.cvtColor(photo, cv2.COLOR_BGR2RGB)


def write(path, photo):
    half = path.with_name(f'{path.stem}.part.png')
    write_png(half, photo)
    half.rename(path)


def main():
    options = argparse.ArgumentParser()
    options.add_argument('--set', type=Path)
    options.add_argument('--cache', required=True, type=Path)
    options.add_argument('--threads', type=int, default=2)
    options.add_argument('--only-model', help='converts a package to a model for photos of --side px, runs nothing')
    options.add_argument('--side', type=int, default=512)
    args = options.parse_args()
    if args.only_model:
        model_file(args.cache, args.only_model, args.side, args.side)
        return
    out = args.cache / 'maxim' / json.loads((args.set / 'set.json').read_text())['hash']
    names = sorted(path.stem for path in (args.set / 'clean').glob('*.png'))
    spread = [names[17 * i % len(names)] for i in range(len(names))]
    models = {}
    for photo in spread:
        for task, name in TASKS.items():
            target = out / task / f'{photo}.png'
            if target.exists():
                continue
            start = time.time()
            degraded = read(args.set / task / f'{photo}.png')
            if task not in models:
                models[task] = session(args.cache, name, *degraded.shape[:2], args.threads)
            write(target, restore(models[task], degraded))
            print(f'{task}/{photo} {time.time() - start:.1f} s', file=sys.stderr, flush=True)
    models.clear()
    for name in FIXTURES:
        target = args.cache / 'maxim' / 'fixtures' / f'{name}.png'
        if not target.exists():
            photo = read(package(args.cache, name) / 'assets' / 'fixture.png')
            model = session(args.cache, name, padded(photo.shape[0]), padded(photo.shape[1]), args.threads)
            write(target, restore(model, photo))
            print(f'fixture {name}', file=sys.stderr, flush=True)


if __name__ == '__main__':
    main()
