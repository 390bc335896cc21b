#!/usr/bin/env python3
"""Reads a metadata table of VGG's image tools and compares it with truth.json of judge_formats.py.

    read_vgg.py FOLDER TRUTH

The table has a row per image and holds no boxes: what is compared are files, sizes, groups, splits and labels.
"""
import csv
import json
import sys
from collections import defaultdict
from pathlib import Path

from read_truth import Verdict, content


def main(folder, truth_file):
    verdict, root = Verdict(), Path(folder)
    truth = {image["id"]: image for image in json.loads(Path(truth_file).read_text(encoding="utf-8"))["images"]}
    with open(root / "metadata.csv", newline="", encoding="utf-8") as opened:
        header, *rows = csv.reader(opened)
    verdict.expect(header == ["filename", "file_attributes"], f"the header is {header}")
    splits = defaultdict(set)
    for row in rows:
        if not verdict.expect(len(row) == 2, f"row of {len(row)} cells: {row[:3]}"):
            continue
        file, said = row[0], json.loads(row[1])
        image = truth.pop(said.get("image"), None)
        if not verdict.expect(image, f"{file}: {said.get('image')!r} is no image of the truth, or stands twice"):
            continue
        for fault in differences(root, file, said, image):
            verdict.expect(False, f"{file}: {fault}")
        splits[image["group"]].add(said.get("split"))
        verdict.images += 1
    for id, image in truth.items():
        verdict.expect(False, f"{image['file']}: {id} is missing")
    for group, found in splits.items():
        verdict.expect(len(found) == 1, f"group {group!r} is in {sorted(map(str, found))}")
    return verdict.end("vgg")


def differences(root, file, said, image):
    for key, wanted in (("width", image["width"]), ("height", image["height"]), ("group", image["group"])):
        if said.get(key) != wanted:
            yield f"{key} is {said.get(key)!r}, {wanted!r} is true"
    placed = [path for path in (root / file, root / "images" / file) if path.is_file()]
    if placed and content(placed[0]) != image["content"]:
        yield "is another picture"
    if not placed and file != image["file"]:
        yield f"is neither there nor in the image map, which has {image['file']}"
    if not all(isinstance(label, str) for label in said.get("labels", [])):
        yield f"labels are {said['labels']}"


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
