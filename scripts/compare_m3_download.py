#!/usr/bin/env python3
"""m3-download and recto side by side: every command of both, on one service that speaks as M3 does.

    compare_m3_download.py PROGRAMS M3_DOWNLOAD_FOLDER OUT

PROGRAMS: folder of the five programs. M3_DOWNLOAD_FOLDER: a copy of m3-download. Writes OUT/table.md, and leaves what
both wrote beside it. Where a program of m3-download stops at a record, the stop is told, the record taken out by hand
and the program run again, so that the next one has something to read. Needs Pillow and requests; pycocotools judges
COCO where it is installed. Exit 1: a box of recto is neither written nor listed, or one of its commands failed.
"""
import csv
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import threading
import xml.etree.ElementTree as ElementTree
from collections import Counter
from http.server import ThreadingHTTPServer
from pathlib import Path

from PIL import Image

from marine_set import Service as Marine, box, uuid

GENUS, SPECIES, THIRD, OTHER, HASH, SYNONYM = "Nanomia", "Nanomia bijuga", "Nanomia cara", "Aegina", "Tuscarora #1", "chain jelly"
GONE, LOST = uuid("r", 90), uuid("m", 11)
SIZE = (640, 360)


class Service(Marine):
    """The service of marine_set.py with other rows, and what it does when asked to misbehave."""
    cap, broken = None, set()

    def do_POST(self):
        self.send(404, "application/json", b"")

    def do_GET(self):
        if self.path.startswith("/anno/") and self.path.rsplit("/", 1)[-1].split("?")[0] in self.broken:
            return self.send(500, "application/json", json.dumps({"message": "out of order", "responseCode": 500}).encode())
        if self.path.endswith("/login.png"):
            return self.send(200, "text/html", b"<html>please log in</html>")
        if self.path.endswith("/404.png"):
            return self.send(404, "text/plain", b"")
        if self.path.endswith(".jpg"):
            out = io.BytesIO()
            Image.new("RGB", SIZE, (9, 40, 80)).save(out, "JPEG")
            return self.send(200, "image/jpeg", out.getvalue())
        return super().do_GET()

    def send(self, status, kind, body):
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def answer(self, path, query):
        last = path.rsplit("/", 1)[-1]
        if path.startswith("/kb/"):
            tree = {"name": GENUS, "rank": "genus", "alternativeNames": [SYNONYM], "children": [{"name": name, "rank": "species"} for name in (SPECIES, THIRD)]}
            trees = {GENUS: tree, SYNONYM: tree, SPECIES: tree["children"][0], THIRD: tree["children"][1]}
            trees |= {name: {"name": name, "rank": "genus"} for name in (OTHER, HASH)}
            root = {"name": "object", "children": [tree, trees[OTHER], trees[HASH]]}
            if path.endswith("/concept"):
                return list(trees)
            if "/phylogeny/basic/" in path and last in trees:
                return [{"name": "object"}, trees[last]]
            if "/phylogeny/taxa/" in path and last in trees:
                return [trees[last]] + trees[last].get("children", [])
            if "/phylogeny/up/" in path and last in trees:
                return root
            return root if last == "object" else trees.get(last)
        if path.endswith("/observations/concepts"):
            return [GENUS, SPECIES, THIRD, OTHER, HASH]
        rows = [row for row in self.rows if row["concept"] == last]
        if "/count/" in path:
            return {"concept": last, "count": len(rows)}
        if "/fast/concept/images/" in path:
            start, limit = (int(query.get(key, [default])[0]) for key, default in (("offset", 0), ("limit", 10**6)))
            return rows[start:start + min(limit, self.cap or limit)]
        if "/imagedmoments/" in path:
            rows = [row for row in self.rows if row["imaged_moment_uuid"] == last]
            nested = [{**row, "uuid": row["observation_uuid"]} for row in rows]
            return rows and {**rows[0], "uuid": last, "observations": nested} or None
        if "/imagereferences/" in path and last == uuid("r", 80):
            return reference(80, "one/late.png")
        return None


def reference(n, path, format="image/png"):
    return {"uuid": uuid("r", n), "url": f"{Service.base}/frames/{path}", "format": format,
            "width_pixels": SIZE[0], "height_pixels": SIZE[1]}


def place(of, **other):
    return {"x": 10, "y": 20, "width": 60, "height": 40, "image_reference_uuid": of, **other}


