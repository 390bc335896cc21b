#!/usr/bin/env python3
"""What the programs read from an object store and write to it, images too, is what they read and write on a disk.

    judge_stores.py PROGRAMS WORK

PROGRAMS: folder of the programs. WORK: scratch.

The store is moto's S3. Between it and the programs stands a gateway that answers every third request with 503, breaks off one in
seven before it is answered, lets one in five wait, and lets nothing through while it is told so. boto3 looks at what is in the store.
"""
import argparse
import asyncio
import itertools
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import zlib

import boto3

from faulty_hosts import Hosts
from judge_budget import png

IMAGES, MANY = 40, 60_000


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("programs", type=pathlib.Path)
    parser.add_argument("work", type=pathlib.Path)
    args = parser.parse_args()
    shutil.rmtree(args.work, ignore_errors=True)
    args.work.mkdir(parents=True)
    faults, judges = 0, (sets, lists, large, killed, images, shards, changed, held, mistakes)
    with Store(args.programs.resolve(), args.work.resolve()) as store:
        for judge in judges:
            try:
                print(f"ok    {judge.__name__}: {judge(store)}")
            except AssertionError as fault:
                faults += 1
                print(f"FAIL  {judge.__name__}: {fault}")
        print(f"{len(judges)} trials in a store, {faults} with faults; of {store.gateway.count} requests "
              f"{store.gateway.refused} were refused and {store.gateway.broken} broken off")
    return 1 if faults else 0


