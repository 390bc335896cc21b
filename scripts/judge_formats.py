#!/usr/bin/env python3
"""Lets other programs' readers judge datasets that recto-reformat wrote.

    judge_formats.py LOCALIZATIONS IMAGE_MAP OUTPUTS [--judge FOLDER] [--need coco,csv,tf,vgg,voc,yolo] [--datasets N]

OUTPUTS is a folder of dataset folders, each with its dataset.json, all made from LOCALIZATIONS and IMAGE_MAP without
--remap and --negatives. Writes OUTPUTS/truth.json: what the boxes are in pixels of the files, worked out here from
the inputs alone. coco, csv and tf go to verify.py of --judge (pycocotools, TensorFlow, pandas, polars); vgg, voc and yolo
to the readers beside this file. Needs Pillow. Exit 0: every dataset passes; 1: one does not, one of --need is not
there, or there are not as many as --datasets says; 77: the judge is not there.
"""
import argparse
import hashlib
import json
import subprocess
import sys
from pathlib import Path

from PIL import Image

from read_truth import content

HERE = Path(__file__).resolve().parent
ARGUMENTS = {
    "coco": ["--clip", "--polygons"],
    "csv": ["--clip", "--csv-convention", "xywh", "--tol", "0.001"],
    "tf": ["--clip", "--fast"],
}
# What the light environment has not: torch is 6 GB.
MAY_BE_MISSING = ("torchvision", "datumaro")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("localizations", type=Path)
    parser.add_argument("image_map", type=Path)
    parser.add_argument("outputs", type=Path)
    parser.add_argument("--judge", type=Path, default=HERE.parent.parent / "shared/judges/formats")
    parser.add_argument("--need", default="", help="formats that must be among the outputs")
    parser.add_argument("--datasets", type=int, help="number of datasets that must be among the outputs")
    options = parser.parse_args()
    if not (options.judge / "verify.py").is_file():
        print(f"SKIPPED: no verify.py in {options.judge}; name its folder with --judge", file=sys.stderr)
        return 77
    truth, names = truth_of(options.localizations, options.image_map)
    truth_file, names_file = options.outputs / "truth.json", options.outputs / "names.json"
    write(truth_file, truth)
    write(names_file, names)
    bad, seen = 0, set()
    cards = sorted(options.outputs.glob("*/dataset.json"))
    for card in cards:
        format = json.loads(card.read_text(encoding="utf-8"))["format"]
        seen.add(format)
        command = judge_of(format, card.parent, options.judge, truth_file, names_file)
        bad += command is not None and not passes(card.parent.name, command)
        bad += not files_agree(card)
    for format in filter(None, set(options.need.split(",")) - seen):
        print(f"FAIL  {format}: no such dataset in {options.outputs}")
        bad += 1
    if options.datasets not in (None, len(cards)):
        print(f"FAIL  {len(cards)} datasets in {options.outputs}, expected {options.datasets}")
        bad += 1
    return 1 if bad or not seen else 0


def judge_of(format, folder, judge, truth, names):
    if format in ARGUMENTS:
        path = folder / "annotations.csv" if format == "csv" else folder
        splits = json.loads((folder / "dataset.json").read_text(encoding="utf-8")).get("splits")
        groups = ["--groups"] if splits else []
        kind = "tfrecord" if format == "tf" else format
        return [judge / "verify.py", kind, path, "--truth", truth, "--map", names, *ARGUMENTS[format], *groups]
    if format in ("vgg", "voc", "yolo"):
        return [HERE / f"read_{format}.py", folder, truth]
    return None


def passes(name, command):
    ran = subprocess.run([sys.executable, *map(str, command)], capture_output=True, text=True)
    lines = ran.stdout.splitlines()
    skips = [line for line in lines if line.startswith("skip")]
    allowed = [line for line in skips if any(word in line for word in MAY_BE_MISSING)]
    good = ran.returncode == 0 and skips == allowed
    for line in allowed:
        print(f"      {name}: {line} (this judge may be missing: {', '.join(MAY_BE_MISSING)})")
    print(f"{'ok  ' if good else 'FAIL'}  {name}: {lines[-1] if lines else 'said nothing'}")
    if not good:
        print("\n".join("      " + line for line in (lines + ran.stderr.splitlines())[-30:]))
    return good


def files_agree(card):
    """Every file is listed with its digest, and nothing else is there."""
    listed = {entry["path"]: entry for entry in json.loads(card.read_text(encoding="utf-8"))["files"]}
    found = {str(path.relative_to(card.parent)) for path in card.parent.rglob("*") if path.is_file()} - {"dataset.json"}
    wrong = sorted(found ^ set(listed)) + [path for path in found & set(listed) if digest(card.parent / path) != listed[path]["sha256"]]
    if wrong:
        print(f"FAIL  {card}: {wrong[:5]} disagree with the list of files")
    return not wrong


def truth_of(localizations, image_map):
    paths = json.loads(image_map.read_text(encoding="utf-8"))
    images, names = [], {}
    shared = all(path.startswith("images/") for path in paths.values())
    for image in json.loads(localizations.read_text(encoding="utf-8"))["images"]:
        path = paths.get(image["id"])
        if path is None:
            continue
        file = image_map.parent / path
        names[path] = path
        if shared:
            names[path.removeprefix("images/")] = path
        with Image.open(file) as opened:
            size, turn = opened.size, opened.getexif().get(0x0112, 1)
        boxes = [mapped(box, image["frame"], size, turn) for box in image["localizations"]]
        images.append({"id": image["id"], "file": path, "width": size[0], "height": size[1], "group": image["group"],
                       "sha256": digest(file), "content": content(file), "boxes": boxes})
    labels = sorted({box["label"] for image in images for box in image["boxes"] if on_image(box, image)})
    return {"labels": labels, "images": images}, names


def on_image(box, image):
    return box["x"] < image["width"] and box["y"] < image["height"] and box["x"] + box["w"] > 0 and box["y"] + box["h"] > 0


def mapped(box, frame, size, turn):
    """Drawn on the picture as shown when only that has the frame's shape, else on the picture as stored."""
    ratio = frame[0] / frame[1]
    far = lambda width, height: abs(width / height / ratio - 1)
    swapped = turn in (5, 6, 7, 8) and far(size[1], size[0]) < 0.02 < far(*size)
    shown = (size[1], size[0]) if swapped else size
    def point(x, y):
        x, y = x * shown[0] / frame[0], y * shown[1] / frame[1]
        if not swapped:
            return x, y
        return {5: (y, x), 6: (y, size[1] - x), 7: (size[0] - y, size[1] - x), 8: (size[0] - y, x)}[turn]
    x, y, w, h = box["bbox"]
    (x0, y0), (x1, y1) = point(x, y), point(x + w, y + h)
    x0, x1, y0, y1 = min(x0, x1), max(x0, x1), min(y0, y1), max(y0, y1)
    truth = {"label": box["concept"], "x": x0, "y": y0, "w": x1 - x0, "h": y1 - y0}
    if "polygon" in box:
        points = [point(*p) for p in box["polygon"]]
        # A cut outline has other corners: only whole ones are compared.
        if all(0 <= x <= size[0] and 0 <= y <= size[1] for x, y in points):
            truth["polygon"] = [[v for p in points for v in p]]
    return truth


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write(path, value):
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
