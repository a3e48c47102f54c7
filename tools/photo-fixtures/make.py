"""Makes workers/photo/fixtures/ with independent tools: exiftool, ImageMagick, heif-enc, avifenc and cjxl from Debian
(libimage-exiftool-perl imagemagick libheif-examples libavif-bin libjxl-tools webp). Python only writes what none of them
does: ICC profiles, Canon's MakerNote, a raw file's frame. Run from the repository's root: python3 tools/photo-fixtures/make.py
"""
import json
import pathlib
import struct
import subprocess
import tempfile

OUT = pathlib.Path("workers/photo/fixtures")
W, H = 48, 32


def run(*command):
    subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL)


def pixels(bits, channels):
    """A gradient with every corner of the colour cube near, and a little noise (xorshift)."""
    top = (1 << bits) - 1
    state = 1
    values = []
    for y in range(H):
        for x in range(W):
            for c in range(channels):
                state = (state * 1103515245 + 12345) & 0x7FFFFFFF
                base = [x / (W - 1), y / (H - 1), 1 - x / (W - 1), 1 if x > 8 else x / 8][c]
                values.append(min(top, max(0, round(base * top + ((state >> 16) % 9 - 4) * (1 << (bits - 8))))))
    return values


def netpbm(path, bits, channels):
    kind = {1: "GRAYSCALE", 3: "RGB", 4: "RGB_ALPHA"}[channels]
    head = f"P7\nWIDTH {W}\nHEIGHT {H}\nDEPTH {channels}\nMAXVAL {(1 << bits) - 1}\nTUPLTYPE {kind}\nENDHDR\n"
    form = ">%dH" if bits == 16 else ">%dB"
    values = pixels(bits, channels)
    path.write_bytes(head.encode() + struct.pack(form % len(values), *values))


def fixed(value):
    return struct.pack(">i", round(value * 65536))


def icc(name, columns, curve, space=b"RGB "):
    """ICC.1 v2 matrix (or grey) profile. `curve`: body of a 'curv' tag."""
    tags = [(b"desc", b"desc\0\0\0\0" + struct.pack(">I", len(name) + 1) + name.encode() + b"\0" + bytes(78))]
    tags += [(b"cprt", b"text\0\0\0\0CC0\0"), (b"wtpt", b"XYZ \0\0\0\0" + fixed(0.9642) + fixed(1) + fixed(0.8249))]
    if columns:
        for key, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns):
            tags.append((key, b"XYZ \0\0\0\0" + b"".join(map(fixed, column))))
        tags += [(key, curve) for key in (b"rTRC", b"gTRC", b"bTRC")]
    else:
        tags.append((b"kTRC", curve))
    at = 128 + 4 + 12 * len(tags)
    table, data = b"", b""
    for key, body in tags:
        body += bytes(-len(body) % 4)
        table += key + struct.pack(">II", at + len(data), len(body))
        data += body
    size = at + len(data)
    head = struct.pack(">I4sI4s4s4s", size, b"none", 0x02400000, b"mntr", space, b"XYZ ")
    head += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + fixed(0.9642) + fixed(1) + fixed(0.8249) + bytes(48)
    return head[:128] + struct.pack(">I", len(tags)) + table + data


SRGB = [
    round(65535 * (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4)) for v in (i / 1023 for i in range(1024))
]
TABLE = b"curv\0\0\0\0" + struct.pack(">I", len(SRGB)) + struct.pack(">%dH" % len(SRGB), *SRGB)
GAMMA = b"curv\0\0\0\0" + struct.pack(">IH", 1, 563)
P3 = icc("Display P3", [(0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841)], TABLE)
ADOBE = icc("Adobe RGB", [(0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457)], GAMMA)
GREY = icc("Grey gamma 2.2", None, GAMMA, b"GRAY")