def moment(n, references, boxes, concept=GENUS, observation=None):
    """boxes: (value, link name, part) or a value."""
    boxes = [b if isinstance(b, tuple) else (b, "bounding box", "self") for b in boxes]
    found = [box(10 * n + (observation or 0), i, *b) for i, b in enumerate(boxes)]
    return {"observation_uuid": uuid("o", 10 * n + (observation or 0)), "concept": concept, "observer": "someone",
            "imaged_moment_uuid": uuid("m", n), "video_reference_uuid": uuid("v", n % 2), "associations": found,
            "recorded_timestamp": f"2020-01-02T03:{n:02d}:05.25Z", "image_references": references}


def rows():
    r = lambda n: uuid("r", n)
    shape = {"x": [200, 260, 240], "y": [200, 210, 260], "image_reference_uuuid": r(1)}
    return [
        moment(1, [reference(1, "one/00_01.png")], [place(r(1)), (place(r(1), x=300), "bounding box", "tentacle"),
                                                    (shape, "localization-polygon", "self")]),
        moment(2, [reference(2, "two/00_01.png")], [place(r(2), x=100)]),
        moment(3, [reference(3, "one/00_03.png")], [place(r(3).upper())], SPECIES),
        moment(4, [reference(4, "one/00_04.png"), reference(40, "one/00_04.jpg", "image/jpg")],
               [place(r(4)), place(r(40), x=200)], SPECIES),
        moment(5, [reference(5, "one/404.png")], [place(r(5))]),
        moment(6, [reference(6, "one/00_06.png")], [{"x": 1, "y": 2, "width": 30, "height": 40, "image_reference_uuid": None}]),
        moment(7, [reference(7, "one/00_07.png")], [place(r(7)), '{"x": 1, "y": 2, "wid', "[1, 2]", {"x": 1, "y": 2, "image_reference_uuid": r(7)},
                                                    place(r(7), width=0)]),
        moment(8, [reference(8, "one/login.png")], [place(r(8))]),
        moment(9, [reference(9, "two/00_09.png")], [place(r(80)), place(GONE, x=50)]),
        moment(1, [reference(1, "one/00_01.png")], [place(r(1), x=400)], OTHER, observation=1),
        moment(11, [reference(11, "two/00_11.png")], [place(r(11))]),
        moment(13, [reference(13, "two/00_13.png")], [place(r(13))], THIRD),
        moment(12, [reference(12, "two/00_12.png")], [place(r(12))], HASH),
    ]


def without_reference(rows):
    for row in rows:
        for one in row["associations"]:
            one["link_value"] = one["link_value"].replace(', "image_reference_uuid": null', "")
    return rows


# What a program stops at, in the order in which it meets them: (what it is, which association).
AT = {
    "not JSON": uuid("b", 7001), "no object": uuid("b", 7002), "no width": uuid("b", 7003), "deleted picture": uuid("b", 9001),
    "no reference": uuid("b", 6000), "login page": uuid("b", 8000),
}


class Sides:
    def __init__(self, programs, theirs, out):
        self.programs, self.source, self.out = programs, theirs, out
        self.theirs, self.ours = out / "m3-download", out / "recto"
        self.lines, self.failed = [], []

    def they(self, script, *arguments, cwd=None, answer="y\n", seed="0", patch=None):
        """Runs a program of m3-download: whether it ended well, and its last words."""
        command = [sys.executable, str(self.source / script), *map(str, arguments)]
        if patch:
            text = (self.source / script).read_text(encoding="utf-8").replace(*patch)
            command = [sys.executable, "-c", text, *map(str, arguments)]
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(self.source)}
        ran = subprocess.run(command, cwd=cwd or self.theirs, input=answer, text=True, capture_output=True, timeout=300, env=environment)
        last = (ran.stderr or ran.stdout).strip().splitlines() or [""]
        words = last[-1].replace(str(self.out), "OUT")
        return ran.returncode == 0, words, ran.stdout

    def we(self, stage, *arguments, ends=(0, 3), cwd=None):
        ran = subprocess.run([self.programs / f"recto-{stage}", *map(str, arguments)], cwd=cwd or self.ours, capture_output=True,
                             text=True, timeout=300)
        if ran.returncode not in ends:
            self.failed.append(f"recto-{stage} {' '.join(map(str, arguments))}: exit {ran.returncode}: {ran.stderr}")
        return ran.returncode, ran.stderr

    def row(self, what, theirs, ours):
        cell = lambda text: str(text).replace("|", "\\|").replace("\n", " ")
        self.lines.append(f"| {cell(what)} | {cell(theirs)} | {cell(ours)} |")
        print(self.lines[-1], flush=True)

    def until_it_ends(self, script, arguments, file, kinds):
        """Runs, and takes the next kind of record out of the list in `file` where the program stops."""
        stops, kinds = [], list(kinds)
        while True:
            good, words, stdout = self.they(script, *arguments)
            if good or not kinds:
                return good, stops if good else [*stops, words], stdout
            kind = kinds.pop(0)
            stops.append(f"stops at a record with {kind} (`{words[:90]}`)")
            take_out(self.theirs / file, AT[kind])


