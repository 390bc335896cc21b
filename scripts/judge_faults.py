#!/usr/bin/env python3
"""recto-download through a proxy that misbehaves: no wrong file, no lost image, an end in bounded time.

    judge_faults.py PROGRAMS PROXY WORK [--iiif URL] [--only NAME]

PROGRAMS: folder of recto-download. PROXY: faultproxy.py. WORK: scratch. URL: a IIIF image service, such as one of
iipsrv, that is asked for beside plain files and a folder of static tiles made here. Needs Pillow.

Each fault of the proxy's menu meets a fifth of the answers, and all of them together do. Retries are few, so that
some images fail. Then, of each run: it ended by itself in time; every file is byte for byte that of a run without
faults, or its image is in failures.csv, with the reason that the proxy's log gives; nothing else lies in the folder.
The same command without faults then fetches what is missing, and nothing else, to the very same folder.
"""
import argparse
import concurrent.futures
import contextlib
import csv
import functools
import hashlib
import http.server
import io
import json
import pathlib
import random
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request

from PIL import Image

from free_port import free_port

SHARE = 0.2
PLAIN = 40
FILES, TILES = "http://files.invalid/", "http://tiles.invalid/"
# (what the proxy does, kinds of trouble that may be told of it)
MENU = {
    "500": (["--p-500", SHARE], {"server"}),
    "503": (["--p-503", SHARE, "--retry-after", 1], {"server"}),
    "429": (["--p-429", SHARE, "--retry-after", 1], {"too-many"}),
    "reset": (["--p-reset", SHARE], {"truncated", "network"}),
    "trunc": (["--p-trunc", SHARE], {"truncated"}),
    "wrongsize": (["--p-wrongsize", SHARE], {"wrong-size", "checksum"}),
    "stall": (["--p-stall", SHARE, "--stall-s", 20], {"timeout"}),
    "html": (["--p-html", SHARE], {"not-an-image", "info"}),
    "loop": (["--p-loop", SHARE], {"protocol"}),
    "gone": (["--p-gone", SHARE], {"not-found"}),
    "bandwidth": (["--bandwidth", 400_000], set()),
}
MIX = [part for kind in ("500", "503", "429", "reset", "trunc", "wrongsize", "stall", "html", "loop")
       for part in (f"--p-{kind}", SHARE / 9)]
MIX += ["--retry-after", 1, "--stall-s", 20]
# What each fault may be called; of "limit" and "peer:" the proxy tells beside them.
KINDS = {fault: kinds for fault, (_, kinds) in MENU.items()}
LONGEST = 100


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("programs", type=pathlib.Path)
    parser.add_argument("proxy", type=pathlib.Path)
    parser.add_argument("work", type=pathlib.Path)
    parser.add_argument("--iiif", help="a IIIF image service")
    parser.add_argument("--only", help="one fault of the menu, or `mix`")
    args = parser.parse_args()
    shutil.rmtree(args.work, ignore_errors=True)
    args.work.mkdir(parents=True)
    bench = Bench(args)
    names = [args.only] if args.only else [*MENU, "mix"]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(bench.judged, names))
    wrong = sum(not outcome for outcome in outcomes)
    print(f"{len(outcomes)} kinds of trouble, {wrong} with faults of our own")
    return 1 if wrong else 0


