#!/usr/bin/env python3
"""recto-reformat beside other converters, on the same boxes in the same run: `make bench-reformat`.

  bench_reformat.py PROGRAMS [--work DIR] [--images N] [--per-image N] [--large N] [--formats F,…] [--peers P,…] [--rounds N]
                    [--limit SECONDS] [--datumaro PYTHON] [--ultralytics PYTHON] [--json FILE]

PROGRAMS: folder of the programs. --work: scratch (default build/bench); 100,000 images with 1,000,000 boxes take 1 GB there
while the formats are written. --images, --per-image: size of the set (default 100,000 and 10). --large: recto once more with so
many images, to COCO (default 0: not at all). --peers none: recto alone. --limit: a peer that takes longer gets a row that
says so (default 300).

The set is drawn: localizations.json as recto-extract writes it, an image map whose files are hard links to a small JPEG, and the
same boxes as COCO for the peers. Images are not placed into the output, neither by recto nor by the peers; recto
opens each all the same, since the size of the file is what boxes are mapped to. Programs take turns within a round; the median of the rounds counts.
What each wrote is counted after the measurement (but for Parquet): a row with boxes missing says so.

Prints a table for each format: CPU seconds (user + system), system seconds of them, wall time, peak memory of the process, how many times the CPU
of recto. Then the marks, met or missed; the exit code is 1 if one is missed.

Peers: panlabel 0.7.0; plain (json and print of this Python), pycocotools 2.0.11 and supervision 0.31.2 with opencv-python-headless 5.0.0.93, in
this Python; datumaro 1.13.12 as a stream and ultralytics 8.4.190, in a Python of their own each, since they hold others' versions back.
What is not there gets a row that says so.
"""
import argparse
import json
import os
import pathlib
import random
import shutil
import statistics
import subprocess
import sys

GAUGE = pathlib.Path(__file__).resolve().with_name("gauge.py")
CLASSES = [f"class {n:02d}" for n in range(80)]
# Grey, 320 x 240; no more links to a file than ext4 allows.
WIDTH, HEIGHT, LINKS = 320, 240, 50_000
MIB, FACTOR = 150, 10

# What a notebook does: json, and a file per image.
PLAIN = """
import collections, csv, json, os, sys
source, out, form = sys.argv[1:]
data = json.load(open(source))
names = {c["id"]: c["name"] for c in data["categories"]}
if form == "coco":
    json.dump(data, open(f"{out}/out.json", "w"))
    sys.exit()
boxes = collections.defaultdict(list)
for a in data["annotations"]:
    boxes[a["image_id"]].append(a)
if form == "csv":
    rows = csv.writer(open(f"{out}/out.csv", "w", newline=""))
    rows.writerow(["file", "width", "height", "label", "x", "y", "w", "h"])
    for i in data["images"]:
        rows.writerows([i["file_name"], i["width"], i["height"], names[a["category_id"]], *a["bbox"]] for a in boxes[i["id"]])
    sys.exit()
""" + (WRITE := """
for i in data["images"]:
    path = f"{out}/{os.path.splitext(i['file_name'])[0]}"
    os.makedirs(os.path.dirname(path), exist_ok=True)
    w, h = i["width"], i["height"]
    if form == "yolo":
        with open(path + ".txt", "w") as file:
            for a in boxes[i["id"]]:
                x, y, bw, bh = a["bbox"]
                file.write(f"{a['category_id'] - 1} {(x + bw / 2) / w:.10f} {(y + bh / 2) / h:.10f} {bw / w:.10f} {bh / h:.10f}\\n")
    else:
        with open(path + ".xml", "w") as file:
            file.write(f"<annotation><filename>{i['file_name']}</filename><size><width>{w}</width><height>{h}</height><depth>3</depth></size>")
            for a in boxes[i["id"]]:
                x, y, bw, bh = a["bbox"]
                file.write(f"<object><name>{names[a['category_id']]}</name><bndbox><xmin>{round(x)}</xmin><ymin>{round(y)}</ymin>"
                           f"<xmax>{round(x + bw)}</xmax><ymax>{round(y + bh)}</ymax></bndbox></object>")
            file.write("</annotation>")
""")

