"""More photos: the list, and how one file comes out of a clone."""

import csv
import io
import subprocess
import sys

from PIL import Image

from training import more_photos


def test_every_photo_of_the_list_has_a_place_and_a_licence():
    rows = list(csv.DictReader(more_photos.LIST.open(newline="", encoding="utf-8")))
    assert len(rows) == len({r["file"] for r in rows}) == len({r["blob"] for r in rows}) == 905
    assert all(len(r["blob"]) == 40 and r["repository"].count("/") == 1 and r["path"] and r["licence"] for r in rows)


def test_photos_come_out_of_a_clone_small_and_turned(tmp_path, monkeypatch):
    clone = tmp_path / "some+photos"
    clone.mkdir()
    wide = Image.radial_gradient("L").resize((900, 600)).convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned to the right
    wide.save(clone / "a.jpg", exif=exif)
    for command in (["init", "-q"], ["hash-object", "-w", "a.jpg"]):
        name = subprocess.run(["git", *command], cwd=clone, check=True, capture_output=True, text=True).stdout.strip()
    listed = tmp_path / "list.csv"
    listed.write_text(f"file,repository,path,blob,licence\n1.jpg,some/photos,a.jpg,{name},CC0\n")
    monkeypatch.setattr(more_photos, "LIST", listed)
    monkeypatch.setattr(sys, "argv", ["more_photos", "--clones", str(tmp_path), "--out", str(tmp_path / "out")])
    more_photos.main()
    with Image.open(tmp_path / "out/1.jpg") as made:
        assert made.size == (256, 384)


def test_small_photos_stay_as_large_as_they_are():
    data = io.BytesIO()
    Image.new("RGB", (240, 250), (90, 120, 30)).save(data, "PNG")
    assert more_photos.small(data.getvalue()).size == (240, 250)
