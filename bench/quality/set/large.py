"""Larger pictures for the checks of tiles: squares at the photos' own scale, damaged as the recipe damages the small ones,
and one of 4000 x 3000 px.

  python -m bench.quality.set.large --photos PHOTOS/val --out FOLDER

Writes FOLDER/<task>/<photo>.png of 640 x 640 px and FOLDER/12mp/haze.png.
"""
import argparse
import json
from pathlib import Path

import cv2
import numpy as np

from .kinds import degrade
from .make import RECIPE
from .pixels import photos_in, write_png

SIDE = 640
# A skyline with much sky, where seams show, and a street full of detail.
PHOTOS = ('0033', '0039')
TASKS = ('noise', 'compression', 'blur', 'haze', 'low-light')


def read(path):
    return cv2.cvtColor(cv2.imread(str(path), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def middle(photo, side):
    y, x = (photo.shape[0] - side) // 2, (photo.shape[1] - side) // 2
    return np.ascontiguousarray(photo[y : y + side, x : x + side])


def main():
    options = argparse.ArgumentParser()
    options.add_argument('--photos', required=True, type=Path)
    options.add_argument('--out', required=True, type=Path)
    args = options.parse_args()
    recipe = json.loads(RECIPE.read_text())
    files = {path.stem: path for path in photos_in(args.photos)}
    for item in recipe['items']:
        if item['photo'] in PHOTOS and item['task'] in TASKS:
            bad = degrade(item, middle(read(files[item['photo']]), SIDE), None)
            write_png(args.out / item['task'] / f"{item['photo']}.png", bad)
    haze = next(item for item in recipe['items'] if item['task'] == 'haze' and item['photo'] == PHOTOS[0])
    photo = read(files[PHOTOS[0]])
    square = cv2.resize(middle(photo, min(photo.shape[:2])), (4000, 4000), interpolation=cv2.INTER_CUBIC)
    write_png(args.out / '12mp' / 'haze.png', np.ascontiguousarray(degrade(haze, square, None)[:3000]))


if __name__ == '__main__':
    main()