def take_out(file, association):
    found = json.loads(file.read_text())
    for record in found:
        record["associations"] = [a for a in record.get("associations", []) if a["uuid"] != association]
    found = [record for record in found if record.get("association_uuid") != association]
    for record in found:
        if "association_uuid" in record:
            del record["associations"]
    file.write_text(json.dumps(found))


def digests(s):
    def boxes(good, words, file):
        if not (s.theirs / file).exists():
            return f"stops; its last words: `{words}`"
        data = json.loads((s.theirs / file).read_text())
        if not isinstance(data, list):
            return f"a digest that is the error object {json.dumps(data)}"
        text = f"{len(data)} observations, {count(data)} localizations"
        (s.theirs / file).unlink()
        return text if good else f"{text}, then stops: {words}"

    def both(what, concept, *flags):
        safe = concept.replace(" ", "_") + ("_desc" if "-d" in flags else "")
        good, words, _ = s.they("generate_digest.py", concept, *(flag for flag in flags if flag in ("-d", "-a")))
        theirs = boxes(good, words, f"{safe}_digest.json")
        (s.ours / "one.json").unlink(missing_ok=True)
        code, err = s.we("digest", "m3", concept, *flags, "-o", "one.json", "--rejects", "one.csv", "--report", "one.report.json", ends=(0, 1, 3))
        if (s.ours / "one.json").exists():
            report = json.loads((s.ours / "one.report.json").read_text())
            ours = f"{report['boxes_kept']} localizations on {len(json.loads((s.ours / 'one.json').read_text())['observations'])} pictures, {report['boxes_rejected']} listed as left out"
        else:
            ours = "stops: " + " ".join(line.strip() for line in err.strip().splitlines())
        s.row(what, theirs, f"{ours} (exit {code})".replace(str(s.out), "OUT"))

    both("a concept", GENUS)
    both("`-d`", GENUS, "-d")
    both("`-a`", GENUS, "-a")
    both("`-d -a`, a synonym", SYNONYM, "-d", "-a")
    both("an unknown concept", "Nanomea")
    both("an unknown concept, `-d`", "Nanomea", "-d")
    both("a name with `#`", HASH)
    Service.cap = 2
    both("a service that caps answers at 2", GENUS)
    Service.cap, Service.broken = None, {LOST}
    both("`-a`, one moment answers 500", GENUS, "-a", "--retries", "1")
    Service.broken = {GENUS}
    both("the concept answers 500 with an error object", GENUS, "--retries", "1")
    Service.broken = set()
    same = [hashed(s, seed) for seed in ("1", "2")]
    for name in ("a.json", "b.json"):
        s.we("digest", "m3", GENUS, "-d", "-a", "-o", name, "--rejects", "one.csv")
    equal = (s.ours / "a.json").read_bytes() == (s.ours / "b.json").read_bytes()
    s.row("two runs, `-d -a`", "same bytes" if same[0] == same[1] else "other order", "same bytes" if equal else "DIFFER")
    if not equal:
        s.failed.append("two digests differ")


def hashed(s, seed):
    s.they("generate_digest.py", GENUS, "-d", "-a", seed=seed)
    return hashlib.sha256((s.theirs / f"{GENUS}_desc_digest.json").read_bytes()).hexdigest()


def count(data):
    return sum(a["link_name"] != "comment" for row in data for a in row["associations"])


