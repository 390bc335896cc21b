#!/usr/bin/env python3
"""Runs the pipeline against real IIIF servers on loopback and compares its pixels with the source's own.

    check_servers.py PROGRAMS SHARED WORK SERVERS

PROGRAMS: folder of the five programs. SHARED: holds corpus/. WORK: scratch. SERVERS: JSON with the base URIs
`capped` (iipsrv, answers of at most 1000 px, declared), `secret` (the same behind a proxy that strips the declared
limits and counts requests at /__fault/stats), `static` (level-0 tiles of 512 px), and `source`, the raw RGB samples of
the picture as another program decoded them, with `width` and `height`. Needs numpy and OpenCV.

The founding experiment: identifiers of a real table, served by a host that answers 1000 x 1000 where 7216 x 5412 was
asked, with status 200. The picture must come whole, in at most 60 requests, at 43.5 dB or better.
"""
import csv
import json
import subprocess
import sys
import urllib.request
from pathlib import Path

import cv2
import numpy

PREFIX = "https://iaa.iiifhosting.com/iiif/"
LABEL = "Near Infra-Red (NIR) -Recto"
MOST_REQUESTS, LEAST_PSNR = 60, 43.5


def main():
    programs, shared, work = (Path(p).resolve() for p in sys.argv[1:4])
    servers = json.loads(Path(sys.argv[4]).read_text())
    table = shared / "corpus/identifiers/fragment_identifiers.csv"
    source = numpy.fromfile(servers["source"], numpy.uint8).reshape(servers["height"], servers["width"], 3)
    run = Runner(programs, work)
    checks = [
        ("founding table", lambda: founding_table(run, table)),
        ("secret cap", lambda: one_picture(run, table, servers, "secret", source, LEAST_PSNR, MOST_REQUESTS)),
        ("declared cap", lambda: one_picture(run, table, servers, "capped", source, LEAST_PSNR, MOST_REQUESTS)),
        # The tiles were encoded from a JPEG of the picture: two generations, so less is to be had.
        ("static tiles", lambda: one_picture(run, table, servers, "static", source, 41.5, 170)),
        ("two pictures, one lesson", lambda: two_pictures(run, table, servers)),
    ]
    failed = sum(not passes(name, check) for name, check in checks)
    print(f"{len(checks) - failed} passed, {failed} failed")
    return 1 if failed else 0


def passes(name, check):
    try:
        print(f"ok    {name}: {check()}", flush=True)
        return True
    except (AssertionError, subprocess.CalledProcessError, OSError, KeyError, ValueError) as fault:
        print(f"FAIL  {name}: {type(fault).__name__}: {fault}", flush=True)
        return False


class Runner:
    def __init__(self, programs, work):
        self.programs, self.work = programs, work

    def __call__(self, folder, stage, *args):
        folder = self.work / folder
        folder.mkdir(parents=True, exist_ok=True)
        command = [str(self.programs / f"recto-{stage}"), *map(str, args), "--report", f"{stage}.report.json", "-q"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, f"recto-{stage} ended with {done.returncode}: {done.stderr.strip()}"
        return json.loads((folder / f"{stage}.report.json").read_text())


def founding_table(run, table):
    report = run("table", "digest", *asked(table), "-o", "digest.json")
    assert (report["seen"], report["kept"], report["rejected"]) == (9108, 2275, 0), report
    return "9108 rows seen, 2275 observations"


def one_picture(run, table, servers, name, source, least, most):
    if name == "secret":
        ask(servers[name], "/__fault/reset")
    whole_pipeline(run, name, table, servers[name], 1)
    folder = run.work / name
    [path] = json.loads((folder / "image_map.json").read_text()).values()
    picture = cv2.imread(str(folder / path), cv2.IMREAD_COLOR)[:, :, ::-1]
    assert picture.shape == source.shape, f"{picture.shape} instead of {source.shape}"
    quality = psnr(picture, source)
    assert quality >= least, f"PSNR {quality:.2f} dB, {least} is the least"
    requests = json.loads((folder / "download.report.json").read_text())["requests"]
    if name == "secret":
        counted = ask(servers[name], "/__fault/stats")["requests"]
        assert counted == requests, f"the server counted {counted} requests, the report says {requests}"
    assert requests <= most, f"{requests} requests, {most} are the most"
    return f"{picture.shape[1]} x {picture.shape[0]}, {requests} requests, PSNR {quality:.2f} dB"


def two_pictures(run, table, servers):
    whole_pipeline(run, "two", table, servers["secret"], 2)
    requests = json.loads((run.work / "two/download.report.json").read_text())["requests"]
    # The second image is asked for whole once: two images show that the cap is that of the host.
    assert requests <= 51 + 50, f"{requests} requests: the cap was learnt twice"
    return f"{requests} requests"


def whole_pipeline(run, folder, table, base, images):
    digest = run(folder, "digest", *asked(table), "--limit", images, "-o", "digest.json")
    assert digest["kept"] == images, digest
    run(folder, "extract", "digest.json", "-o", "localizations.json")
    rewrites = [part for row in rows(table)[:images] for part in ("--rewrite", f"{PREFIX}{row}={base}")]
    run(folder, "download", "localizations.json", "images", "-j", 4, "--rate", 0, *rewrites)
    for form in ("csv", "coco", "voc", "tf"):
        written = run(folder, "reformat", "localizations.json", "-f", form, "-o", form)
        assert written["images"] == images, written


def asked(table):
    return "table", table, "--id-column", "image_identifier", "--service-prefix", PREFIX, "--where", f"label={LABEL}"


def rows(table):
    with open(table, encoding="utf-8", newline="") as lines:
        return [row["image_identifier"] for row in csv.DictReader(lines) if row["label"] == LABEL]


def ask(base, path):
    origin = "/".join(base.split("/")[:3])
    with urllib.request.urlopen(origin + path, timeout=10) as answer:
        return json.load(answer)


def psnr(a, b):
    total = sum(float(((x.astype(numpy.int32) - y) ** 2).sum()) for x, y in zip(a, b))
    return 10 * numpy.log10(255 ** 2 / (total / a.size)) if total else float("inf")


if __name__ == "__main__":
    sys.exit(main())
