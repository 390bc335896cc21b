#!/usr/bin/env python3
"""Reads a Pascal VOC dataset as the devkit describes it and compares it with truth.json of judge_formats.py.

    read_voc.py FOLDER TRUTH

Goes from ImageSets to Annotations to JPEGImages, with the standard library alone. The convention of the corners is
the one that source/annotation names.
"""
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from read_truth import Verdict, compare

SETS = ("train", "val", "test", "trainval")


def main(folder, truth):
    verdict = Verdict()
    root = Path(folder) / "VOCdevkit/VOC2012"
    lists = {path.stem: path.read_text(encoding="utf-8").split("\n")[:-1] for path in (root / "ImageSets/Main").glob("*.txt")}
    sets = [name for name in SETS if name in lists and not (name == "trainval" and {"train", "val"} & set(lists))]
    verdict.expect(sets, f"none of the lists {SETS}")
    found, seen = [], []
    for name in sets:
        for stem in lists[name]:
            verdict.expect(stem and not any(c.isspace() for c in stem), f"stem {stem!r} holds a space")
            found.append(read(root, stem, name, verdict))
            seen.append(stem)
    verdict.expect(len({stem.lower() for stem in seen}) == len(seen), "a stem stands twice")
    on_disk = {path.stem for path in (root / "Annotations").iterdir()}
    verdict.expect(on_disk == set(seen), f"annotations in no list: {sorted(on_disk ^ set(seen))[:5]}")
    check_class_lists(lists, sets, {stem: boxes for stem, (_, _, _, boxes) in zip(seen, found)}, verdict)
    compare(truth, found, verdict, lambda width, height: 0.501 if min(width, height) > 1 else 1)
    return verdict.end("voc")


def read(root, stem, split, verdict):
    tree = ElementTree.parse(root / "Annotations" / f"{stem}.xml").getroot()
    order = [child.tag for child in tree]
    verdict.expect(order[:5] == ["folder", "filename", "source", "size", "segmented"], f"{stem}: elements are {order}")
    file = tree.findtext("filename")
    verdict.expect(Path(file).stem == stem, f"{stem}: filename is {file}")
    size = [int(tree.findtext(f"size/{side}")) for side in ("width", "height", "depth")]
    verdict.expect(size[2] in (1, 2, 3, 4), f"{stem}: depth is {size[2]}")
    first = 1 if tree.findtext("source/annotation").startswith("inclusive1") else 0
    boxes = []
    for thing in tree.iter("object"):
        for flag in ("difficult", "truncated"):
            verdict.expect(thing.findtext(flag) in ("0", "1"), f"{stem}: {flag} is {thing.findtext(flag)}")
        x0, y0, x1, y1 = (int(thing.findtext(f"bndbox/{corner}")) for corner in ("xmin", "ymin", "xmax", "ymax"))
        inside = first <= x0 <= x1 - 1 + first and first <= y0 <= y1 - 1 + first and x1 <= size[0] and y1 <= size[1]
        verdict.expect(inside, f"{stem}: box {x0, y0, x1, y1} leaves {size} or is empty")
        boxes.append((thing.findtext("name"), x0 - first, y0 - first, x1, y1))
    return root / "JPEGImages" / file, size[:2], split, boxes


def check_class_lists(lists, sets, boxes, verdict):
    names = {box[0] for some in boxes.values() for box in some}
    for name in names:
        for split in sets:
            for line in lists.get(f"{name}_{split}", []):
                stem, sign = line.split()
                has = any(box[0] == name for box in boxes[stem])
                verdict.expect(int(sign) == (1 if has else -1), f"{name}_{split}: {line!r} is wrong")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