class Bench:
    """What all runs share: the upstream, the set, the files as they should be."""

    def __init__(self, args):
        self.download = args.programs.resolve() / "recto-download"
        self.proxy, self.work = args.proxy.resolve(), args.work.resolve()
        site = self.work / "site"
        images = draw_files(site) + [draw_tiles(site)]
        self.upstreams = {FILES: serve(site), TILES: serve(site)}
        if args.iiif:
            scheme, rest = args.iiif.split("://")
            authority, path = rest.split("/", 1)
            self.upstreams["http://server.invalid/"] = authority
            images.append(service("picture", "http://server.invalid/" + path))
        self.ids = {image["id"] for image in images}
        self.set = {"contract": "recto/localizations", "version": 1, "images": images}
        clean = self.work / "clean"
        ran = self.run(clean, self.upstreams)
        assert ran.returncode == 0, ran.stderr
        self.wanted = tree(clean)
        self.paths = json.loads((clean / "image_map.json").read_text())
        assert set(self.paths) == self.ids

    def run(self, folder, upstreams, *more):
        folder.mkdir(exist_ok=True)
        (folder / "localizations.json").write_text(json.dumps(self.set))
        command = [self.download, "localizations.json", "images", "-j", "4", "--per-host", "4", "--rate", "0", "--backoff", "0.1",
                   "--timeout", "2", "--contact", "judge@example.org", "-q", *more]
        for prefix, authority in upstreams.items():
            command += ["--rewrite", f"{prefix}=http://{authority}/"]
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=LONGEST)

    def judged(self, name):
        """Whether a kind of trouble brings out no fault of ours."""
        try:
            print(f"ok    {name}: {self.judge(name)}", flush=True)
            return True
        except (AssertionError, subprocess.SubprocessError, OSError, KeyError, ValueError) as fault:
            print(f"FAIL  {name}: {type(fault).__name__}: {fault}", flush=True)
            return False

    def judge(self, name):
        faults = MIX if name == "mix" else MENU[name][0]
        folder, start = self.work / name, time.monotonic()
        with contextlib.ExitStack() as stack:
            logs = {}
            through = {}
            for n, (prefix, authority) in enumerate(self.upstreams.items()):
                logs[prefix] = self.work / f"{name}-{n}.jsonl"
                through[prefix] = stack.enter_context(proxied(self.proxy, authority, logs[prefix], faults))
            ran = self.run(folder, through, "--retries", "1")
        took = time.monotonic() - start
        met = {prefix: met_by_path(log) for prefix, log in logs.items()}
        failed = rows(folder / "failures.csv")
        assert ran.returncode in ((3, 75) if failed else (0,)), f"exit code {ran.returncode}: {ran.stderr}"
        self.hold_files_against(folder, {row["id"] for row in failed})
        for row in failed:
            self.is_true(row, met)
        again = self.run(folder, self.upstreams)
        assert again.returncode == 0, f"run again without faults: {again.returncode}: {again.stderr}"
        self.hold_files_against(folder, set())
        total = sum(len(times) for paths in met.values() for times in paths.values())
        bad = sum(bool(fault) for paths in met.values() for times in paths.values() for fault in times)
        assert bad or name == "bandwidth", "no fault was met"
        return f"{bad} of {total} answers bad, {len(failed)} of {len(self.ids)} images failed, {took:.0f} s"

    def hold_files_against(self, folder, failed):
        there = tree(folder)
        maps = json.loads((folder / "image_map.json").read_text())
        assert set(maps) | failed == self.ids and not set(maps) & failed, "an image is lost, or both had and not had"
        assert sorted(maps.values()) == sorted(there), f"the folder holds other files: {sorted(set(there) ^ set(maps.values()))}"
        for path, digest in there.items():
            assert digest == self.wanted.get(path), f"{path} is not the file it should be"

    def is_true(self, row, met):
        """Whether the reason told is one that the log gives, and no request was forgotten."""
        prefix = next(prefix for prefix in self.upstreams if row["url"].startswith(prefix))
        path = "/" + row["url"].removeprefix(prefix)
        below = {p: times for p, times in met[prefix].items() if p == path or p.startswith(path + "/")}
        asked = sum(len(times) for times in below.values())
        assert int(row["attempts"]) == asked, f"{row['id']}: {row['attempts']} attempts told, {asked} made: {row}"
        last = {times[-1] for times in below.values()} - {None}
        allowed = set().union(*(KINDS.get(fault, set()) for fault in last))
        assert row["kind"] in allowed, f"{row['id']}: told `{row['kind']}` ({row['message']}), met {sorted(last)}"


