"""Judges sets with trainers' own loaders; see judge_trainers.sh.

    judge_trainers.py BIN
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
import torchvision

sys.path.insert(0, str(Path(__file__).parent))
import judge_sets

SIZE = np.array([judge_sets.WIDTH, judge_sets.HEIGHT])


def yolo(folder, boxes):
    """Every label file by verify_image_label, every set by check_det_dataset, and the rows by the loader of the task."""
    from ultralytics.cfg import get_cfg
    from ultralytics.data.dataset import YOLODataset
    from ultralytics.data.utils import check_det_dataset, verify_image_label
    rows = 0
    for name, task in [("yolo", "detect"), ("yolo-seg", "segment"), ("yolo-obb", "obb")]:
        root = folder / "set" / name
        data = check_det_dataset(str(root / "data.yaml"), autodownload=False)
        assert sorted(data["names"].values()) == sorted(judge_sets.NAMES)
        found = []
        for split in ["train", "val", "test"]:
            images = sorted((root / "images" / split).iterdir())
            for image in images:
                label = root / "labels" / split / f"{image.stem}.txt"
                args = (str(image), str(label), "", False, len(data["names"]), 0, 0, False)
                path, _, _, _, _, missing, _, empty, corrupt, problem = verify_image_label(args)
                assert path and not (missing or corrupt or problem), problem
                assert bool(empty) == (label.stat().st_size == 0)
            read = YOLODataset(img_path=str(root / "images" / split), data=data, task=task, imgsz=224, augment=False,
                               hyp=get_cfg(), cache=False, rect=False)
            assert len(read) == len(images)
            for label in read.labels:
                sizes = label["bboxes"] * np.tile(SIZE, 2)
                found += [(data["names"][int(c[0])], *np.round(box, 2)) for c, box in zip(label["cls"], sizes)]
            loader = torch.utils.data.DataLoader(read, batch_size=2, collate_fn=read.collate_fn)
            assert sum(len(batch["img"]) for batch in loader) == len(images)
        if task != "obb":
            # Boxes of segments are those around their points.
            centre = lambda b: (b["bbox"][0] + b["bbox"][2] / 2, b["bbox"][1] + b["bbox"][3] / 2, b["bbox"][2], b["bbox"][3])
            wanted = sorted((b["concept"], *np.round(centre(b), 2)) for b in boxes.values())
            assert [row[0] for row in sorted(found)] == [row[0] for row in wanted]
            assert np.allclose([row[1:] for row in sorted(found)], [row[1:] for row in wanted], atol=1.0)
        assert len(found) == len(boxes), (name, len(found))
        rows += len(found)
    return f"{rows} rows of 3 sets by ultralytics"


def crops(folder, boxes):
    n = 0
    for split in ["train", "val", "test"]:
        read = torchvision.datasets.ImageFolder(str(folder / "set/crops" / split), transform=torchvision.transforms.Compose(
            [torchvision.transforms.Resize((32, 32)), torchvision.transforms.ToTensor()]), **allow_empty())
        assert len(read.classes) == len(judge_sets.NAMES), read.classes
        loader = torch.utils.data.DataLoader(read, batch_size=8)
        n += sum(len(labels) for _, labels in loader)
    assert n == len(boxes), n
    return f"{n} crops by torchvision's ImageFolder"


def allow_empty():
    """Versions before 0.17 have no option and refuse a class without pictures: they get the folders that have some."""
    import inspect
    has_option = "allow_empty" in inspect.signature(torchvision.datasets.ImageFolder.__init__).parameters
    if has_option:
        return {"allow_empty": True}
    torchvision.datasets.ImageFolder.make_dataset = staticmethod(with_empty)
    return {}


def with_empty(directory, class_to_idx, extensions=None, is_valid_file=None):
    files = sorted(Path(directory).rglob("*.png"))
    return [(str(file), class_to_idx[file.parent.name]) for file in files]


def coco(folder, boxes):
    n = 0
    for split in ["train", "val", "test"]:
        read = torchvision.datasets.CocoDetection(
            str(folder / "set/coco/images"), str(folder / f"set/coco/annotations/instances_{split}.json"))
        for image, annotations in read:
            assert image.size == (judge_sets.WIDTH, judge_sets.HEIGHT)
            for annotation in annotations:
                torch.tensor([annotation["image_id"], annotation["id"], annotation["category_id"]], dtype=torch.int32)
                assert np.allclose(annotation["bbox"], boxes[annotation["uuid"]]["bbox"], atol=1e-6)
                n += 1
    assert n == len(boxes), n
    return f"{n} boxes by torchvision's CocoDetection"


def main():
    reformat = Path(sys.argv[1]).resolve() / "recto-reformat"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        boxes = judge_sets.draw(folder)
        call = [reformat, "localizations.json", "-f", "coco,yolo,yolo-seg,yolo-obb,crops", "-o", "set", "--split-by", "set", "-q"]
        subprocess.run(call, cwd=folder, check=True)
        print("trainers: " + ", ".join(judge(folder, boxes) for judge in [yolo, crops, coco]))


if __name__ == "__main__":
    main()