def maker_note(start):
    """Canon's: a directory, little-endian, whose offsets count from the TIFF header; `start` is where it will lie."""
    model, firmware, owner = b"Canon EOS Test\0".ljust(32, b"\0"), b"Firmware 1.2.3\0".ljust(24, b"\0"), b"A. Owner\0".ljust(32, b"\0")
    entries = [(6, 2, model), (7, 2, firmware), (9, 2, owner)]
    at = start + 2 + 12 * len(entries) + 4
    table, data = struct.pack("<H", len(entries)), b""
    for tag, kind, body in entries:
        table += struct.pack("<HHII", tag, kind, len(body), at + len(data))
        data += body
    return table + bytes(4) + data


def with_note(path):
    """Puts Canon's note into the EXIF block of a JPEG that exiftool wrote with a placeholder of the same size."""
    raw = bytearray(path.read_bytes())
    tiff = raw.index(b"Exif\0\0") + 6
    at = raw.index(b"NOTE" * 8)
    note = maker_note(at - tiff)
    raw[at : at + len(note)] = note
    path.write_bytes(raw)


EXIF = """-Make=Canon -Model=EOS Test -Software=Camera 1.0 -Artist=Zoë Example -Copyright=CC0 -ImageDescription=A test
-DateTimeOriginal=2024:05:06 07:08:09 -CreateDate=2024:05:06 07:08:09 -OffsetTimeOriginal=+02:00 -SubSecTimeOriginal=42
-ExposureTime=1/250 -FNumber=2.8 -ISO=400 -FocalLength=35 -LensModel=35mm F2 -UserComment=Hello -Flash#=16
-ExifIFD:ColorSpace#=65535 -ExifImageWidth=48 -ExifImageHeight=32 -Orientation#=6
-GPSLatitude=48.2082 -GPSLatitudeRef=N -GPSLongitude=16.3738 -GPSLongitudeRef=E -GPSAltitude=171
-XResolution=300 -YResolution=300 -ResolutionUnit=inches""".replace("\n", " -").replace(" --", " -")


