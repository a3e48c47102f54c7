"""Makes public/demo/ and the clean copies in e2e/fixtures/ from the photos of Debian's package budgie-backgrounds (CC0).

    apt-get download budgie-backgrounds        # 3.0-1, Debian trixie
    dpkg -x budgie-backgrounds_*.deb /tmp/budgie
    python tools/demo/make.py /tmp/budgie/usr/share/backgrounds/budgie

Needs the packages of training/requirements.txt. Same input, same output: every photo has its own seed.
"""

import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
from training.degrade.arrays import degrade  # noqa: E402

# task, photo, long side in px, level 0..1 and seed (not used for compression), titles, how it was degraded
PHOTOS = [
    ("noise", "oakland-zoo-otters", 640, 0.62, 3, "Otter", "水獭", "Simulated noise", "模拟的噪点"),
    ("compression", "roman-colosseum", 800, 0, 0, "Colosseum", "斗兽场",
     "JPEG, quality 12", "JPEG，质量 12"),
    ("haze", "lake-sherburne", 800, 0.95, 12, "Mountain lake", "高山湖泊", "Simulated haze", "模拟的雾霾"),
    ("low-light", "perched-osprey", 640, 0.35, 4, "Osprey", "鱼鹰", "Simulated darkness", "模拟的欠曝"),
    ("blur", "canyon-wren", 800, 0.45, 6, "Wren", "鹪鹩", "Simulated blur", "模拟的模糊"),
    ("rain", "tea-gardens", 720, 0.6, 7, "Tea garden", "茶园", "Simulated rain", "模拟的雨丝"),
    ("flare", "high-trestle-trail", 800, 0.6, 8, "Footbridge", "步行桥", "Simulated flare", "模拟的光晕"),
    ("moire", "singaporean-cityscape", 720, 0.5, 9, "Harbour", "港口", "Simulated moiré", "模拟的摩尔纹"),
    ("reflection", "blue-periwinkle", 800, 0.6, 10, "Forget-me-nots", "勿忘我",
     "Simulated reflection", "模拟的反光"),
]
REFLECTED = "beacon-street-sunset"
MAX_BYTES = 200_000
JPEG_QUALITY = 12
# Small crops for the WebGPU test: side in px.
CROP = 96


def load(folder: Path, name: str, long_side: int) -> np.ndarray:
    image = Image.open(folder / f"{name}.jpg").convert("RGB")
    scale = long_side / max(image.size)
    size = (round(image.width * scale), round(image.height * scale))
    return np.asarray(image.resize(size, Image.Resampling.LANCZOS), np.float32) / 255


def to_image(x: np.ndarray) -> Image.Image:
    return Image.fromarray(np.rint(np.clip(x, 0, 1) * 255).astype(np.uint8))


def save_jpeg(image: Image.Image, path: Path) -> None:
    """The best quality that fits; 4:4:4, so that the file adds little to the degradation."""
    for quality in (95, 92, 88, 84, 80, 75, 70):
        image.save(path, "JPEG", quality=quality, subsampling=0, optimize=True)
        if path.stat().st_size <= MAX_BYTES:
            return
    raise SystemExit(f"{path} does not fit into {MAX_BYTES} bytes")


def main(folder: Path) -> None:
    demo, fixtures = ROOT / "public/demo", ROOT / "e2e/fixtures"
    entries = []
    for task, name, long_side, level, seed, en, zh, how_en, how_zh in PHOTOS:
        clean = load(folder, name, long_side)
        h, w, _ = clean.shape
        other = None
        if task == "reflection":
            other = np.asarray(to_image(load(folder, REFLECTED, long_side)).resize((w, h)), np.float32) / 255
        if task == "compression":  # for real: the file itself is the damage
            to_image(clean).save(demo / f"{task}.jpg", "JPEG", quality=JPEG_QUALITY, subsampling=2)
            bad = np.asarray(Image.open(demo / f"{task}.jpg"), np.float32) / 255
        else:
            bad = degrade(task, clean, np.random.default_rng(seed), level, other)
            save_jpeg(to_image(bad), demo / f"{task}.jpg")
        thumb = to_image(bad)
        thumb.thumbnail((240, 240))
        thumb.save(demo / f"{task}-thumb.jpg", "JPEG", quality=80)
        if task in ("noise", "compression", "haze", "low-light"):
            to_image(clean).save(fixtures / f"{task}-clean.jpg", "JPEG", quality=92, subsampling=0)
        if task in ("noise", "low-light"):
            y, x = (h - CROP) // 2, (w - CROP) // 2
            to_image(clean[y : y + CROP, x : x + CROP]).save(fixtures / f"{task}-{CROP}-clean.png")
            to_image(bad[y : y + CROP, x : x + CROP]).save(fixtures / f"{task}-{CROP}.png")
        entries.append({
            "file": f"{task}.jpg", "thumb": f"{task}-thumb.jpg", "task": task,
            "title": {"en": en, "zh": zh}, "degraded": {"en": how_en, "zh": how_zh},
            "author": "Budgie Desktop Developers", "licence": "CC0-1.0",
            "source": f"Debian package budgie-backgrounds 3.0-1, {name}.jpg",
        })
    text = json.dumps(entries, ensure_ascii=False, indent=2)
    (demo / "demos.json").write_text(text + "\n", encoding="utf-8")


main(Path(sys.argv[1]))
