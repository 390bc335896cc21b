#!/usr/bin/env python3
"""Makes a small dataset in which everything is awkward: names, sizes, frames, depths, turns, boxes over the edge.

    hard_dataset.py FOLDER

Writes FOLDER/localizations.json, FOLDER/image_map.json and the images below FOLDER/images. Needs Pillow.
The same bytes on every run.
"""
import json
import random
import sys
from pathlib import Path

from PIL import Image

LABELS = ["fish, blue", 'quote " here', "line\nend", "<a & b>", "žluťoučký 鱼", "ns:colon", "=1+1", "NA", "no", "it's \\ tab\t",
          "-dash", "a/b", "plain", " padded "]


def picture(rng, width, height, mode):
    small = Image.frombytes("RGB", (8, 8), bytes(rng.randrange(256) for _ in range(192)))
    return small.resize((width, height), Image.BICUBIC).convert(mode)


def shape(rng, frame):
    w, h = rng.uniform(0.1, 0.4) * frame[0], rng.uniform(0.1, 0.4) * frame[1]
    x, y = rng.uniform(-0.08, 0.95) * frame[0], rng.uniform(-0.08, 0.95) * frame[1]
    return [round(v, 3) for v in (x, y, w, h)]


def outline(box):
    x, y, w, h = box
    return [[x + w / 2, y], [x + w, y + h / 2], [x + w / 2, y + h], [x, y + h / 2]]


# group, path, suffix, size, mode, frame (None: the size), EXIF orientation, boxes
ROWS = [
    ("ms 1", "images/ms 1/a.jpg", (640, 480), "RGB", None, 1, 14),
    ("ms 1", "images/ms 1/A b.jpg", (641, 479), "L", (1282, 958), 1, 4),
    ("ms 1", "images/ms 1/neg.jpg", (64, 48), "RGB", None, 1, 0),
    ("ms/2", "images/ms_2/a.jpg", (300, 200), "RGB", (1000, 1000), 1, 5),
    ("ms/2", "images/ms_2/a.png", (301, 211), "RGBA", (602, 422), 1, 6),
    ("ms/2", "images/ms_2/a,\"b\" & <c>.png", (128, 256), "I;16", None, 1, 3),
    ("Œuvre", "images/OEuvre/turned.jpg", (400, 300), "RGB", (600, 800), 6, 4),
    ("Œuvre", "images/OEuvre/stored.jpg", (400, 300), "RGB", (800, 600), 6, 4),
    ("Œuvre", "images/OEuvre/eight.jpg", (400, 300), "RGB", (300, 400), 8, 4),
    ("reef", "images/reef/deep/t.tif", (222, 333), "RGB", None, 1, 5),
    ("reef", "images/reef/g.tif", (222, 111), "I;16", None, 1, 2),
    ("reef", "images/reef/w.webp", (210, 120), "RGB", (420, 240), 1, 4),
    ("reef", "images/reef/cmyk.jpg", (200, 100), "CMYK", None, 1, 3),
    ("reef", "images/reef/one.png", (1, 1), "RGB", None, 1, 1),
    ("dup", "images/dup/same.jpg", (640, 480), "RGB", None, 1, 2),
]


def main(folder):
    folder = Path(folder)
    images, names = [], {}
    for i, (group, path, size, mode, frame, turn, n) in enumerate(ROWS):
        rng = random.Random(i)
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        save(file, picture(random.Random(0) if group == "dup" or i == 0 else rng, *size, "L" if mode == "I;16" else mode), mode, turn)
        space = frame or size
        boxes = [shape(rng, space) for _ in range(n)] if size != (1, 1) else [[0, 0, 1, 1]]
        localizations = [
            {"id": f"urn:box/{i}#{k}", "concept": LABELS[(i + k) % len(LABELS)], "bbox": box,
             **({"polygon": outline(box)} if k % 3 == 1 else {}), "attributes": {"text": "שלום \"x\", <y>\n", "confidence": 0.5}}
            for k, box in enumerate(boxes)]
        id = f"https://example.org/iiif/{i}"
        names[id] = path
        images.append({"id": id, "image": {"service": {"id": id, "version": 2}, "width": space[0], "height": space[1]},
                       "source": {"kind": "iiif", "manifest": f"https://example.org/m/{group}", "canvas": f"{id}/canvas",
                                  "labels": {"manifest": f"Book, {group}", "canvas": f"f. {i}r", "image": "Recto"},
                                  "rights": "https://creativecommons.org/licenses/by/4.0/" if i % 2 else "All \"rights\"\nreserved",
                                  "attribution": "A & B, <i>library</i>"},
                       "group": group, "metadata": {"Date": ["1200", "ca. 1250"], "Key, \"odd\"": ["="]}, "labels": ["whole, page"],
                       "frame": list(space), "localizations": localizations})
    write(folder / "localizations.json", {"contract": "recto/localizations", "version": 1, "images": images})
    write(folder / "image_map.json", names)


def save(file, image, mode, turn):
    exif = Image.Exif()
    exif[0x0112] = turn
    if mode == "I;16":
        image = Image.frombytes("I;16", image.size, b"".join(bytes([0, v]) for v in image.tobytes()))
    image.save(file, **({"exif": exif} if turn != 1 else {}))


def write(path, value):
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
