"""Judges the table of recto-extract --parquet with readers that were not written here; see judge_tables.sh.

    judge_tables.py BIN
"""
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb
import polars
import pyarrow.parquet

TEXTS = ["ship", "\u05d0\u05dc\u05e3", "a: b", "\U0001f409", "quote \" '", "back\\slash\nline"]
IMAGES = 3000


def digest():
    """Images with everything that a set may say of one, each member with and without."""
    rng = random.Random(17)
    maybe = lambda value: value if rng.random() < 0.6 else None
    observations = []
    for n in range(IMAGES):
        url, width, height = f"http://archive.example/{n:05}.jpg", rng.randint(50, 5000), rng.randint(50, 5000)
        at = {"url": url, "width": width, "height": height, "media_type": maybe("image/jpeg"), "sha256": maybe(f"{n:064x}")}
        if rng.random() < 0.5:
            region = maybe([1, 2, 30, 40])
            service = {"id": f"http://archive.example/iiif/{n}", "version": rng.randint(1, 3), "region": region}
            at["service"] = {key: value for key, value in service.items() if value is not None}
        labels = {name: maybe(rng.choice(TEXTS)) for name in ("manifest", "canvas", "image")}
        source = {"kind": "iiif", "manifest": maybe("m.json"), "canvas": maybe(f"c{n}"), "rights": maybe("CC0"),
                  "attribution": maybe(rng.choice(TEXTS)),
                  "labels": {key: value for key, value in labels.items() if value is not None}}
        annotations = []
        for i in range(rng.choice([0, 0, 1, 2, 7])):
            region = {"frame": "canvas", "fragment": f"xywh={rng.randint(0, 40)},{rng.randint(0, 30)},{i + 1}.5,9"}
            if rng.random() < 0.3:
                region = {"frame": "canvas", "svg": f'<svg xmlns="http://www.w3.org/2000/svg"><polygon points="1,1 {9 + i},2 5,{8 + i}"/></svg>'}
            annotations.append({"id": f"{n}-{i}", "motivation": ["tagging"], "regions": [region],
                                "bodies": [{"value": rng.choice(TEXTS)}]})
        if rng.random() < 0.2:
            annotations.append({"id": f"{n}-whole", "motivation": ["tagging"], "regions": [{"frame": "canvas"}],
                                "bodies": [{"value": rng.choice(TEXTS)}]})
        observations.append({
            "id": url, "image": {key: value for key, value in at.items() if value is not None},
            "source": {key: value for key, value in source.items() if value is not None}, "group": rng.choice(TEXTS),
            "metadata": {rng.choice(TEXTS): [rng.choice(TEXTS)]} if rng.random() < 0.5 else {},
            "canvas": [60, 50], "annotations": annotations})
    return {"contract": "recto/digest", "version": 1, "source": {"kind": "iiif", "inputs": ["m.json"]},
            "observations": observations}


def row(image):
    """An image of the set, as a row should hold it."""
    at, source = image["image"], image["source"]
    service, labels, frame = at.get("service") or {}, source.get("labels") or {}, image.get("frame") or [None, None]
    region = service.get("region")
    return {
        "id": image["id"], "url": at.get("url"), "service": service.get("id"),
        "service_region": region and ",".join(map(str, region)), "media_type": at.get("media_type"), "sha256": at.get("sha256"),
        "group": image["group"], "source": source["kind"], "manifest": source.get("manifest"), "canvas": source.get("canvas"),
        "manifest_label": labels.get("manifest"), "canvas_label": labels.get("canvas"), "image_label": labels.get("image"),
        "rights": source.get("rights"), "attribution": source.get("attribution"), "metadata": image.get("metadata", {}),
        "service_version": service.get("version"), "width": at.get("width"), "height": at.get("height"),
        "frame_width": frame[0], "frame_height": frame[1], "in_pixels": image.get("in_pixels", False),
        "rejected": image.get("rejected", False),
        "labels": image.get("labels", []), "boxes": [box(one) for one in image.get("localizations", [])],
    }


def box(one):
    x, y, width, height = one["bbox"]
    return {"id": one["id"], "concept": one["concept"], "polygon": one.get("polygon"), "holes": one.get("holes"),
            "attributes": one.get("attributes", {}), "x": x, "y": y, "width": width, "height": height}


def parsed(found):
    """A row of a reader, with its JSON parsed."""
    load = lambda text: text and json.loads(text)
    boxes = [{**one, **{key: load(one[key]) for key in ("polygon", "holes", "attributes")}} for one in found["boxes"]]
    return {**found, "metadata": load(found["metadata"]), "boxes": boxes}


def same(reader, rows, wanted):
    assert len(rows) == len(wanted), f"{reader}: {len(rows)} rows for {len(wanted)} images"
    for found, image in zip(rows, wanted):
        assert list(found) == list(image), f"{reader}: columns {list(found)}"
        assert parsed(found) == image, f"{reader}: {parsed(found)}\n{image}"


def main():
    extract = Path(sys.argv[1]).resolve() / "recto-extract"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "digest.json").write_text(json.dumps(digest()))
        call = [extract, "digest.json", "--parquet", "images.parquet", "-q"]
        subprocess.run(call, cwd=folder, check=True)
        wanted = [row(image) for image in json.loads((folder / "localizations.json").read_text())["images"]]
        assert len(wanted) == IMAGES
        table = str(folder / "images.parquet")
        same("pyarrow", pyarrow.parquet.read_table(table).to_pylist(), wanted)
        frame = polars.read_parquet(table)
        same("polars", frame.to_dicts(), wanted)
        with duckdb.connect() as db:
            db.execute("SET threads = 1")
            cursor = db.execute(f"SELECT * FROM '{table}'")
            names = [column[0] for column in cursor.description]
            same("duckdb", [dict(zip(names, values)) for values in cursor.fetchall()], wanted)
            # As docs/contracts.md asks.
            counts = dict(db.execute(f"SELECT box.concept, count(*) FROM (SELECT unnest(boxes) AS box FROM '{table}') GROUP BY 1").fetchall())
        boxes = frame.select("id", "boxes").explode("boxes").drop_nulls("boxes").rename({"id": "image"}).unnest("boxes")
        by_polars = {row["concept"]: row["len"] for row in boxes.group_by("concept").len().to_dicts()}
        total = sum(len(image["boxes"]) for image in wanted)
        assert counts == by_polars and sum(counts.values()) == total, (counts, by_polars, total)
        first = (folder / "images.parquet").read_bytes()
        subprocess.run(call, cwd=folder, check=True)
        assert (folder / "images.parquet").read_bytes() == first, "another file on another run"
    print(f"tables: {len(wanted)} images, {total} boxes and {len(counts)} classes by DuckDB, polars and pyarrow")


if __name__ == "__main__":
    main()