def stages(s):
    digest = f"{GENUS}_desc_digest.json"
    whole = s.theirs / digest
    there = count(json.loads(whole.read_text()))
    shutil.copy(whole, s.out / "whole_digest.json")
    code, _ = s.we("digest", "m3", GENUS, "-d", "-a", "--report", "digest.report.json", "--rejects", "digest.rejects.csv")
    good, stops, _ = s.until_it_ends("extract_localizations.py", [digest], digest, ["not JSON"])
    theirs = json.loads((s.theirs / "localizations.json").read_text())
    code, _ = s.we("extract", digest, "--report", "extract.report.json")
    images = json.loads((s.ours / "localizations.json").read_text())["images"]
    boxes = [b for image in images for b in image["localizations"]]
    left = len(read_csv(s.ours / "digest.rejects.csv"))
    s.row("`extract_localizations.py` / `recto-extract`", f"{'; '.join(stops)}; without it {len(theirs)} of {there} records, polygons not told of, "
          f"parts not in the label", f"{len(boxes)} of {there}, {left} listed by recto-digest, labels {sorted({b['concept'] for b in boxes})}")
    if len(boxes) + left != there:
        s.failed.append(f"{there} localizations, {len(boxes)} written, {left} listed")
    shutil.copy(s.theirs / "localizations.json", s.out / "bare.json")

    good, stops, stdout = s.until_it_ends("download_images.py", ["localizations.json", "images", "-j", "4"], "localizations.json", ["deleted picture"])
    named = json.loads((s.theirs / "image_map.json").read_text())
    code, _ = s.we("download", "localizations.json", "images", "-j", "4", "--rate", "0", "--retries", "1")
    mine = json.loads((s.ours / "image_map.json").read_text())
    s.row("`download_images.py -j 4` / `recto-download -j 4`", f"{'; '.join(stops)}; without it {on_disk(s.theirs, named)}, {failures(s.theirs)}",
          f"{on_disk(s.ours, mine)}, {failures(s.ours)} (exit {code})")
    shutil.copy(s.theirs / "localizations.json", s.out / "bare_without_deleted.json")


def on_disk(folder, map):
    files = [folder / path for path in map.values() if (folder / path).exists()]
    real = [file for file in set(files) if is_image(file)]
    contents = {hashlib.sha256(file.read_bytes()).digest() for file in real}
    shared = sum(n - 1 for n in Counter(map.values()).values())
    return (f"{shared} pictures overwritten by one of equal name, image map of {len(map)} ids to {len(set(map.values()))} files, {len(set(files))} of them on disk, {len(real)} of these images, "
            f"{len(contents)} distinct")


def is_image(file):
    try:
        with Image.open(file) as opened:
            return bool(opened.size)
    except OSError:
        return False


def failures(folder):
    file = folder / "failures.csv"
    lines = file.read_text().splitlines() if file.exists() else []
    return f"{len([line for line in lines if not line.startswith('id,')])} in failures.csv"


def formats(s):
    kinds = ["no reference", "no object", "no width"]
    good, stops, _ = s.until_it_ends("reformat.py", ["localizations.json", "-f", "COCO", "-o", "coco"], "localizations.json", kinds)
    s.we("reformat", "localizations.json", "-f", "coco", "-o", "coco")
    mine = next(p for p in (s.ours / "coco").rglob("*.json") if p.name != "dataset.json")
    s.row("`reformat.py -f COCO` / `-f coco`", f"{'; '.join(stops)}; without these {coco(s.theirs / 'coco.json')}", coco(mine))

    shutil.copy(s.out / "bare_without_deleted.json", s.theirs / "voc.json")
    arguments = ["voc.json", "-f", "VOC", "-o", "voc", "--image_map", "image_map.json"]
    good, stops, _ = s.until_it_ends("reformat.py", arguments, "voc.json", ["no width", "login page", "no object"])
    s.we("reformat", "localizations.json", "-f", "voc", "-o", "voc", "--taxonomy")
    s.row("`reformat.py -f VOC --image_map` / `-f voc`", f"{'; '.join(stops)}; without these {voc(s.theirs / 'voc')}", voc(s.ours / "voc"))
    for name in ("CSV", "TF"):
        _, _, stdout = s.they("reformat.py", "localizations.json", "-f", name)
        code, _ = s.we("reformat", "localizations.json", "-f", name.lower(), "-o", name.lower())
        s.row(f"`reformat.py -f {name}` / `-f {name.lower()}`", stdout.strip(), f"written (exit {code})")

    _, _, stdout = s.they("scripts/count_localizations.py", "voc", "-c", "-t")
    s.we("reformat", "localizations.json", "-f", "counts", "-o", "counts", "--total")
    counts = (s.ours / "counts/counts.csv").read_text().splitlines()
    s.row("`count_localizations.py -c -t` / `-f counts --total`", " · ".join(stdout.split("\n")[:-1]), " · ".join(counts))

    for side in (s.theirs, s.ours):
        (side / "remap.csv").write_text(f"{SPECIES},{GENUS}\n")
    s.they("scripts/remap_voc.py", "-o", "remapped", "remap.csv", "voc")
    s.we("reformat", "localizations.json", "-f", "voc", "-o", "remapped", "--remap", "remap.csv")
    s.row("`remap_voc.py` / `--remap`", labels(s.theirs / "remapped"), labels(s.ours / "remapped"))

    endpoint = f"{Service.base}/kb/v1/phylogeny/basic"
    good, words, _ = s.they("scripts/add_taxonomy.py", "-o", "taxonomy", "voc", patch=("http://dsg.mbari.org/kb/v1/phylogeny/basic", endpoint))
    s.row("`add_taxonomy.py`, its address exchanged / `--taxonomy`", ranks(s.theirs / "taxonomy") if good else f"stops: {words}", ranks(s.ours / "voc"))

    s.they("scripts/voc_to_yolo.py", "-o", "yolo", "voc")
    s.we("reformat", "localizations.json", "-f", "yolo", "-o", "yolo")
    lines = lambda folder: sum(len(p.read_text().splitlines()) for p in folder.rglob("*.txt"))
    where = [str(p.relative_to(s.out)) for p in s.out.rglob("yolo.names")]
    s.row("`voc_to_yolo.py` / `-f yolo`", f"{lines(s.theirs / 'yolo')} boxes, names in {', '.join(where)} (one folder up)",
          f"{lines(s.ours / 'yolo')} boxes, names in {', '.join(str(p.relative_to(s.out)) for p in (s.ours / 'yolo').rglob('data.yaml'))}")