def met_by_path(log):
    """Path → fault or None of each answer, in order; each of the hops of a redirect to itself is one."""
    met = {}
    for line in log.read_text().splitlines():
        entry = json.loads(line)
        path = re.sub(r"[?&]__loop=\d+$", "", entry["path"])
        if path == "/robots.txt":
            continue
        met.setdefault(path, []).append(entry["fault"])
    return met


@contextlib.contextmanager
def proxied(proxy, authority, log, faults):
    port = free_port()
    command = [sys.executable, proxy, "--listen-port", port, "--upstream", authority, "--log", log, "--latency-ms", 2,
               "--max-faults", 0, "--seed", log.stem, "--match", r"^(?!/robots\.txt)", *faults]
    child = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL)
    try:
        wait_for(port, child)
        yield f"127.0.0.1:{port}"
    finally:
        child.terminate()
        child.wait(20)


def wait_for(port, child):
    end = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            assert child.poll() is None, f"the proxy ends by itself: exit code {child.returncode}"
            assert time.monotonic() < end, "the proxy does not come up"
            time.sleep(0.05)


class Quiet(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass


def serve(folder):
    handler = functools.partial(Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"127.0.0.1:{server.server_address[1]}"


def picture(width, height, seed):
    rough = random.Random(seed)
    small = Image.new("RGB", (max(2, width // 6), max(2, height // 6)))
    small.putdata([tuple(rough.randrange(256) for _ in range(3)) for _ in range(small.width * small.height)])
    return small.resize((width, height), Image.BICUBIC)


def encoded(image, kind="JPEG"):
    out = io.BytesIO()
    image.save(out, kind, **({"quality": 88} if kind == "JPEG" else {}))
    return out.getvalue()


def draw_files(site):
    """Plain files of three types. Nothing but a hash tells a smaller picture from the one meant."""
    images = []
    (site / "p").mkdir(parents=True)
    for n in range(PLAIN):
        kind = ["JPEG", "JPEG", "PNG", "WEBP"][n % 4]
        body = encoded(picture(200 + 7 * n, 150 + 5 * n, n), kind)
        name = f"p/{n}.{kind.lower()}"
        (site / name).write_bytes(body)
        where = {"url": FILES + name, "sha256": hashlib.sha256(body).hexdigest()}
        images.append({"id": f"plain {n}", "group": "plain", "image": where, "source": {"kind": "table"}})
    return images


def draw_tiles(site):
    """A folder of tiles, as static servers have them (Image API 2, level 0)."""
    width, height, side = 1100, 750, 256
    image = picture(width, height, "tiles")
    for y in range(0, height, side):
        for x in range(0, width, side):
            w, h = min(side, width - x), min(side, height - y)
            folder = site / "tiled" / f"{x},{y},{w},{h}" / f"{w}," / "0"
            folder.mkdir(parents=True)
            (folder / "default.jpg").write_bytes(encoded(image.crop((x, y, x + w, y + h))))
    info = {"@context": "http://iiif.io/api/image/2/context.json", "@id": TILES + "tiled", "protocol": "http://iiif.io/api/image",
            "width": width, "height": height, "tiles": [{"width": side, "scaleFactors": [1]}],
            "profile": ["http://iiif.io/api/image/2/level0.json"]}
    (site / "tiled/info.json").write_text(json.dumps(info))
    return service("tiled", TILES + "tiled")


def service(name, base):
    return {"id": name, "group": "service", "image": {"service": {"id": base, "version": 2}}, "source": {"kind": "iiif"}}


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def tree(folder):
    """Path → hash of each file published, from the folder that the map lies in."""
    paths = (p for p in (folder / "images").rglob("*") if p.is_file() and ".recto" not in p.parts and p.name != "downloads.jsonl")
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in paths}


if __name__ == "__main__":
    sys.exit(main())