def describe(path, orientation=6):
    arguments = ["-" + part for part in EXIF.lstrip("-").split(" -")]
    run(
        "exiftool", "-q", "-overwrite_original", *arguments, f"-Orientation#={orientation}",
        "-XMP-dc:Title=Title é 中文", "-XMP-dc:Subject=one", "-XMP-dc:Subject=two", "-XMP:Rating=4", "-XMP-photoshop:City=Vienna",
        "-XMP-exif:GPSLatitude=48.2082", "-XMP-tiff:Orientation#=%d" % orientation, "-XMP-xmpMM:DocumentID=xmp.did:1",
        path,
    )


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    for old in OUT.iterdir():
        old.unlink()
    with tempfile.TemporaryDirectory() as folder:
        tmp = pathlib.Path(folder)
        for name, bits, channels in (("grey8", 8, 1), ("rgb8", 8, 3), ("rgba8", 8, 4), ("grey16", 16, 1), ("rgb16", 16, 3), ("rgba16", 16, 4)):
            netpbm(tmp / f"{name}.pam", bits, channels)
        for name, profile in (("p3", P3), ("adobe", ADOBE), ("grey", GREY)):
            (tmp / f"{name}.icc").write_bytes(profile)

        # Everything that a camera and an editor put into a JPEG.
        rich = OUT / "rich.jpg"
        run("convert", tmp / "rgb8.pam", "-quality", "95", "-set", "comment", "A comment", rich)
        describe(rich)
        run("convert", tmp / "rgb8.pam", "-resize", "50%", tmp / "thumb.jpg")
        (tmp / "note").write_bytes(b"NOTE" * (len(maker_note(0)) // 4))
        run(
            "exiftool", "-q", "-overwrite_original", f"-ThumbnailImage<={tmp / 'thumb.jpg'}", f"-ICC_Profile<={tmp / 'p3.icc'}",
            "-IPTC:ObjectName=Object", "-IPTC:City=Vienna", "-IPTC:Keywords=key", "-IPTC:CodedCharacterSet=UTF8", "-IPTC:By-line=Zoë",
            "-Photoshop:XResolution=300", f"-MakerNotes<={tmp / 'note'}", rich,
        )
        note_in(rich, tmp)
        run("convert", tmp / "grey8.pam", "-quality", "95", "-profile", tmp / "grey.icc", OUT / "grey.jpg")
        run("convert", tmp / "rgb8.pam", "-quality", "95", "-colorspace", "CMYK", OUT / "cmyk.jpg")

        for name, source, profile, options in (
            ("rgb16-p3", "rgb16", "p3", []),
            ("rgba16", "rgba16", None, []),
            ("rgba8", "rgba8", None, []),
            ("rgb8-adobe-interlaced", "rgb8", "adobe", ["-interlace", "PNG"]),
            ("grey16", "grey16", "grey", []),
        ):
            run("convert", tmp / f"{source}.pam", "-strip", *(["-profile", tmp / f"{profile}.icc"] if profile else []), *options, "-define", "png:exclude-chunk=date,time", OUT / f"{name}.png")
        run("convert", tmp / "rgb8.pam", "-strip", "-colors", "60", "-define", "png:exclude-chunk=date,time", f"png8:{OUT / 'palette.png'}")
        run("convert", tmp / "grey8.pam", "-strip", "-threshold", "50%", "-define", "png:bit-depth=1", "-define", "png:exclude-chunk=date,time", OUT / "bits1.png")
        describe(OUT / "rgb16-p3.png")

        for name, source, options in (
            ("rgb16-adobe", "rgb16", ["-compress", "Zip"]),
            ("rgb8-lzw-tiled", "rgb8", ["-compress", "LZW", "-define", "tiff:tile-geometry=16x16"]),
            ("rgb8-planar", "rgb8", ["-compress", "RLE", "-interlace", "plane"]),
            ("grey16-big", "grey16", ["-compress", "None", "-endian", "MSB"]),
            ("rgba8", "rgba8", ["-compress", "LZW", "-define", "tiff:predictor=2"]),
        ):
            run("convert", tmp / f"{source}.pam", "-strip", *options, OUT / f"{name}.tif")
        run("exiftool", "-q", "-overwrite_original", f"-ICC_Profile<={tmp / 'adobe.icc'}", OUT / "rgb16-adobe.tif")
        describe(OUT / "rgb16-adobe.tif")
        run("exiftool", "-q", "-overwrite_original", "-tagsfromfile", rich, "-MakerNotes", "-IPTC:all", OUT / "rgb16-adobe.tif")

        run("convert", tmp / "rgb8.pam", "-quality", "95", "-profile", tmp / "p3.icc", tmp / "p3.png")
        run("cwebp", "-quiet", "-lossless", "-metadata", "icc", tmp / "p3.png", "-o", OUT / "p3.webp")
        describe(OUT / "p3.webp")
        run("avifenc", "-l", "-s", "8", tmp / "p3.png", OUT / "p3.avif")
        describe(OUT / "p3.avif", 1)
        run("convert", tmp / "rgb8.pam", "-resize", "64x64!", "-profile", tmp / "p3.icc", tmp / "64.png")
        run("heif-enc", "-q", "95", tmp / "64.png", "-o", OUT / "p3.heic")
        run("convert", tmp / "rgb16.pam", "-profile", tmp / "p3.icc", tmp / "p3-16.png")
        # More than 8 bits: without the step from RGB to YCbCr in AVIF, with it in HEIC.
        for bits in (10, 12):
            run("avifenc", "-d", bits, "-l", "-s", "8", tmp / "p3-16.png", OUT / f"p3-{bits}.avif")
        run("heif-enc", "-L", "-p", "chroma=444", "-b", "10", tmp / "p3-16.png", "-o", OUT / "p3-10.heic")
        run("cjxl", tmp / "p3-16.png", OUT / "p3-16.jxl", "-d", "0")
        run("convert", tmp / "rgb8.pam", OUT / "frames.gif")
        raw_file(tmp)

    names = sorted(path.name for path in OUT.iterdir() if path.suffix != ".json")
    listed = subprocess.run(["exiftool", "-j", "-G1", "-struct", *names], cwd=OUT, check=True, capture_output=True, text=True)
    facts = json.loads(listed.stdout)
    for one in facts:
        for key in list(one):
            if key.startswith(("System:", "ExifTool:")) or one[key] in ("",):
                del one[key]
    (OUT / "exiftool.json").write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n")


def note_in(path, tmp):
    """exiftool writes no MakerNotes of its own: the EXIF block is taken apart here and put together with one."""
    if b"NOTE" * 8 in path.read_bytes():
        with_note(path)
        return
    block = subprocess.run(["exiftool", "-b", "-Exif", path], check=True, capture_output=True).stdout
    little = block[:2] == b"II"
    order = "<" if little else ">"
    first = struct.unpack(order + "I", block[4:8])[0]
    count = struct.unpack(order + "H", block[first : first + 2])[0]
    out = bytearray(block + bytes(len(block) % 2))
    for i in range(count):
        at = first + 2 + 12 * i
        tag, kind, n, value = struct.unpack(order + "HHII", block[at : at + 12])
        if tag != 0x8769:
            continue
        n = struct.unpack(order + "H", block[value : value + 2])[0]
        entries = [block[value + 2 + 12 * k : value + 14 + 12 * k] for k in range(n)]
        table_at = len(out)
        note_at = table_at + 2 + 12 * (n + 1) + 4
        note = maker_note(note_at)
        entries.append(struct.pack(order + "HHII", 0x927C, 7, len(note), note_at))
        entries.sort(key=lambda e: struct.unpack(order + "H", e[:2])[0])
        out += struct.pack(order + "H", n + 1) + b"".join(entries) + bytes(4) + note
        out[at + 8 : at + 12] = struct.pack(order + "I", table_at)
    raw = path.read_bytes()
    at = raw.index(b"\xff\xe1", 2)
    while raw[at + 4 : at + 10] != b"Exif\0\0":
        at = raw.index(b"\xff\xe1", at + 2)
    length = struct.unpack(">H", raw[at + 2 : at + 4])[0]
    body = b"Exif\0\0" + bytes(out)
    path.write_bytes(raw[:at] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + raw[at + 2 + length :])


def raw_file(tmp):
    """The frame of a DNG: a small directory, a picture of raw data (noise here) and a JPEG preview of the whole photo."""
    run("convert", tmp / "rgb8.pam", "-quality", "95", "-strip", tmp / "preview.jpg")
    preview = (tmp / "preview.jpg").read_bytes()
    make, model = b"Maker\0\0\0", b"Raw One\0"
    entries = [
        (254, 4, 1, struct.pack("<I", 1)), (256, 4, 1, struct.pack("<I", 16)), (257, 4, 1, struct.pack("<I", 16)),
        (258, 3, 1, struct.pack("<HH", 16, 0)), (259, 3, 1, struct.pack("<HH", 1, 0)), (262, 3, 1, struct.pack("<HH", 32803, 0)),
        (271, 2, 8, make), (272, 2, 8, model), (273, 4, 1, b"RAWS"), (274, 3, 1, struct.pack("<HH", 8, 0)),
        (277, 3, 1, struct.pack("<HH", 1, 0)), (278, 4, 1, struct.pack("<I", 16)), (279, 4, 1, struct.pack("<I", 512)),
        (306, 2, 20, b"2024:05:06 07:08:09\0"), (50706, 1, 4, bytes((1, 4, 0, 0))),
    ]
    at = 8 + 2 + 12 * len(entries) + 4
    table, data = struct.pack("<H", len(entries)), b""
    for tag, kind, count, value in entries:
        if len(value) > 4:
            table += struct.pack("<HHII", tag, kind, count, at + len(data))
            data += value
        else:
            table += struct.pack("<HHI", tag, kind, count) + value.ljust(4, b"\0")
    table = table.replace(b"RAWS", struct.pack("<I", at + len(data)))
    raw = bytes((i * 37 + 11) % 251 for i in range(512))
    (OUT / "raw.dng").write_bytes(b"II*\0" + struct.pack("<I", 8) + table + bytes(4) + data + raw + preview)


if __name__ == "__main__":
    main()