PYCOCO = """
import json, os, sys
from pycocotools.coco import COCO
source, out, form = sys.argv[1:]
read = COCO(source)
if form == "coco":
    json.dump(read.dataset, open(f"{out}/out.json", "w"))
    sys.exit()
names = {c["id"]: c["name"] for c in read.dataset["categories"]}
boxes, data = read.imgToAnns, read.dataset
""" + WRITE

SUPERVISION = """
import sys
from supervision import DetectionDataset
source, out, form, images = sys.argv[1:]
data = DetectionDataset.from_coco(images, source)
if form == "coco":
    data.as_coco(annotations_path=f"{out}/out.json")
elif form == "yolo":
    data.as_yolo(annotations_directory_path=out)
else:
    data.as_pascal_voc(annotations_directory_path=out)
"""

DATUMARO = """
import sys
from datumaro.components.dataset import StreamDataset
source, out, form = sys.argv[1:]
data = StreamDataset.import_from(source, "coco_instances")
data.export(out, {"coco": "coco_instances", "yolo": "yolo", "voc": "voc_detection"}[form], save_media=False)
"""

ULTRALYTICS = """
import sys
from ultralytics.data.converter import convert_coco
source, out, form = sys.argv[1:]
convert_coco(source, f"{out}/converted", cls91to80=False)
"""


def main():
    given = parsed()
    given.work.mkdir(parents=True, exist_ok=True)
    peers = {name: peer for name, peer in PEERS.items() if given.peers is None or name in given.peers}
    met = []
    taken = {}
    folder = draw(given, given.images)
    boxes = given.images * given.per_image
    print(f"{given.images:,} images, {boxes:,} boxes; localizations.json {megabytes(folder / 'localizations.json')} MB, "
          f"COCO {megabytes(folder / COCO)} MB\n", flush=True)
    for form in given.formats:
        taken[form] = compare(given, folder, form, boxes, peers)
    for form, rows in taken.items():
        met += judge(form, rows)
    if given.large:
        met += large(given, taken)
    shutil.rmtree(folder)
    print()
    for holds, what in met:
        print(f"{'met' if holds else 'MISSED'}: {what}")
    if given.json:
        given.json.write_text(json.dumps({"rows": taken, "marks": met}, indent=2) + "\n")
    sys.exit(0 if all(holds for holds, _ in met) else 1)


def parsed():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    path = lambda text: pathlib.Path(text).absolute()  # not resolved: the Python of an environment is a link
    listed = lambda text: text.split(",")
    parser.add_argument("programs", type=path)
    parser.add_argument("--work", type=path, default=path("build/bench"))
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--per-image", type=int, default=10)
    parser.add_argument("--large", type=int, default=0)
    parser.add_argument("--formats", type=listed, help="default: coco, yolo, voc, csv, hf, and parquet if the program has it")
    parser.add_argument("--peers", type=listed)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--limit", type=int, default=300)
    parser.add_argument("--datumaro", type=path)
    parser.add_argument("--ultralytics", type=path)
    parser.add_argument("--json", type=path)
    given = parser.parse_args()
    if not given.formats:
        offered = subprocess.run([given.programs / "recto-reformat", "--help"], capture_output=True, text=True, check=True).stdout
        given.formats = [form for form in ["coco", "yolo", "voc", "csv", "hf", "parquet"] if f"- {form}:" in offered]
    return given


# The set.

# With licenses and info before all else, without which datumaro does not stream it.
COCO = pathlib.Path("coco/annotations/instances_train.json")
IMAGES = "coco/images"


