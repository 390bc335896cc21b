#!/usr/bin/env python3
"""Workers that name the same --budget-store ask a host as if they were one: the host's own log says so.

    judge_budget.py PROGRAMS WORK

PROGRAMS: folder of recto-download and recto-digest. WORK: scratch.

Four workers have sets of their own, and none knows of the others but by a real redis-server. One host, which allows RATE requests
in a second, is asked by all. No second of its log has more; when it answers one worker with 429 and Retry-After, none asks it
before that is over; and when the server is killed, and started again, its pace is still kept.
"""
import argparse
import json
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
import zlib

from faulty_hosts import Answer, Hosts, reply

WORKERS, RATE, IMAGES = 4, 20, 30
# The start of a second may have one request more, and requests are a little later or earlier at the host than they were sent.
MOST = RATE + 2
PAUSE = 3


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("programs", type=pathlib.Path)
    parser.add_argument("work", type=pathlib.Path)
    args = parser.parse_args()
    shutil.rmtree(args.work, ignore_errors=True)
    args.work.mkdir(parents=True)
    hosts, faults = Hosts(), []
    for judge in (pace, pause, store_gone, digest):
        trial = Trial(args.programs.resolve(), args.work.resolve() / judge.__name__, hosts)
        try:
            words = judge(trial)
            print(f"ok    {judge.__name__}: {words}")
        except AssertionError as fault:
            faults.append(judge)
            print(f"FAIL  {judge.__name__}: {fault}")
        finally:
            trial.end()
    print(f"4 trials of {WORKERS} workers and a store, {len(faults)} with faults")
    return 1 if faults else 0


class Trial:
    """A host, a store and the workers."""

    def __init__(self, programs, work, hosts):
        work.mkdir()
        self.programs, self.work, self.hosts = programs, work, hosts
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.store, self.workers = None, []
        self.start_store()

    def start_store(self):
        self.store = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
             "--dir", str(self.work)], stdout=subprocess.DEVNULL)
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise AssertionError("redis-server did not start")

    def kill_store(self):
        self.store.send_signal(signal.SIGKILL)
        self.store.wait()

    def host(self, fault=None):
        host = self.hosts.start(fault)
        for n in range(IMAGES * WORKERS):
            host.files[f"/{n}.png"] = ("image/png", png(n))
        return host

    def start(self, program, call, name):
        # What else says how the programs reach their hosts is not judged here.
        env = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
        log = (self.work / f"{name}.log").open("w")
        call = [self.programs / program, *call, "--rate", str(RATE), "--contact", "judge@example.org",
                "--budget-store", f"redis://127.0.0.1:{self.port}"]
        self.workers.append(subprocess.Popen(call, cwd=self.work, env=env, stdout=log, stderr=log))

    def download(self, host):
        for worker in range(WORKERS):
            images = [{"id": f"{n}", "group": "g", "image": {"url": f"{host.url}{n}.png"}, "source": {"kind": "table"}}
                      for n in range(worker * IMAGES, (worker + 1) * IMAGES)]
            file = self.work / f"{worker}.json"
            file.write_text(json.dumps({"contract": "recto/localizations", "version": 1, "images": images}))
            self.start("recto-download", [file.name, f"images-{worker}", "--image-map", f"map-{worker}.json",
                                          "--failures", f"failures-{worker}.csv", "--progress", "lines"], str(worker))

    def finish(self):
        codes = [worker.wait(120) for worker in self.workers]
        assert not any(codes), f"exit codes {codes}; {self.said(0)[-400:]}"

    def said(self, worker):
        return (self.work / f"{worker}.log").read_text()

    def end(self):
        for process in [*self.workers, self.store]:
            if process.poll() is None:
                process.kill()
                process.wait()


def pace(trial):
    """As fast as one worker may go, and no faster."""
    host = trial.host()
    trial.download(host)
    trial.finish()
    times = starts(host)
    assert len(times) == WORKERS * IMAGES, f"{len(times)} requests for {WORKERS * IMAGES} images"
    most, took = busiest(times), times[-1] - times[0]
    assert most <= MOST, f"{most} requests in a second, {RATE} are allowed"
    best = (len(times) - 1) / RATE
    # Each for itself, with its share of the rate limit, would take four times as long; a busy machine takes some time too.
    assert took < 3 * best, f"{took:.1f} s, and {best:.1f} s are enough"
    return f"{len(times)} requests in {took:.1f} s ({best:.1f} s at the least), at most {most} in a second"


