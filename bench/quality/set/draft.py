"""Drew the recipe, once. The recipe is what counts; this says where its numbers come from.

  python -m bench.quality.set.draft --photos PHOTOS/val --out bench/quality-set.json
"""
import argparse
import json
from collections import defaultdict
from pathlib import Path

import numpy as np

from .kinds import degrade
from .pixels import CROP, SHORT, digest, photos_in, prepared, psnr

# Bands of the mean PSNR of the degraded photos, so that severity is not a choice.
BANDS = {
    'blur': (22, 28), 'compression': (25, 31), 'flare': (15, 23), 'moire': (17, 25), 'haze': (10, 16),
    'low-light': (7, 13), 'noise': (18, 25), 'rain': (20, 27), 'reflection': (15, 23),
}

# dB: an item nearer to the clean photo than this is drawn again.
WEAKEST = 34


def noise(r, i):
    return [
        lambda: ('gaussian-noise', {'std': r(0.05, 0.14), 'grain': 1}),
        lambda: ('gaussian-noise', {'std': r(0.06, 0.15), 'grain': r(0.5, 0.8)}),
        lambda: ('shot-noise', {'scale': r(0.004, 0.03)}),
        lambda: ('raw-noise', {'full_well': r(15, 90), 'read': r(1, 3), 'grain': r(0.3, 0.7)}),
    ][i % 4]()


def blur(r, i):
    return [
        lambda: ('gaussian-blur', {'sigma': r(1, 2.6)}),
        lambda: ('motion-blur', {'length': 2 * r.int(3, 8) + 1, 'angle': r(0, 180)}),
        lambda: ('defocus', {'radius': r.int(2, 5), 'alias': r(0.1, 0.3)}),
    ][i % 3]()


def compression(r, i):
    return [
        lambda: ('jpeg', {'quality': r.int(7, 14)}),
        lambda: ('jpeg', {'quality': r.int(15, 30)}),
        lambda: ('jpeg-twice', {'first': r.int(12, 35), 'second': r.int(15, 40), 'shift': [r.int(1, 7), r.int(1, 7)]}),
        lambda: ('jpeg', {'quality': r.int(9, 22)}),
        lambda: ('webp', {'quality': r.int(1, 20)}),
    ][i % 5]()


def haze(r, i):
    tint = [1.0, r(0.97, 1.02), r(0.95, 1.04)]
    # Every fifth a drifting mist, the others denser to the top.
    slope, relief = (r(0, 0.2), r(0.8, 1.5)) if i % 5 == 4 else (r(0.3, 1.2), r(0.1, 0.6))
    return 'depth-haze', {'density': r(0.32, 1.08), 'air': r(0.75, 0.95), 'tint': tint, 'slope': slope, 'relief': relief}


def low_light(r, i):
    if i % 4 == 0:
        return 'gamma', {'gamma': r(260, 480), 'std': r(0.004, 0.015)}
    if i % 4 == 1:
        return 'contrast', {'contrast': r(-0.85, -0.6), 'std': r(0.004, 0.012)}
    return 'dim', {
        'exposure': r(0.03, 0.14), 'full_well': r(1500, 8000), 'read': r(1, 6), 'balance': [r(0.9, 1.05), 1.0, r(0.85, 1.05)],
    }