class Gateway:
    """Hands requests on, unless it does not. HTTP/1.1, a request a connection."""

    def __init__(self, port):
        self.behind, self.numbers = port, itertools.count(1)
        self.count = self.refused = self.broken = self.bytes = 0
        self.is_sound, self.holds = False, None
        self.port = free_port()
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        starting = asyncio.start_server(self.serve, "127.0.0.1", self.port)
        asyncio.run_coroutine_threadsafe(starting, self.loop).result(10)

    async def serve(self, reader, writer):
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            lines = head.decode("latin-1").split("\r\n")
            lengths = [int(line.split(":")[1]) for line in lines if line.lower().startswith("content-length:")]
            self.count, number = self.count + 1, next(self.numbers)
            if self.holds is not None and lines[0].startswith(self.holds):
                # Takes nothing more, until the client is gone.
                while await reader.read(1 << 16):
                    pass
                return
            body = await reader.readexactly(lengths[0]) if lengths else b""
            if not self.is_sound and number % 3 == 0:
                self.refused += 1
                writer.write(b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                return
            if not self.is_sound and number % 7 == 0:
                self.broken += 1
                return
            if not self.is_sound and number % 5 == 0:
                await asyncio.sleep(0.1)
            there, back = await asyncio.open_connection("127.0.0.1", self.behind)
            kept = [line for line in lines if line and not line.lower().startswith(("connection:", "expect:"))]
            back.write("\r\n".join(kept).encode("latin-1") + b"\r\nConnection: close\r\n\r\n" + body)
            while piece := await there.read(1 << 16):
                self.bytes += len(piece)
                writer.write(piece)
                await writer.drain()
            back.close()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


class Store:
    """The store, the gateway, and programs that ask it."""

    def __init__(self, programs, work):
        self.programs, self.work = programs, work

    def __enter__(self):
        port = free_port()
        log = (self.work / "moto.log").open("w")
        self.moto = subprocess.Popen([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
                                     stdout=log, stderr=log)
        wait_for(lambda: is_open(port))
        key = {"aws_access_key_id": "judge", "aws_secret_access_key": "sesame"}
        self.s3 = boto3.client("s3", endpoint_url=f"http://127.0.0.1:{port}", region_name="us-east-1", **key)
        self.s3.create_bucket(Bucket="sets")
        self.gateway = Gateway(port)
        self.env = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        self.env.update(AWS_ACCESS_KEY_ID="judge", AWS_SECRET_ACCESS_KEY="sesame", AWS_REGION="us-east-1",
                        AWS_ENDPOINT_URL=f"http://127.0.0.1:{self.gateway.port}", AWS_ALLOW_HTTP="true")
        return self

    def __exit__(self, *_):
        self.moto.send_signal(signal.SIGTERM)
        self.moto.wait()

    def run(self, program, *call, code=0, env=None):
        call = [self.programs / program, *map(str, call)]
        ran = subprocess.run(call, cwd=self.work, env=env or self.env, capture_output=True, text=True, timeout=300)
        assert ran.returncode == code, f"{call[1:]} ended with {ran.returncode}: {ran.stderr[-600:]}"
        return ran.stderr

    def get(self, key):
        return self.s3.get_object(Bucket="sets", Key=key)["Body"].read()

    def keys(self, prefix):
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket="sets", Prefix=prefix)
        return [found["Key"] for page in pages for found in page.get("Contents", [])]

    def put(self, key, body):
        self.s3.put_object(Bucket="sets", Key=key, Body=body)


def digest(count, url="http://archive.example/"):
    rng = random.Random(1)
    observations = []
    for n in range(count):
        annotation = {"id": f"{n}", "motivation": ["tagging"], "bodies": [{"value": rng.choice("abcde")}],
                      "regions": [{"frame": "canvas", "fragment": f"xywh={rng.randrange(5)},1,2,3"}]}
        observations.append({"id": f"{n:06}", "image": {"url": f"{url}{n}.png"}, "source": {"kind": "iiif"},
                             "group": f"g{n % 9}", "canvas": [8, 8], "annotations": [annotation]})
    return {"contract": "recto/digest", "version": 1, "source": {"kind": "iiif", "inputs": ["m"]}, "observations": observations}


def sets(store):
    """Every form of a set, from the store and to it."""
    text = json.dumps(digest(IMAGES)).encode()
    (store.work / "digest.json").write_bytes(text)
    store.put("in/digest.json", text)
    for name in ("set.json", "set.jsonl", "set.jsonl.zst"):
        store.run("recto-extract", "digest.json", "-o", name)
        store.run("recto-extract", "s3://sets/in/digest.json", "-o", f"s3://sets/out/{name}", "--parquet", "s3://sets/out/t.parquet")
        assert store.get(f"out/{name}") == (store.work / name).read_bytes(), f"{name} is another in the store"
    store.run("recto-extract", "digest.json", "-o", "parts/", "--parquet", "t.parquet")
    store.run("recto-extract", "s3://sets/in/digest.json", "-o", "s3://sets/out/parts/")
    for part in (store.work / "parts").iterdir():
        assert store.get(f"out/parts/{part.name}") == part.read_bytes(), part.name
    assert store.get("out/t.parquet") == (store.work / "t.parquet").read_bytes()
    for name in ("set.json", "set.jsonl.zst", "parts"):
        plans = []
        for place in (name, f"s3://sets/out/{name}"):
            folder = f"plan-{name}-{len(plans)}"
            store.run("recto-shard", "plan", place, "-n", 2, "-o", folder)
            plans.append((store.work / folder / "plan.json").read_bytes())
        assert plans[0] == plans[1], f"{name} is planned otherwise in the store"
    return "JSON, JSON Lines, compressed, in parts, and Parquet: byte for byte as on a disk"


def lists(store):
    """A set, its image map and its failures in the store, the images here."""
    hosts = Hosts()
    host = hosts.start()
    for n in range(IMAGES - 1):
        host.files[f"/{n}.png"] = ("image/png", png(n))
    store.put("in/some.json", json.dumps(digest(IMAGES, host.url)).encode())
    store.run("recto-extract", "s3://sets/in/some.json", "-o", "s3://sets/some.jsonl")
    call = ["recto-download", "s3://sets/some.jsonl", "images", "--rate", 0, "--image-map", "s3://sets/map.jsonl.zst",
            "--failures", "s3://sets/failures.csv"]
    store.run(*call, code=3)
    assert b"not-found" in store.get("failures.csv")
    asked = len(host.asked())
    store.run(*call, "--retry-failed", "server", code=3)
    assert len(host.asked()) == asked, "what failed before is read from the store"
    (store.work / "some.jsonl").write_bytes(store.get("some.jsonl"))
    store.run("recto-download", "some.jsonl", "images", "--rate", 0, "--image-map", "map.json", code=3)
    for folder, place, image_map in (("here", "some.jsonl", "map.json"), ("there", "s3://sets/some.jsonl", "s3://sets/map.jsonl.zst")):
        store.run("recto-reformat", place, "--image-map", image_map, "-f", "coco", "-o", folder, "--partial-ok")
    name = "annotations/instances_default.json"
    found = [(store.work / folder / name).read_bytes() for folder in ("here", "there")]
    assert found[0] == found[1] and len(json.loads(found[0])["images"]) == IMAGES - 1
    return f"{IMAGES - 1} images by a set and a map in the store are those by files"


def large(store):
    """More than one request takes."""
    (store.work / "large.json").write_text(json.dumps(digest(MANY)))
    store.run("recto-extract", "large.json", "-o", "large_set.jsonl")
    before = store.gateway.count
    store.run("recto-extract", "large.json", "-o", "s3://sets/large.jsonl")
    requests = store.gateway.count - before
    body = store.get("large.jsonl")
    assert body == (store.work / "large_set.jsonl").read_bytes(), "another set"
    assert requests > 3, f"{requests} requests"
    store.run("recto-shard", "plan", "s3://sets/large.jsonl", "-n", 2, "-o", "plan-large")
    return f"{len(body) / 1e6:.0f} MB in parts, {requests} requests"


def killed(store):
    """Whoever is killed while it uploads leaves what was there."""
    before = store.get("out/set.json")
    store.put("in/other.json", json.dumps(digest(IMAGES // 2)).encode())
    store.gateway.holds = "PUT"
    call = [store.programs / "recto-extract", "s3://sets/in/other.json", "-o", "s3://sets/out/set.json"]
    count = store.gateway.count
    process = subprocess.Popen(call, cwd=store.work, env=store.env, stderr=subprocess.DEVNULL)
    wait_for(lambda: store.gateway.count >= count + 2)
    time.sleep(1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    store.gateway.holds = None
    assert store.get("out/set.json") == before
    store.run("recto-extract", "s3://sets/in/other.json", "-o", "s3://sets/out/set.json")
    assert len(json.loads(store.get("out/set.json"))["images"]) == IMAGES // 2
    return "the set before is whole, and the next run takes its place"


def archive(store):
    """A host with images, one of them too large for one request, and their set in the store."""
    host = Hosts().start()
    for n in range(IMAGES):
        host.files[f"/{n}.png"] = ("image/png", png(n))
    host.files["/7.png"] = ("image/png", noise(1800, 1800))
    store.put("in/images.json", json.dumps(digest(IMAGES, host.url)).encode())
    store.run("recto-extract", "s3://sets/in/images.json", "-o", "s3://sets/images.jsonl")
    return host


def images(store):
    """Images in the store: a run that is killed goes on there, here and on another machine."""
    host = archive(store)
    call = ["recto-download", "s3://sets/images.jsonl", "s3://sets/imgs", "--failures", "f.csv"]
    process = subprocess.Popen([store.programs / call[0], *call[1:], "--rate", "15"], cwd=store.work, env=store.env,
                               stderr=subprocess.DEVNULL)
    wait_for(lambda: len(store.keys("imgs/g")) >= IMAGES // 3)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert store.keys("imgs/.recto/lock"), "a run that is killed leaves its lock"
    copy, = store.work.glob(".recto-*/downloads.jsonl")
    finished = [json.loads(line)["uri"] for line in copy.read_text().splitlines(True) if line.endswith("\n")]
    call += ["--rate", "0"]
    store.run(*call)
    asked = [entry.path for entry in host.asked()]
    twice = {uri for uri in finished if asked.count("/" + uri.rsplit("/", 1)[1]) != 1}
    assert finished and not twice, f"fetched twice: {sorted(twice)}"
    assert not store.keys("imgs/.recto/lock"), "the lock is still there"
    entries = json.loads((store.work / "image_map.json").read_text())
    assert len(entries) == IMAGES
    (store.work / "some.jsonl").write_bytes(store.get("images.jsonl"))
    store.run("recto-download", "some.jsonl", "imgs", "--rate", 0, "--image-map", "map-here.json", "--failures", "f.csv")
    here = json.loads((store.work / "map-here.json").read_text())
    for image, entry in entries.items():
        assert entry == f"s3://sets/{here[image]}", f"{image}: {entry}"
        assert store.get(here[image]) == (store.work / here[image]).read_bytes(), f"{image} has other bytes"
    segments = store.keys("imgs/.recto/journal/")
    lines = b"".join(map(store.get, segments)).splitlines()
    assert {json.loads(line)["id"] for line in lines} == set(entries), "not all are in the journal"
    before = len(host.asked())
    store.run(*call, "--scratch", "elsewhere", "--image-map", "map-elsewhere.json")
    assert len(host.asked()) == before, "another machine asked for images that are there"
    assert (store.work / "map-elsewhere.json").read_bytes() == (store.work / "image_map.json").read_bytes()
    for place, image_map in (("here", "map-here.json"), ("there", "image_map.json")):
        for form in ("coco", "webdataset"):
            store.run("recto-reformat", "some.jsonl", "--image-map", image_map, "-f", form, "-o", f"out-{place}-{form}")
    for form in ("coco", "webdataset"):
        trees = [tree(store.work / f"out-{place}-{form}") for place in ("here", "there")]
        assert trees[0] == trees[1] and len(trees[0]) > 2, f"{form} of the store is another"
    said = store.run("recto-serve", "some.jsonl", "--image-map", "image_map.json", "--listen", "127.0.0.1:0", code=1)
    assert "is in an object store" in said and "--image-map" in said, said
    return f"{len(finished)} of {IMAGES} images before the kill were not asked for again, {len(segments)} segments of the journal"


def shards(store):
    """Four workers, each on a machine of its own; what they put into the store is merged there, by a run that is killed and another."""
    host = archive(store)
    store.run("recto-shard", "plan", "s3://sets/images.jsonl", "-n", 4, "-o", "plan-images")
    for n in range(4):
        store.run("recto-download", "plan-images", "s3://sets/all", "--shard", f"{n}/4", "--scratch", f"machine-{n}", "--rate", 0)
    assert len(host.asked()) == IMAGES, f"{len(host.asked())} requests"
    call = ["recto-shard", "merge", "s3://sets/all", "--image-map", "map-all.json", "--failures", "f.csv"]
    store.gateway.holds = "PUT /sets/all/g5"
    process = subprocess.Popen([store.programs / call[0], *call[1:]], cwd=store.work, env=store.env, stderr=subprocess.DEVNULL)
    wait_for(lambda: len(store.keys("all/g")) >= IMAGES // 3)
    process.send_signal(signal.SIGKILL)
    process.wait()
    store.gateway.holds = None
    copied = {key: store.s3.head_object(Bucket="sets", Key=key)["LastModified"] for key in store.keys("all/g")}
    time.sleep(1)
    store.run(*call)
    again = [key for key, when in copied.items() if store.s3.head_object(Bucket="sets", Key=key)["LastModified"] != when]
    assert not again, f"copied again: {again}"
    alone, merged = ((store.work / name).read_bytes() for name in ("image_map.json", "map-all.json"))
    assert merged == alone.replace(b"s3://sets/imgs/", b"s3://sets/all/"), "not the image map of one worker"
    for path in json.loads(merged).values():
        key = path.removeprefix("s3://sets/")
        assert store.get(key) == store.get(key.replace("all/", "imgs/", 1)), f"{key} has other bytes"
    before, segments = store.gateway.bytes, store.keys("all/.recto/journal/")
    folders = [f"s3://sets/all/shard-{n:05}" for n in range(4)]
    store.run("recto-shard", "merge", "s3://sets/all2", *folders, "--image-map", "map-2.json", "--failures", "f.csv")
    came = store.gateway.bytes - before
    assert came < 500_000, f"{came} bytes came here"
    store.run(*call, "--move")
    left = [key for key in store.keys("all/shard-") if key.endswith(".png") or "/journal/" in key]
    assert store.keys("all/.recto/journal/") == segments and not left, f"left by workers: {left}"
    before = len(host.asked())
    store.run("recto-download", "s3://sets/images.jsonl", "s3://sets/all", "--rate", 0, "--image-map", "map-again.json", "--failures", "f.csv")
    assert len(host.asked()) == before, "images that were merged were asked for again"
    assert (store.work / "map-again.json").read_bytes() == merged
    return f"{len(copied)} of {IMAGES} copies before the kill were not made again, and a merge takes {came / 1000:.0f} kB through this machine"


def changed(store):
    """What is damaged or replaced in the store is found, and what stands in the way is kept."""
    host = archive(store)
    store.put("imgs2/.recto/keep", b"")
    call = ["recto-download", "s3://sets/images.jsonl", "s3://sets/imgs2", "--rate", 0, "--failures", "f.csv"]
    entries = json.loads((store.work / "map-here.json").read_text())
    keys = [path.replace("imgs/", "imgs2/") for path in entries.values()]
    store.put(keys[3], b"somebody's")
    said = store.run(*call)
    assert "moved to" in said, said
    kept = [key for key in store.keys("imgs2/.recto/altered/") if store.get(key) == b"somebody's"]
    assert len(kept) == 1 and store.get(keys[3]) != b"somebody's"
    store.put(keys[5], store.get(keys[4]))
    store.s3.delete_object(Bucket="sets", Key=keys[6])
    before = len(host.asked())
    store.run(*call)
    assert len(host.asked()) == before
    said = store.run(*call, "--verify")
    assert len(host.asked()) == before + 2, said
    for entry, key in zip(entries.values(), keys):
        assert store.get(key) == (store.work / entry).read_bytes(), key
    return "2 of 2 images that were not as they had been were downloaded again"


def held(store):
    """One run at a time, wherever it is."""
    lock = {"host": "node7", "process": 4, "mark": "4-0badcafe", "since": "2026-01-02T03:04:05Z"}
    store.put("imgs/.recto/lock", json.dumps(lock).encode())
    call = ["recto-download", "s3://sets/images.jsonl", "s3://sets/imgs", "--rate", 0, "--failures", "f.csv"]
    said = store.run(*call, code=75)
    assert "process 4 of node7 since 2026-01-02T03:04:05Z" in said and "--break-lock" in said, said
    assert json.loads(store.get("imgs/.recto/lock")) == lock
    store.run(*call, "--break-lock")
    assert not store.keys("imgs/.recto/lock")
    for option in (["--pack", "tar"], ["--prune"], ["--orphans", "move"]):
        assert option[0] in store.run(*call, *option, code=2)
    return "who holds the lock is said, and it is broken only when that is asked for"


def mistakes(store):
    """Say what is wrong."""
    store.gateway.is_sound = True
    cases = [
        (["s3://sets/in/none.json"], "s3://sets/in/none.json: no such file", {}),
        (["s3://nobody/x.json"], "s3://nobody/x.json", {}),
        (["digest.json", "-o", "s3://nobody/x.json"], "s3://nobody/x.json: cannot be written", {}),
        (["s3://sets/in/digest.json", "-o", "s3://sets/in/digest.json"], "is an input, and would be overwritten", {}),
    ]
    for call, words, env in cases:
        said = store.run("recto-extract", *call, code=2 if "overwritten" in words else 1, env={**store.env, **env})
        assert words in said, f"{call}: no `{words}` in {said}"
        assert "sesame" not in said
    return f"{len(cases)} messages"


def noise(width, height):
    """A PNG that no compression makes small."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rng = random.Random(7)
    rows = b"".join(b"\0" + rng.randbytes(3 * width) for _ in range(height))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b""))


def tree(folder):
    """What is in the files of a dataset, but for what names the image map."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name not in ("dataset.json", "README.md")]
    return {path.relative_to(folder): path.read_bytes() for path in files}


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def is_open(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_for(holds):
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, "it did not come to that in a minute"
        time.sleep(0.02)


if __name__ == "__main__":
    sys.exit(main())