def coco(file):
    data = json.loads(file.read_text())
    missing = [key for key in ("width", "height") if any(key not in image for image in data["images"])]
    missing += [key for key in ("iscrowd", "area") if any(key not in a for a in data["annotations"])]
    largest = max(a["id"] for a in data["annotations"]).bit_length()
    empty = sum(a["bbox"][2] <= 0 or a["bbox"][3] <= 0 for a in data["annotations"])
    names = Counter(image["file_name"] for image in data["images"])
    twice = sum(n > 1 for n in names.values())
    known = {image["id"] for image in data["images"]}
    dangling = [a for a in data["annotations"] if a["image_id"] not in known]
    text = f"{len(data['annotations'])} boxes ({empty} without extent, {len(dangling)} on images that are not listed) on {len(data['images'])} images, ids of {largest} bits"
    text += f", first category {min(c['id'] for c in data['categories'])}" + (f", lacks {missing}" if missing else "")
    text += f", {twice} file names of two images, pycocotools: {judged(file)}"
    if dangling:
        data["annotations"] = [a for a in data["annotations"] if a not in dangling]
        file.with_name("listed.json").write_text(json.dumps(data))
        text += f"; without boxes on images that are not listed: {judged(file.with_name('listed.json'))}"
    return text


def judged(file):
    try:
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval
    except ImportError:
        return "not installed"
    kept, sys.stdout = sys.stdout, io.StringIO()
    try:
        truth = COCO(str(file))
        found = [{key: a[key] for key in ("image_id", "category_id", "bbox")} | {"score": 1.0} for a in truth.anns.values()]
        judge = COCOeval(truth, truth.loadRes(found), "bbox")
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
        return f"AP {judge.stats[0]:.3f}"
    except Exception as e:  # whatever stops it is the answer
        return f"{type(e).__name__}: {e}"
    finally:
        sys.stdout = kept


def voc(folder):
    files = [p for p in folder.rglob("*.xml")]
    roots = [ElementTree.parse(p).getroot() for p in files]
    objects = [thing for root in roots for thing in root.iter("object")]
    first = next(o for root in roots for o in root.iter("object") if o.findtext("name") == GENUS and o.findtext("bndbox/ymin") == "20")
    corners = [first.findtext(f"bndbox/{c}") for c in ("xmin", "ymin", "xmax", "ymax")]
    fields = [f for f in ("difficult", "truncated") if objects[0].find(f) is not None]
    empty = sum(o.findtext("bndbox/xmin") == o.findtext("bndbox/xmax") for o in objects)
    return (f"{len(objects)} boxes ({empty} without extent) in {len(files)} XML files, a box at x 10 or more, y 20, 60 x 40 stands as {corners}, "
            f"fields {fields or 'without difficult and truncated'}")


def labels(folder):
    names = Counter(o.findtext("name") for p in folder.rglob("*.xml") for o in ElementTree.parse(p).getroot().iter("object"))
    return ", ".join(f"{name} {n}" for name, n in sorted(names.items()))


