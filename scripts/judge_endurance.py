#!/usr/bin/env python3
"""A long time in fast motion: mixed load on a server, whose memory must stay flat and whose health must be answered.

usage: judge_endurance.py BIN [SECONDS [PAUSE]]   BIN holds recto-serve; one hour unless SECONDS are given; each kind of load
                                                  pauses for PAUSE seconds after a request [0]; standard library only
"""
import hashlib
import http.client
import json
import os
import random
import re
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zlib

MEMORY = 128  # MiB that the server is given
MOST_GROWTH = 0.05  # from the second fifth of the time to the last one, medians
SPARE = 4  # MiB that this may be exceeded by: what an allocator keeps
SLOWEST_HEALTH = 2.0  # seconds
SECRET = "the secret of somebody who is known"


def png(width, height):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    row = b"\0" + os.urandom(width * 3)
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(row * height)) + chunk(b"IEND", b"")


def main():
    program = os.path.join(os.path.abspath(sys.argv[1]), "recto-serve")
    seconds, pause = [float(text) for text in (sys.argv[2:] + ["3600", "0"][len(sys.argv) - 2 :])]
    work = tempfile.mkdtemp(prefix="endurance-")
    pictures = os.path.join(work, "pictures")
    os.mkdir(pictures)
    names = [f"p{n:02}" for n in range(24)]
    for name in names:
        open(f"{pictures}/{name}.png", "wb").write(png(random.randint(400, 1600), random.randint(300, 1200)))
    config = os.path.join(work, "c.toml")
    open(config, "w").write(
        '[auth]\notherwise = "review"\n[[auth.accounts]]\nuser = "anna"\ntoken = "sha256:' + hashlib.sha256(SECRET.encode()).hexdigest() + '"\n'
    )
    log = open(os.path.join(work, "log"), "w+")
    args = [program, pictures, "-c", config, "--review", os.path.join(work, "r.jsonl"), "--memory", str(MEMORY)]
    args += ["--watch", "5", "--listen", "127.0.0.1:0"]
    server = subprocess.Popen(args, stdout=log, stderr=subprocess.STDOUT)
    try:
        return watch(server, log, names, pictures, seconds, pause)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)
        shutil.rmtree(work, ignore_errors=True)


def watch(server, log, names, pictures, seconds, pause):
    port = None
    for _ in range(300):
        log.seek(0)
        found = re.search(r"listening on http://127.0.0.1:(\d+)", log.read())
        if found:
            port = int(found[1])
            break
        time.sleep(0.1)
    end = time.time() + seconds
    answers, lock, refused = {}, threading.Lock(), []

    def ask(method, path, body=None, headers={}):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        answer.read()
        connection.close()
        with lock:
            answers[answer.status] = answers.get(answer.status, 0) + 1
        return answer.status

    def tiles():
        x, y, w = random.randint(0, 300), random.randint(0, 200), random.randint(1, 600)
        ask("GET", f"/iiif/3/{random.choice(names)}/{x},{y},256,256/{w},/0/default.jpg")

    def documents():
        kind = random.choice(["manifest.json", f"search?q={random.random()}", "canvas/1/annotations.json"])
        ask("GET", f"/iiif/presentation/{random.choice([2, 3])}/pictures/{kind}", headers={"Accept-Encoding": "gzip"})

    def guesses():
        ask("GET", "/iiif/3/p00/info.json", headers={"Authorization": f"Bearer {random.random()}"})

    def logins():
        # Who is known is not kept out by those who guess from the same address.
        if ask("GET", "/iiif/3/p01/info.json", headers={"Authorization": f"Bearer {SECRET}"}) != 200:
            refused.append(time.time())

    def corrections():
        box = json.dumps({"concept": "x", "bbox": [1, 1, 9, 9]})
        ask("POST", f"/review/{random.choice(names)}", box, {"Content-Type": "application/json"})
        time.sleep(0.5)

    def slow():
        with socket.create_connection(("127.0.0.1", port)) as client:
            path = f"/iiif/3/{random.choice(names)}/full/max/{random.random() * 360:.2f}/default.tif"
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            time.sleep(random.random() * 5)

    def broken():
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(os.urandom(random.randint(1, 300)))
        time.sleep(0.05)

    def replaced():
        path = f"{pictures}/{random.choice(names)}.png"
        open(path + ".new", "wb").write(png(random.randint(400, 1600), random.randint(300, 1200)))
        os.rename(path + ".new", path)
        time.sleep(1)

    def forever(work):
        while time.time() < end:
            try:
                work()
            except OSError:
                pass
            except http.client.HTTPException:
                pass
            time.sleep(pause)

    logins()
    load = [tiles, tiles, documents, logins, guesses, corrections, slow, slow, slow, broken, replaced]
    threads = [threading.Thread(target=forever, args=(work,), daemon=True) for work in load]
    for thread in threads:
        thread.start()
    slowest, taken, begun = 0.0, [], time.time()
    while time.time() < end:
        asked = time.time()
        if ask("GET", "/health") != 200:
            print("health is not answered with 200")
            return 1
        slowest = max(slowest, time.time() - asked)
        status = open(f"/proc/{server.pid}/status").read()
        taken.append((time.time() - begun, int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024))
        time.sleep(0.5)
    fifth = lambda n: statistics.median(m for at, m in taken if n <= at / seconds * 5 < n + 1)
    early, late = fifth(1), fifth(4)
    slope = statistics.linear_regression(*zip(*[(at / 3600, m) for at, m in taken if at > seconds / 5])).slope
    print(f"{sum(answers.values())} answers {dict(sorted(answers.items()))}; health within {slowest:.2f} s; memory at most "
          f"{max(m for _, m in taken):.0f} MiB (--memory {MEMORY}), {early:.0f} MiB in the second fifth of {seconds:.0f} s and "
          f"{late:.0f} MiB in the last, {slope:+.1f} MiB an hour; {len(refused)} honest logins refused")
    is_flat = late <= early * (1 + MOST_GROWTH) + SPARE
    return 0 if is_flat and slowest <= SLOWEST_HEALTH and 500 not in answers and not refused else 1


sys.exit(main())
