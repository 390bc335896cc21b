"""Judges sets for annotation tools with the readers of these tools; see judge_annotation_tools.sh.

    judge_annotation_tools.py FOLDER light|roboflow     FOLDER: what `judge_annotation_tools.py FOLDER draw BIN` wrote

The readers are used without what their programs need besides: windows, models, tables of other formats. Whatever of that is
imported is an empty module here; a reader that called it would get nothing useful, and the judgement would fail.
"""

import importlib.abc
import importlib.machinery
import json
import subprocess
import sys
import types
from pathlib import Path

import numpy as np

UNNEEDED = {"PyQt5", "appdirs", "cachetools", "cv2", "imagesize", "imgviz", "json_stream", "jsf", "jwt", "matplotlib", "natsort", "onnxruntime",
            "orjson", "osam", "pandas", "pyarrow", "ruamel", "scipy", "shapely", "skimage"}
SPLITS = ["train", "val", "test"]
FORMATS = ["labelstudio", "cvat", "labelme", "roboflow"]


class Nothing:
    """What an empty module has under any name."""

    def __init__(self, *_, **__):
        pass

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Nothing()

    def __call__(self, *_, **__):
        return Nothing()

    def __mro_entries__(self, _):
        return (object,)


class Empty(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds an empty module for each of UNNEEDED that is not installed."""

    def find_spec(self, name, path, target=None):
        if name.split(".")[0] in UNNEEDED:
            return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec):
        module = types.ModuleType(spec.name)
        module.__getattr__ = Nothing().__getattr__
        return module

    def exec_module(self, module):
        pass


def given(folder):
    """Class and box `x y w h` of every box, by the name that its image has."""
    images = json.loads((folder / "localizations.json").read_text())["images"]
    return {image["id"]: [(box["concept"], box["bbox"], box.get("polygon")) for box in image["localizations"]] for image in images}


def draw(folder, programs):
    sys.path.insert(0, str(Path(__file__).parent))
    import judge_sets
    folder.mkdir(parents=True, exist_ok=True)
    judge_sets.draw(folder)
    call = [programs / "recto-reformat", "localizations.json", "-f", ",".join(FORMATS), "-o", "set", "--split-by", "set", "-q"]
    subprocess.run(call, cwd=folder, check=True)


def bounds(points):
    points = np.reshape(points, (-1, 2))
    return [*points.min(0), *np.ptp(points, axis=0)]


def same(found, wanted, what):
    """The same classes and boxes, in any order."""
    found = sorted((label, list(box)) for label, box in found)
    wanted = sorted((label, list(box)) for label, box, _ in wanted)
    assert [label for label, _ in found] == [label for label, _ in wanted], what
    assert np.allclose([box for _, box in found], [box for _, box in wanted], atol=0.5), what


def labelstudio(folder, wanted):
    """The interface holds what tasks say, by the SDK's own checks, and its converter finds the boxes."""
    from label_studio_sdk.converter import Converter
    from label_studio_sdk.label_interface import LabelInterface
    root = folder / "set/labelstudio"
    text = (root / "interface.xml").read_text()
    interface = LabelInterface(text)
    interface.validate()
    tasks = json.loads((root / "tasks.json").read_text())
    for task in tasks:
        assert interface.validate_task({"data": task["data"]})
        for annotation in task["annotations"]:
            assert interface.validate_annotation(annotation), annotation
    converter = Converter(text, None, download_resources=False)
    converter.convert_to_coco(str(root / "tasks.json"), str(folder / "converted"), is_dir=False)
    coco = json.loads((folder / "converted/result.json").read_text())
    names = {category["id"]: category["name"] for category in coco["categories"]}
    assert len(coco["images"]) == len(tasks) == 12
    for image, task in zip(coco["images"], tasks):
        own = [a for a in coco["annotations"] if a["image_id"] == image["id"]]
        found = [(names[a["category_id"]], a["bbox"]) for a in own]
        same(found, wanted[task["data"]["image_id"]], image)
        path = root / task["data"]["image"].removeprefix("/data/local-files/?d=").replace("%20", " ")
        assert path.is_file()
    return f"{len(coco['annotations'])} boxes by label-studio-sdk"


def labelme(folder, wanted):
    from labelme._label_file import read_label_file
    n = 0
    for row in (folder / "set/labelme/sources.csv").read_text().splitlines()[1:]:
        _, file, _, _, _, _, image, *_ = row.split(",")
        shapes = read_label_file(str((folder / "set/labelme" / file).with_suffix(".json"))).shapes
        found = [(shape["label"], bounds(shape["points"])) for shape in shapes]
        assert all(len(shape["points"]) == 2 for shape in shapes if shape["shape_type"] == "rectangle")
        same(found, wanted[image], file)
        n += len(found)
    return f"{n} shapes by labelme"


def roboflow(folder, wanted):
    import supervision
    n = 0
    for split in ["train", "valid", "test"]:
        root = folder / "set/roboflow" / split
        read = supervision.DetectionDataset.from_coco(str(root), str(root / "_annotations.coco.json"))
        coco = json.loads((root / "_annotations.coco.json").read_text())
        ids = {image["file_name"]: image["uuid"] for image in coco["images"]}
        assert [c["id"] for c in coco["categories"]] == list(range(8)) and coco["categories"][0]["supercategory"] == "none"
        for path, image, boxes in read:
            found = [(read.classes[c], [x, y, z - x, t - y]) for c, (x, y, z, t) in zip(boxes.class_id, boxes.xyxy)]
            same(found, wanted[ids[Path(path).name]], path)
            n += len(found)
    return f"{n} boxes by supervision"


def cvat(folder, wanted):
    from datumaro.components.annotation import AnnotationType
    from datumaro.plugins.data_formats.cvat.base import CvatBase
    subsets = [CvatBase(str(folder / "set/cvat/annotations.xml"), subset=split) for split in SPLITS]
    read = [item for subset in subsets for item in subset]
    names = [label.name for label in subsets[0].categories()[AnnotationType.label]]
    rows = [row.split(",") for row in (folder / "set/cvat/sources.csv").read_text().splitlines()[1:]]
    ids = {Path(row[1]).stem: row[6] for row in rows}
    n = 0
    for item in read:
        found = [(names[a.label], bounds(a.points)) for a in item.annotations]
        same(found, wanted[ids[Path(item.id).name]], item.id)
        assert tuple(item.media.size) == (120, 200)
        n += len(found)
    assert len(read) == 12, len(read)
    return f"{n} boxes by datumaro"


def main():
    folder, what, *programs = sys.argv[1:]
    folder = Path(folder)
    if what == "draw":
        return draw(folder, Path(programs[0]).resolve())
    sys.meta_path.append(Empty())
    judges = [labelstudio, labelme, cvat] if what == "light" else [roboflow]
    print("annotation tools: " + ", ".join(judge(folder, given(folder)) for judge in judges))


main()