def draw(given, images):
    """Both files are written box by box: 10,000,000 do not have to fit into memory."""
    folder = given.work / f"reformat-{images}-{given.per_image}"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / COCO).parent.mkdir(parents=True)
    names = [f"{n // 1000:04d}/{n:07d}.jpg" for n in range(images)]
    place(folder / IMAGES, names)
    rng = random.Random(1)
    categories = [{"id": n, "name": name} for n, name in enumerate(CLASSES, 1)]
    with open(folder / "localizations.json", "w") as ours, open(folder / COCO, "w") as theirs, open(folder / "image_map.json", "w") as paths:
        described = ({"id": n, "file_name": name, "width": WIDTH, "height": HEIGHT} for n, name in enumerate(names, 1))
        theirs.write(f'{{"licenses": [], "info": {{}}, "categories": {json.dumps(categories)}, "images": [')
        theirs.writelines(separated(", ", map(json.dumps, described)))
        theirs.write('], "annotations": [')
        ours.write('{\n  "contract": "recto/localizations",\n  "version": 1,\n  "images": [')
        paths.write("{\n")
        for n, name in enumerate(names):
            drawn = [draw_box(rng) for _ in range(given.per_image)]
            ours.write(("," if n else "") + HEAD % {"n": n, "group": n // 100, "width": WIDTH, "height": HEIGHT})
            ours.write(",".join(BOX % {"n": n, "at": at, "name": CLASSES[c], "x": x, "y": y, "w": w, "h": h} for at, (c, x, y, w, h) in enumerate(drawn)))
            ours.write(("\n      " if drawn else "") + "]\n    }")
            paths.write(("," if n else "") + f'\n  "https://images.archive.example/{n:07d}": "{IMAGES}/{name}"')
            first = n * given.per_image + 1
            rows = [f'{{"id": {first + at}, "image_id": {n + 1}, "category_id": {c + 1}, "bbox": [{x}, {y}, {w}, {h}], "area": {w * h:.4f}, '
                    f'"iscrowd": 0, "segmentation": []}}' for at, (c, x, y, w, h) in enumerate(drawn)]
            theirs.write((", " if n and rows else "") + ", ".join(rows))
        theirs.write("]}\n")
        ours.write("\n  ]\n}\n")
        paths.write("\n}\n")
    return folder


def draw_box(rng):
    x, y = round(rng.uniform(0, WIDTH - 40), 2), round(rng.uniform(0, HEIGHT - 40), 2)
    return rng.randrange(len(CLASSES)), x, y, round(rng.uniform(4, 39), 2), round(rng.uniform(4, 39), 2)


def separated(between, texts):
    for n, text in enumerate(texts):
        yield between + text if n else text


HEAD = """
    {
      "id": "https://images.archive.example/%(n)07d",
      "image": {
        "url": "https://images.archive.example/%(n)07d/full/max/0/default.jpg",
        "service": {
          "id": "https://images.archive.example/%(n)07d",
          "version": 3,
          "level": 2
        },
        "width": %(width)d,
        "height": %(height)d,
        "media_type": "image/jpeg"
      },
      "source": {
        "kind": "iiif",
        "manifest": "https://archive.example/%(group)d/manifest.json",
        "canvas": "https://archive.example/canvas/%(n)d"
      },
      "group": "https://archive.example/%(group)d/manifest.json",
      "metadata": {
        "Shelf mark": [
          "MS %(group)d"
        ]
      },
      "labels": [],
      "frame": [
        %(width)d,
        %(height)d
      ],
      "localizations": ["""

BOX = """
        {
          "id": "https://archive.example/annotations/%(n)d#%(at)d",
          "concept": "%(name)s",
          "bbox": [
            %(x)s,
            %(y)s,
            %(w)s,
            %(h)s
          ],
          "attributes": {
            "motivation": "tagging"
          }
        }"""


def place(folder, names):
    """Hard links to one file each 50,000: the same pixels, another comment."""
    whole = small_jpeg()
    for n, name in enumerate(names):
        path = folder / name
        if n % 1000 == 0:
            path.parent.mkdir(parents=True)
        if n % LINKS == 0:
            comment = f"{n:08d}".encode()
            original = path
            original.write_bytes(whole[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + whole[2:])
        else:
            path.hardlink_to(original)


def small_jpeg():
    """A grey JPEG whose every block is zero: one code of one bit for DC, one for the end of the block."""
    segment = lambda marker, body: bytes([0xFF, marker]) + (len(body) + 2).to_bytes(2, "big") + body
    code = lambda kind: bytes([kind, 1] + [0] * 15 + [0])
    blocks = (WIDTH // 8) * (HEIGHT // 8)
    size = HEIGHT.to_bytes(2, "big") + WIDTH.to_bytes(2, "big")
    return b"".join([
        b"\xff\xd8", segment(0xDB, bytes([0] + [1] * 64)), segment(0xC0, bytes([8]) + size + bytes([1, 1, 0x11, 0])),
        segment(0xC4, code(0x00)), segment(0xC4, code(0x10)), segment(0xDA, bytes([1, 1, 0, 0, 63, 0])),
        bytes(blocks * 2 // 8), b"\xff\xd9"])


# The programs.


def recto(given, folder, form):
    program = str(given.programs / "recto-reformat")
    return [program, str(folder / "localizations.json"), "--image-map", str(folder / "image_map.json"), "-f", form, "-o", "{out}/set", "--quiet",
            "--images", "none", *(["--no-val"] if form == "yolo" else [])]


def panlabel(given, folder, form):
    program = shutil.which("panlabel", path=f"{pathlib.Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    to = {"csv": "tfod"}.get(form, form)
    if program and form in ["coco", "yolo", "voc", "csv"]:
        return [program, "convert", "--from", "coco", "--to", to, "-i", str(folder / COCO), "-o", "{out}/" + FILES.get(form, "set"), "--allow-lossy"]


def script(text, forms, python=lambda given: sys.executable, needs="json", more=lambda folder: []):
    def command(given, folder, form):
        own = python(given)
        if form in forms and own and subprocess.run([own, "-c", f"import {needs}"], capture_output=True).returncode == 0:
            return [str(own), "-c", text, str(folder / COCO), "{out}", form, *more(folder)]
    command.forms = forms
    return command


panlabel.forms = ["coco", "yolo", "voc", "csv"]
FILES = {"coco": "out.json", "csv": "out.csv"}
PEERS = {
    "panlabel": panlabel,
    "plain": script(PLAIN, ["coco", "yolo", "voc", "csv"]),
    "pycocotools": script(PYCOCO, ["coco", "yolo", "voc"], needs="pycocotools"),
    "ultralytics": script(ULTRALYTICS, ["yolo"], lambda given: given.ultralytics, "ultralytics"),
    "supervision": script(SUPERVISION, ["coco", "yolo", "voc"], needs="supervision", more=lambda folder: [str(folder / IMAGES)]),
    "datumaro": script(DATUMARO, ["coco", "yolo", "voc"], lambda given: given.datumaro, "datumaro"),
}


# The measurement.


def compare(given, folder, form, boxes, peers):
    commands = {"recto": recto(given, folder, form)}
    commands |= {name: peer(given, folder, form) for name, peer in peers.items() if form in peer.forms}
    rows = {name: [] for name in commands}
    for _ in range(given.rounds):
        for name, command in commands.items():
            if command and not any(run["said"] for run in rows[name]):
                rows[name].append(measure(given, command, form, boxes))
    print(f"| {form} | CPU s | of them system | wall s | MiB | CPU / recto |\n|---|---|---|---|---|---|")
    found = {name: summary(runs) for name, runs in rows.items()}
    for name, row in found.items():
        if row["said"]:
            print(f"| {name} | {row['said']} | | | | |")
        else:
            print(f"| {name} | {row['cpu']:.2f} | {row['cpu'] - row['user']:.2f} | {row['wall']:.1f} | {row['rss']:.0f} "
                  f"| {row['cpu'] / found['recto']['cpu'] if not found['recto']['said'] else 0:.1f} |")
    print(flush=True)
    return found


def summary(runs):
    if not runs:
        return {"said": "not there"}
    middle = {key: statistics.median(run[key] for run in runs) for key in ["cpu", "user", "wall", "rss"]}
    return middle | {"said": "; ".join(filter(None, (run["said"] for run in runs)))}


def measure(given, command, form, boxes):
    out, note, log = given.work / "out", given.work / "gauge.json", given.work / "client.log"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    log.write_bytes(b"")
    os.sync()  # What the one before left to be written is not for this one to wait for.
    command = [word.replace("{out}", str(out)) for word in command]
    gauge = subprocess.Popen([sys.executable, "-S", GAUGE, note, log, *command], cwd=out, start_new_session=True)
    try:
        gauge.wait(given.limit if command[0] != str(given.programs / "recto-reformat") else None)
    except subprocess.TimeoutExpired:
        os.killpg(gauge.pid, 9)
        gauge.wait()
        shutil.rmtree(out)
        return {"cpu": 0, "user": 0, "wall": 0, "rss": 0, "said": f"not done in {given.limit} s"}
    run = json.loads(note.read_text())
    written = count(out, form)
    run["said"] = ""
    if run["code"]:
        last = log.read_text(errors="replace").strip().splitlines()[-1:]
        run["said"] = f"exit {run['code']} {' '.join(last)[:100]}"
    elif written not in [None, boxes]:
        run["said"] = f"{written:,} boxes written"
    shutil.rmtree(out)
    return run


# A mark of one box, and in which files it stands.
MARKS = {"coco": (".json", b'"bbox"'), "yolo": (".txt", b"\n"), "voc": (".xml", b"<object>"), "csv": (".csv", b"\n")}
# Lists of images and classes, and what recto puts beside its formats.
BESIDE = {"train.txt", "obj.names", "sources.csv", "rejects.csv", "dataset.json", "croissant.json", "labelmap.txt", "classes.txt", "labels.txt"}


def count(out, form):
    if form == "hf":
        return sum(len(json.loads(row)["objects"]["bbox"]) for path in out.rglob("metadata.jsonl") for row in open(path))
    if form not in MARKS:
        return None
    ending, mark = MARKS[form]
    boxes = 0
    for folder, _, names in os.walk(out):
        for name in names:
            if name.endswith(ending) and name not in BESIDE and "ImageSets" not in folder:
                boxes += count_in(os.path.join(folder, name), mark)
                boxes -= form == "csv"
    return boxes


def count_in(path, mark):
    n, rest, last = 0, b"", b"\n"
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            n += (rest + block).count(mark)
            rest, last = block[len(block) - len(mark) + 1:] if len(mark) > 1 else b"", block[-1:]
    return n + (mark == b"\n" and last != b"\n")


# The marks.


def judge(form, rows):
    ours = rows["recto"]
    if ours["said"]:
        return [(False, f"{form}: recto: {ours['said']}")]
    marks = [(ours["rss"] <= MIB, f"{form}: {ours['rss']:.0f} MiB, at most {MIB}")]
    others = {name: row for name, row in rows.items() if name not in ["recto", "panlabel"] and not row["said"]}
    if form in ["coco", "yolo"] and others:
        best = min(others, key=lambda name: others[name]["cpu"])
        factor = others[best]["cpu"] / ours["cpu"]
        marks.append((factor >= FACTOR, f"{form}: {factor:.1f} times the CPU of recto in the best Python peer, {best}; at least {FACTOR}"))
    anchor = rows.get("panlabel", {"said": "not there"})
    if form == "voc" and not anchor["said"]:
        marks.append((ours["cpu"] <= anchor["cpu"], f"voc: {ours['cpu']:.1f} CPU s, panlabel {anchor['cpu']:.1f}"))
    return marks


def large(given, taken):
    folder = draw(given, given.large)
    row = measure(given, recto(given, folder, "coco"), "coco", given.large * given.per_image)
    shutil.rmtree(folder)
    print(f"{given.large:,} images, {given.large * given.per_image:,} boxes to coco: {row['said']} {row['cpu']:.1f} CPU s, {row['wall']:.1f} s, {row['rss']:.0f} MiB")
    taken["large"] = {"recto": row}
    if row["said"]:
        return [(False, f"large: {row['said']}")]
    marks = [(row["rss"] <= MIB, f"large: {row['rss']:.0f} MiB, at most {MIB}")]
    small = taken.get("coco", {}).get("recto")
    if small and not small["said"]:
        growth = row["cpu"] / small["cpu"] / (given.large / given.images)
        marks.append((growth <= 1.2, f"large: {growth:.2f} times the CPU of a box in the smaller set; at most 1.2"))
    return marks


def megabytes(path):
    return round(path.stat().st_size / 1e6)


if __name__ == "__main__":
    main()
