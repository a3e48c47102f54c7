"""Photos as a small parcel, for a machine that they have to be sent to: reduced and written as AVIF.

    python -m training.parcel --data PHOTOS --out PARCEL      # then train with --data PARCEL --scale .7

The 110 MB of train/ and train512/ become 31 MB. train512 is small already and is reduced less.
"""

import argparse
from pathlib import Path

from PIL import Image

# Folder: share of the side, quality. Full chroma: noise and colour casts are learned from these.
FOLDERS = {"train": (0.7, 83), "train512": (0.85, 86)}


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", required=True, type=Path, help="folder with train/ and train512/")
    p.add_argument("--out", required=True, type=Path)
    a = p.parse_args()
    a.out.mkdir(parents=True, exist_ok=True)
    for folder, (share, quality) in FOLDERS.items():
        for path in sorted((a.data / folder).glob("*.jpg")):
            photo = Image.open(path).convert("RGB")
            size = (round(photo.width * share), round(photo.height * share))
            out = a.out / f"{folder}-{path.stem}.avif"
            photo.resize(size, Image.HAMMING).save(out, "AVIF", quality=quality, subsampling="4:4:4", speed=6)


if __name__ == "__main__":
    main()