def rain(r, i):
    if i % 3 == 0:
        return 'drizzle', {
            'slant': r(-9, 9), 'length': r.int(9, 24), 'level': r.int(110, 220), 'blur': r.int(2, 3),
            'amount': ['drizzle', 'default', 'heavy'][i // 3 % 3],
        }
    layers = [
        [r.int(250, 600), r(8, 16), 0.6, r(0.35, 0.65), 0],
        [r.int(60, 160), r(18, 36), 1.0, r(0.4, 0.75), 0.4],
        [r.int(4, 16), r(40, 80), 1.8, r(0.25, 0.5), 1.2],
    ]
    return 'rain-layers', {'layers': layers, 'mist': r(0.02, 0.14), 'angle': r(-25, 25)}


def moire(r, i):
    if i % 3 == 2:
        count = r.int(1, 2)
        gratings = [[r.int(1, 2) + r(-0.07, 0.07), r(-8, 8) + 90 * r.int(0, 1), r(-1, 1)] for _ in range(count)]
        return 'fringes', {'gratings': gratings, 'strength': float(f'{r(0.45, 0.75) / count:.3g}')}
    return 'screen', {
        'pitch': r(1.2, 2.1), 'turn': r(-12, 12), 'keystone': r(0, 0.03), 'gap': r(0, 0.15), 'blur': r(0.1, 0.35),
    }


def flare(r, i):
    if i % 3 == 0:
        return 'sun-flare', {
            'x': r(0.1, 0.85), 'y': r(0.05, 0.45), 'radius': r.int(100, 180), 'colour': [255, r.int(240, 255), r.int(215, 255)],
            'angle': r(0.1, 0.9), 'circles': r.int(3, 7), 'method': ['overlay', 'physics_based'][i // 3 % 2],
        }
    return 'lens-flare', {
        'where': [r(-0.1, 1.1), r(-0.1, 0.6)], 'glow': r(0.4, 1.3), 'radius': r(0.06, 0.2), 'rays': r.int(0, 8),
        'ghosts': r.int(0, 6), 'veil': r(0, 0.05), 'colour': [1.0, r(0.8, 1.0), r(0.55, 1.0)],
    }


def reflection(r, i):
    return 'glass', [
        lambda: {'share': r(0.15, 0.4), 'defocus': r(1.5, 5), 'ghost': [], 'patchy': 0},
        lambda: {'share': r(0.15, 0.35), 'defocus': r(0.5, 1.5), 'ghost': [r.int(4, 12), r.int(-5, 5)], 'patchy': 0},
        lambda: {'share': r(0.25, 0.6), 'defocus': r(0, 3), 'ghost': [], 'patchy': r(0.6, 1.2)},
    ][i % 3]()


DRAW = {
    'blur': blur, 'compression': compression, 'flare': flare, 'moire': moire, 'haze': haze, 'low-light': low_light,
    'noise': noise, 'rain': rain, 'reflection': reflection,
}


class Numbers:
    """Numbers that a reader can read: three digits."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def __call__(self, low, high):
        return float(f'{self.rng.uniform(low, high):.3g}')

    def int(self, low, high):
        return int(self.rng.integers(low, high + 1))


def main():
    options = argparse.ArgumentParser()
    options.add_argument('--photos', required=True, type=Path)
    options.add_argument('--out', required=True, type=Path)
    args = options.parse_args()
    photos = {path.stem: prepared(path) for path in photos_in(args.photos)}
    names = list(photos)
    items, levels = [], defaultdict(list)
    for t, (task, draw) in enumerate(DRAW.items()):
        r = Numbers(1000 + t)
        for i, name in enumerate(names):
            level = np.inf
            while level > WEAKEST:
                kind, params = draw(r, i)
                item = {'photo': name, 'task': task, 'kind': kind, 'seed': 100_000 + 1000 * t + i, 'params': params}
                if kind == 'glass':
                    item['second'] = names[(i + 1) % len(names)]
                bad = degrade(item, photos[name], photos.get(item.get('second')))
                level = psnr(bad, photos[name])
            items.append({**item, 'psnr': round(level, 2), 'sha256': digest(bad)})
            levels[task].append((kind, level))
    for task, pairs in levels.items():
        kinds = {kind: round(float(np.mean([p for k, p in pairs if k == kind])), 1) for kind, _ in pairs}
        mean = np.mean([level for _, level in pairs])
        spread = [round(float(edge([p for _, p in pairs])), 1) for edge in (min, max)]
        print(f'{task:12} {mean:6.2f} dB, band {BANDS[task]}, {spread}, {kinds}')
    head = {'format': 1, 'short': SHORT, 'crop': CROP, 'bands': {task: list(band) for task, band in BANDS.items()}}
    clean = [{'photo': name, 'sha256': digest(photo)} for name, photo in photos.items()]
    lines = [f'"{key}": {json.dumps(value)}' for key, value in head.items()]
    for key, rows in (('clean', clean), ('items', items)):
        lines.append(f'"{key}": [\n' + ',\n'.join(json.dumps(row) for row in rows) + '\n]')
    args.out.write_text('{\n' + ',\n'.join(lines) + '\n}\n')


if __name__ == '__main__':
    main()
