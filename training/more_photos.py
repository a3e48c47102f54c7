"""More photos, small ones, for what sees thumbnails alone: reads the files of `more-photos.csv` out of clones of the repositories named there.

    git clone https://github.com/drewnoakes/metadata-extractor-images CLONES/drewnoakes+metadata-extractor-images        # and so on
    python -m training.more_photos --clones CLONES --out PHOTOS/more

The files come out of git by their blobs, so that any commit that has them will do. Each is turned as its EXIF says, reduced to a
shorter side of 256 px and written as a JPEG of quality 93. Licences are what the repositories state; nothing more was checked.
"""

import argparse
import csv
import io
import subprocess
from pathlib import Path

from PIL import Image, ImageOps

LIST = Path(__file__).with_name("more-photos.csv")
SHORT = 256


def blob(clone: Path, name: str) -> bytes:
    return subprocess.run(["git", "-C", str(clone), "cat-file", "blob", name], check=True, capture_output=True).stdout


def small(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.draft("RGB", (600, 600))  # a JPEG decoder's own reduction, to no less than that
    image = ImageOps.exif_transpose(image).convert("RGB")
    scale = SHORT / min(image.size)
    size = tuple(round(n * scale) for n in image.size)
    return image.resize(size, Image.Resampling.HAMMING) if scale < 1 else image


def main() -> None:
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("--clones", required=True, help="one folder a repository, OWNER+NAME")
    cli.add_argument("--out", required=True)
    a = cli.parse_args()
    out = Path(a.out)
    out.mkdir(parents=True, exist_ok=True)
    with LIST.open(newline="", encoding="utf-8") as rows:
        for row in csv.DictReader(rows):
            clone = Path(a.clones) / row["repository"].replace("/", "+")
            small(blob(clone, row["blob"])).save(out / row["file"], quality=93, subsampling=0)


if __name__ == "__main__":
    main()
