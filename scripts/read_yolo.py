#!/usr/bin/env python3
"""Reads a YOLO dataset as Ultralytics does and compares it with truth.json of judge_formats.py. Needs PyYAML, Pillow.

    read_yolo.py FOLDER TRUTH

Paths are taken from data.yaml's own folder; the last /images/ of a path becomes /labels/; any value outside 0..1
beyond a hundredth, or a line that has not five fields, drops the image.
"""
import sys
from pathlib import Path

import yaml
from PIL import Image

from read_truth import Verdict, compare


def main(folder, truth):
    verdict = Verdict()
    data = yaml.safe_load((Path(folder) / "data.yaml").read_text(encoding="utf-8"))
    verdict.expect("path" not in data, "data.yaml has a path: the set cannot be moved")
    names = data["names"]
    verdict.expect(data["nc"] == len(names) and all(isinstance(name, str) for name in names), f"names are {names}, nc is {data['nc']}")
    found, done = [], set()
    for split in ("train", "val", *(key for key in data if key not in ("train", "val", "nc", "names", "path"))):
        images = Path(folder) / data[split]
        verdict.expect(images.is_dir(), f"{split}: no folder {data[split]}")
        if images in done:
            continue
        done.add(images)
        stems = [image.stem.lower() for image in images.iterdir()]
        verdict.expect(len(set(stems)) == len(stems), f"{split}: two images share a label file")
        found += [read(image, images.name, names, verdict) for image in sorted(images.iterdir())]
    compare(truth, found, verdict, lambda width, height: 1e-6 * max(width, height))
    return verdict.end("yolo")


def read(image, split, names, verdict):
    head, _, tail = str(image.with_suffix(".txt")).rpartition("/images/")
    labels = Path(f"{head}/labels/{tail}")
    with Image.open(image) as opened:
        width, height = opened.size
    boxes = []
    for line in labels.read_text(encoding="utf-8").splitlines():
        fields = line.split()
        if not verdict.expect(len(fields) == 5, f"{labels}: line {line!r} has not five fields"):
            continue
        cx, cy, w, h = map(float, fields[1:])
        verdict.expect(all(0 <= v <= 1 for v in (cx, cy, w, h)), f"{labels}: {line!r} leaves 0..1")
        boxes.append((names[int(fields[0])], (cx - w / 2) * width, (cy - h / 2) * height, (cx + w / 2) * width, (cy + h / 2) * height))
    return image, (width, height), split, boxes


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
