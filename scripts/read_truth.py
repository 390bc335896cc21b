"""What read_vgg.py, read_voc.py and read_yolo.py share: comparing images that were read with truth.json, file by file."""
import hashlib
import json
from collections import defaultdict
from pathlib import Path


class Verdict:
    """Problems found, and how it ends."""

    def __init__(self):
        self.problems, self.images, self.boxes = [], 0, 0

    def expect(self, good, problem):
        if not good:
            self.problems.append(problem)
        return good

    def end(self, name):
        for problem in self.problems[:20]:
            print(f"ERROR {problem}")
        counts = f"{self.images} images, {self.boxes} boxes"
        print(f"FAIL {name}: {len(self.problems)} problems, {counts}" if self.problems else f"PASS {name}: {counts}")
        return 1 if self.problems else 0


def content(path):
    """A hash of a file, of a JPEG without its application segments: a copy may say otherwise how to turn it."""
    data, kept, at = path.read_bytes(), b"", 2
    while data[:2] == b"\xff\xd8" and data[at:at + 1] == b"\xff" and data[at + 1] != 0xDA:
        end = at + 2 + int.from_bytes(data[at + 2:at + 4], "big")
        kept += data[at:end] if not 0xE0 <= data[at + 1] <= 0xEF else b""
        at = end
    return hashlib.sha256(kept + data[at:] if kept else data).hexdigest()


def compare(truth_file, found, verdict, tolerance):
    """found: (image file, (width, height) or None, split, [(label, x0, y0, x1, y1)]). tolerance(width, height), in pixels.
    Images are known by their content, whatever their names have become; of equal ones, any order will do."""
    truth = defaultdict(list)
    groups = defaultdict(set)
    for image in json.loads(Path(truth_file).read_text(encoding="utf-8"))["images"]:
        truth[image["content"]].append(image)
    for file, size, split, boxes in found:
        candidates = truth[content(Path(file))]
        if not verdict.expect(candidates, f"{file}: is no image of the truth, or stands too often"):
            continue
        faults = [differences(image, size, boxes, tolerance) for image in candidates]
        best = min(range(len(faults)), key=lambda i: len(faults[i]))
        image = candidates.pop(best)
        verdict.problems += [f"{file}: {fault}" for fault in faults[best]]
        verdict.images += 1
        verdict.boxes += len(boxes)
        groups[image["group"]].add(split)
    for left in truth.values():
        verdict.problems += [f"{image['file']}: is missing" for image in left]
    for group, splits in groups.items():
        verdict.expect(len(splits) == 1, f"group {group!r} is in {sorted(splits)}")


def differences(image, size, boxes, tolerance):
    width, height = image["width"], image["height"]
    if size is not None and tuple(size) != (width, height):
        return [f"size is {size}, the file has {width} x {height}"]
    wanted = [clipped(box, width, height) for box in image["boxes"]]
    wanted = [box for box in wanted if box[3] > box[1] and box[4] > box[2]]
    left, faults = list(boxes), []
    for label, *corners in wanted:
        near = [box for box in left if box[0] == label and max(abs(a - b) for a, b in zip(box[1:], corners)) <= tolerance(width, height)]
        if near:
            left.remove(near[0])
        else:
            faults.append(f"no box {label!r} {[round(v, 3) for v in corners]}")
    return faults + [f"box {box} is not in the truth" for box in left]


def clipped(box, width, height):
    x0, y0, x1, y1 = box["x"], box["y"], box["x"] + box["w"], box["y"] + box["h"]
    return (box["label"], max(0, x0), max(0, y0), min(width, x1), min(height, y1))
