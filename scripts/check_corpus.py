#!/usr/bin/env python3
"""Digest every document of a corpus of published IIIF documents and compare the counts with its expected.tsv.

Usage: check_corpus.py CORPUS RECTO_DIGEST

Each document is read as a file and over loopback HTTP. Whatever it refers to is not fetched: offline from files,
and over HTTP every other address is rewritten to one that answers 404. One line per mismatch, then a summary.
"""

import csv
import functools
import http.server
import json
import pathlib
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor

COUNTS = {
    "canvases": "n_canvases",
    "images": "n_images",
    "services": "n_image_services",
    "annotations": "n_annotations_nonpainting",
}


def main() -> int:
    if len(sys.argv) != 3:
        print(__doc__)
        return 2
    corpus, digest = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve()
    if not (corpus / "expected.tsv").is_file():
        print(f"error: there is no expected.tsv in {corpus}: nothing was checked", file=sys.stderr)
        return 1
    with open(corpus / "expected.tsv", encoding="utf-8", newline="") as table:
        expected = list(csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE))
    others = [p for folder in ("annotations", "collections", "broken", "info") for p in sorted((corpus / folder).iterdir())]
    named = {row["path"] for row in expected}
    others = [str(p.relative_to(corpus)) for p in others if str(p.relative_to(corpus)) not in named]
    with serve(corpus) as port, tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:
        run = functools.partial(run_both, digest, corpus, port, pathlib.Path(folder))
        checks = [pool.submit(check_counts, run, n, row) for n, row in enumerate(expected)]
        checks += [pool.submit(check_survives, run, len(expected) + n, path) for n, path in enumerate(others)]
        checks.append(pool.submit(check_table, digest, corpus, pathlib.Path(folder)))
        faults = [check.result() for check in checks]
    failed = [fault for fault in faults if fault]
    print("".join(f"{line}\n" for fault in failed for line in fault), end="")
    print(f"{len(faults) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed or len(expected) < 100 else 0


class serve:
    """The corpus over loopback HTTP; everything else is 404."""

    def __init__(self, folder):
        class Quiet(http.server.SimpleHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args):
                pass

        handler = functools.partial(Quiet, directory=str(folder))
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self.server.server_address[1]

    def __exit__(self, *_):
        self.server.shutdown()


def run_both(digest, corpus, port, folder, number, path):
    """Exit code, report and digest of a document: from its file, and over HTTP."""
    home = f"http://127.0.0.1:{port}/"
    away = [flag for scheme in ("http", "https") for flag in ("--rewrite", f"{scheme}://={home}nowhere/")]
    network = ["--rate", "0", "--retries", "0", "--rewrite", f"{home}={home}", *away]
    yield run_one(digest, folder / f"{number}-file", str(corpus / path), ["--offline"])
    yield run_one(digest, folder / f"{number}-http", home + path, network)


def run_one(digest, out, location, flags):
    command = [str(digest), "iiif", location, "-o", f"{out}.json", "--report", f"{out}.report", "--quiet", *flags]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    report = json.loads(pathlib.Path(f"{out}.report").read_text()) if ended.returncode in (0, 1, 3, 75) else {}
    made = pathlib.Path(f"{out}.json")
    observations = json.loads(made.read_text())["observations"] if made.exists() else []
    return ended, report, observations


def check_counts(run, number, row):
    faults, ids = [], []
    for way, (ended, report, observations) in zip(("file", "http"), run(number, row["path"])):
        where = f"{row['path']} ({way})"
        faults += survival(where, ended, report)
        for ours, theirs in COUNTS.items():
            if report.get(ours, 0) != int(row[theirs]):
                faults.append(f"{where}: {ours} is {report.get(ours, 0)}, expected {row[theirs]}")
        label = observations[0]["source"]["labels"].get("manifest", "") if observations else row["label"]
        if label != row["label"]:
            faults.append(f"{where}: label is {label!r}, expected {row['label']!r}")
        ids.append([o["id"] for o in observations])
    # Broken documents hold relative ids, which lead nowhere from a file.
    if ids[0] != ids[1] and not row["path"].startswith("broken/"):
        faults.append(f"{row['path']}: the file and HTTP give other images: {len(ids[0])} and {len(ids[1])}")
    return faults


def check_survives(run, number, path):
    return [fault for ended, report, _ in run(number, path) for fault in survival(path, ended, report)]


def survival(where, ended, report):
    """A document ends in a digest or a reason, never in a crash, and every record is accounted for."""
    faults = []
    if ended.returncode not in (0, 1, 3, 75) or "panicked" in ended.stderr:
        faults.append(f"{where}: exit {ended.returncode}: {ended.stderr.strip()[:300]}")
    elif ended.returncode == 1 and "error: " not in ended.stderr:
        faults.append(f"{where}: failed without a word")
    elif report["read"] != report["kept"] + report["rejected"]:
        faults.append(f"{where}: {report['read']} read, {report['kept']} kept, {report['rejected']} rejected")
    return faults


def check_table(digest, corpus, folder):
    table = corpus / "identifiers" / "fragment_identifiers.csv"
    out = folder / "table.json"
    command = [str(digest), "table", str(table), "--id-column", "image_identifier", "-o", str(out), "--quiet"]
    command += ["--service-prefix", "https://iaa.iiifhosting.com/iiif/", "--where", "label=Near Infra-Red (NIR) -Recto"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    kept = len(json.loads(out.read_text())["observations"]) if out.exists() else 0
    return [] if (ended.returncode, kept) == (0, 2275) else [f"{table.name}: exit {ended.returncode}, {kept} observations, expected 2275"]


if __name__ == "__main__":
    sys.exit(main())
