"""Makes the frozen test set from its recipe, and checks every hash.

  python -m bench.quality.set.make --photos PHOTOS/val --out FOLDER

Writes FOLDER/clean/0001.png and FOLDER/<task>/0001.png. Exit status 1 when pixels differ from those of the recipe, which
a new version of a library can bring about; `requirements.txt` has the versions of the recipe. Another processor may round
a few pixels otherwise: a damaged picture whose PSNR is still that of the recipe is taken, and named.
"""
import argparse
import json
import sys
from pathlib import Path

from .kinds import degrade
from .pixels import digest, photos_in, prepared, psnr, set_hash, write_png

RECIPE = Path(__file__).resolve().parents[2] / 'quality-set.json'


def main():
    options = argparse.ArgumentParser()
    options.add_argument('--photos', required=True, type=Path)
    options.add_argument('--out', required=True, type=Path)
    args = options.parse_args()
    recipe = json.loads(RECIPE.read_text())
    clean = {path.stem: prepared(path) for path in photos_in(args.photos)}
    wrong, rounded = [], []
    for entry in recipe['clean']:
        photo = clean[entry['photo']]
        if digest(photo) != entry['sha256']:
            wrong.append(f"clean/{entry['photo']}")
        write_png(args.out / 'clean' / f"{entry['photo']}.png", photo)
    for item in recipe['items']:
        bad = degrade(item, clean[item['photo']], clean.get(item.get('second')))
        name = f"{item['task']}/{item['photo']}"
        if digest(bad) != item['sha256']:
            same = abs(psnr(bad, clean[item['photo']]) - item['psnr']) <= 0.01
            (rounded if same else wrong).append(name)
        write_png(args.out / f'{name}.png', bad)
    (args.out / 'set.json').write_text(json.dumps({'hash': set_hash(recipe), 'wrong': wrong}))
    if wrong:
        print(f'{len(wrong)} pictures are not those of the recipe: {", ".join(wrong[:5])} ...', file=sys.stderr)
        return 1
    if rounded:
        print(f'rounded otherwise here, with the PSNR of the recipe: {", ".join(rounded)}', file=sys.stderr)
    print(f"{len(recipe['items'])} pictures as in the recipe", file=sys.stderr)
    return 0


if __name__ == '__main__':
    sys.exit(main())