def pause(trial):
    """One worker is refused, and all are quiet."""
    asked = []

    def fault(request):
        asked.append(request)
        return Answer(reply(b"", "429 Too Many Requests", "text/plain", f"Retry-After: {PAUSE}")) if len(asked) == 25 else None

    host = trial.host(fault)
    trial.download(host)
    trial.finish()
    refused = next(entry for entry in host.asked() if entry.fault)
    after = [time - refused.start for time in starts(host) if time > refused.start]
    early = [time for time in after if time < PAUSE]
    # What was on its way when the answer came.
    assert not early or max(early) < 0.3, f"requests came {early} s after it asked for {PAUSE} s"
    assert busiest(starts(host)) <= MOST, f"{busiest(starts(host))} requests in a second"
    told = sum("another worker met its limit" in trial.said(worker) for worker in range(WORKERS))
    assert told == WORKERS - 1, f"{told} workers say why they wait"
    return f"{len(early)} requests on their way, then none for {min(t for t in after if t >= 0.3):.1f} s; {told} workers say why"


def store_gone(trial):
    """Killed after a third, and back after two: each worker keeps to its share meanwhile."""
    host = trial.host()
    trial.download(host)
    wait_for(lambda: len(host.asked()) > WORKERS * IMAGES / 3)
    trial.kill_store()
    gone = time.monotonic()
    wait_for(lambda: len(host.asked()) > WORKERS * IMAGES * 2 / 3)
    back = time.monotonic()
    trial.start_store()
    trial.finish()
    times = starts(host)
    assert len(times) == WORKERS * IMAGES, f"{len(times)} requests for {WORKERS * IMAGES} images"
    assert busiest(times) <= MOST + 2, f"{busiest(times)} requests in a second, {RATE} are allowed"
    for worker in range(WORKERS):
        said = trial.said(worker)
        for words in ("--budget-store: the Redis server at 127.0.0.1", f"1/{WORKERS} or more"):
            assert words in said, f"worker {worker} does not say `{words}`: {said[-500:]}"
    without = [time for time in times if gone + 0.2 < time < back]
    return f"{len(without) / (back - gone):.1f} requests a second without it, at most {busiest(times)} in one; all say so"


def digest(trial):
    """Documents count like images."""
    host = trial.host()
    for worker in range(WORKERS):
        url = f"{host.url}{worker}/collection"
        manifests = [{"id": f"{url}/{n}", "type": "Manifest", "label": {"en": ["m"]}} for n in range(20)]
        context = {"@context": "http://iiif.io/api/presentation/3/context.json"}
        collection = {**context, "id": url, "type": "Collection", "label": {"en": ["c"]}, "items": manifests}
        host.files[f"/{worker}/collection"] = ("application/json", json.dumps(collection).encode())
        for n, manifest in enumerate(manifests):
            body = json.dumps({**context, **manifest, "items": [canvas(manifest["id"])]}).encode()
            host.files[f"/{worker}/collection/{n}"] = ("application/json", body)
        trial.start("recto-digest", ["iiif", url, "-o", f"{worker}.json"], str(worker))
    for worker in trial.workers:
        assert worker.wait(120) == 0, trial.said(0)
    times = starts(host)
    assert len(times) == WORKERS * 21, f"{len(times)} requests for {WORKERS * 21} documents"
    assert busiest(times) <= MOST, f"{busiest(times)} requests in a second, {RATE} are allowed"
    return f"{len(times)} documents, at most {busiest(times)} in a second"


def canvas(manifest):
    image = {"id": f"{manifest}.jpg", "type": "Image", "format": "image/jpeg", "width": 9, "height": 9}
    painting = {"id": f"{manifest}/a", "type": "Annotation", "motivation": "painting", "body": image, "target": f"{manifest}/c"}
    page = {"id": f"{manifest}/p", "type": "AnnotationPage", "items": [painting]}
    return {"id": f"{manifest}/c", "type": "Canvas", "width": 9, "height": 9, "items": [page]}


def starts(host):
    return sorted(entry.start for entry in host.asked())


def busiest(times):
    """The most requests within any second."""
    most, first = 0, 0
    for last, moment in enumerate(times):
        while times[first] <= moment - 1:
            first += 1
        most = max(most, last - first + 1)
    return most


def wait_for(holds):
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, "the workers do not go on"
        time.sleep(0.01)


def png(seed):
    """A picture of its own for each number."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = b"".join(b"\0" + bytes((seed * 7 + x * 3 + y) % 256 for x in range(24)) for y in range(8))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


if __name__ == "__main__":
    sys.exit(main())