def ranks(folder):
    found = Counter(f"{rank.tag} {rank.text}" for p in folder.rglob("*.xml") for rank in ElementTree.parse(p).getroot().iterfind("object/taxonomy/*"))
    return ", ".join(f"{name}: {n}" for name, n in sorted(found.items())) or "none"


def across(s):
    """What one wrote, read by the other."""
    folder = s.out / "across"
    shutil.copytree(s.theirs / "images", folder / "images")
    shutil.copy(s.out / "whole_digest.json", folder)
    shutil.copy(s.out / "bare.json", folder)

    def told(stage, *arguments):
        code, _ = s.we(stage, *arguments, "--report", "report.json", cwd=folder)
        report = json.loads((folder / "report.json").read_text())
        return code, report

    code, report = told("extract", "whole_digest.json", "-o", "localizations.json")
    n = sum(len(i["localizations"]) for i in json.loads((folder / "localizations.json").read_text())["images"])
    lines = [f"`recto-extract` on the digest of m3-download, nothing taken out: {n} boxes, {report['rejected']} listed (exit {code})"]
    code, report = told("download", "bare.json", "ours", "--rate", "0", "--retries", "1", "--image-map", "ours.json")
    lines.append(f"`recto-download` on its localizations.json: {report['images']} images, {report['rejected']} records and pictures left out (exit {code})")
    for name, map, where in (("of recto", "ours.json", None), ("of m3-download", "map.json", "images/"), ("of m3-download, absolute", "map.json", f"{folder.resolve()}/images/")):
        if where:
            theirs = json.loads((s.theirs / "image_map.json").read_text())
            (folder / map).write_text(json.dumps({id: where + os.path.basename(path) for id, path in theirs.items()}))
        code, report = told("reformat", "bare.json", "-f", "csv", "--image-map", map, "-o", "csv-" + name.replace(" ", "-"))
        lines.append(f"`recto-reformat` on it with the image map {name}: {report.get('boxes', 'no')} boxes, {report['reasons']} left out (exit {code})")
    shutil.copy(s.theirs / "voc.json", folder)
    good, words, _ = s.they("reformat.py", "voc.json", "-f", "VOC", "-o", "voc-all", "--image_map", "ours.json", cwd=folder)
    lines.append(f"its `reformat.py -f VOC` with our image_map.json: {voc(folder / 'voc-all') if good else 'stops: ' + words}")
    ours = json.loads((folder / "ours.json").read_text())
    there = [r for r in json.loads((folder / "voc.json").read_text()) if isinstance(r["localization"], dict)]
    there = [r for r in there if r["localization"].get("image_reference_uuid") in ours]
    (folder / "there.json").write_text(json.dumps(there))
    good, words, _ = s.they("reformat.py", "there.json", "-f", "VOC", "-o", "voc", "--image_map", "ours.json", cwd=folder)
    lines.append(f"the same, boxes whose picture was not had or whose UUID is in capitals taken out: {voc(folder / 'voc') if good else 'stops: ' + words}")
    if not good:
        s.failed.append(f"reformat.py with our image map: {words}")
    return lines


def read_csv(file):
    with open(file, newline="", encoding="utf-8") as opened:
        return list(csv.DictReader(opened))


def main():
    programs, theirs, out = (Path(a).resolve() for a in sys.argv[1:4])
    if not (theirs / "generate_digest.py").is_file():
        print(f"SKIPPED: no generate_digest.py in {theirs}", file=sys.stderr)
        return 77
    shutil.rmtree(out, ignore_errors=True)
    s = Sides(programs, theirs, out)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    Service.base = Marine.base = f"http://127.0.0.1:{server.server_port}"
    Service.rows = without_reference(rows())
    threading.Thread(target=server.serve_forever, daemon=True).start()
    config = (theirs / "config.ini").read_text().replace("http://m3.shore.mbari.org", Service.base)
    for side in (s.theirs, s.ours):
        side.mkdir(parents=True)
        (side / "config.ini").write_text(config)
    digests(s)
    stages(s)
    formats(s)
    lines = across(s)
    server.shutdown()
    head = ["| what | m3-download | recto |", "|---|---|---|"]
    (out / "table.md").write_text("\n".join(head + s.lines + ["", *(f"- {line}" for line in lines)]) + "\n", encoding="utf-8")
    print("\n".join(lines))
    for problem in s.failed:
        print(f"FAIL {problem}")
    return 1 if s.failed else 0


if __name__ == "__main__":
    sys.exit(main())
