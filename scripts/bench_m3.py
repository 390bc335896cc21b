#!/usr/bin/env python3
"""How much faster recto-digest asks a laboratory's M3 than one request after the other.

    bench_m3.py PROGRAMS [MOMENTS] [MILLISECONDS]

PROGRAMS: folder of the programs. A service on loopback answers each request after MILLISECONDS (20); `m3 -a` asks it
for MOMENTS (400) moments, first one at a time, then as it does when nothing is said. Fails below a factor of 10, or
with more than 16 requests at once, or when connections are not kept, or when the two digests differ.
"""
import json
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

LEAST = 10
MOST_AT_ONCE = 16


def uuid(kind, n):
    return f"{ord(kind):08x}-0000-0000-0000-{n:012x}"


def row(n):
    box = {"x": 1, "y": 2, "width": 3, "height": 4, "image_reference_uuid": uuid("r", n)}
    return {
        "observation_uuid": uuid("o", n), "concept": "Nanomia", "imaged_moment_uuid": uuid("m", n),
        "video_reference_uuid": uuid("v", 1), "recorded_timestamp": "2020-01-02T03:04:05Z",
        "associations": [{"uuid": uuid("b", n), "link_name": "bounding box", "to_concept": "self",
                          "link_value": json.dumps(box)}],
        "image_references": [{"uuid": uuid("r", n), "url": f"http://pictures.example/1/{n}.png", "format": "image/png",
                              "width_pixels": 1920, "height_pixels": 1080}],
    }


class Service(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    rows, delay, connections, at_once, most = [], 0.0, set(), 0, 0
    lock = threading.Lock()

    def setup(self):
        super().setup()
        Service.connections.add(self.client_address)

    def log_message(self, *_):
        pass

    def do_GET(self):
        with Service.lock:
            Service.at_once += 1
            Service.most = max(Service.most, Service.at_once)
        time.sleep(Service.delay)
        body = json.dumps(self.answer()).encode()
        with Service.lock:
            Service.at_once -= 1
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def answer(self):
        path, _, query = self.path.partition("?")
        last = path.rsplit("/", 1)[-1]
        if path.endswith("/observations/concepts"):
            return ["Nanomia"]
        if "/count/" in path:
            return {"concept": last, "count": len(Service.rows)}
        if "/fast/concept/images/" in path:
            asked = dict(pair.split("=") for pair in query.split("&"))
            start = int(asked["offset"])
            return Service.rows[start:start + int(asked["limit"])]
        seen = Service.rows[int(last[-12:], 16)]
        observation = {"uuid": seen["observation_uuid"], "concept": "Nanomia", "associations": seen["associations"]}
        return dict(seen, uuid=last, observations=[observation])


def run(program, base, output, *options):
    Service.connections.clear()
    Service.most = 0
    start = time.monotonic()
    subprocess.run([program, "m3", "Nanomia", "-a", "--anno", base, "-o", output, "--quiet", *options], check=True)
    return time.monotonic() - start, len(Service.connections)


def main():
    program = Path(sys.argv[1]).resolve() / "recto-digest"
    moments = int(sys.argv[2]) if len(sys.argv) > 2 else 400
    Service.delay = (float(sys.argv[3]) if len(sys.argv) > 3 else 20) / 1000
    Service.rows = [row(n) for n in range(moments)]
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}/anno/v1"
    with tempfile.TemporaryDirectory() as work:
        one, many = Path(work) / "one.json", Path(work) / "many.json"
        slow, _ = run(program, base, one, "--per-host", "1", "-j", "1")
        fast, connections = run(program, base, many)
        same = one.read_bytes() == many.read_bytes()
    server.shutdown()
    print(f"{moments} moments at {Service.delay * 1000:.0f} ms: {slow:.2f} s one after the other, {fast:.2f} s with at most "
          f"{Service.most} requests at once on {connections} connections: {slow / fast:.1f} times faster; digests "
          f"{'equal' if same else 'DIFFER'}")
    is_kept = connections <= 4 * MOST_AT_ONCE
    sys.exit(not (slow / fast >= LEAST and Service.most <= MOST_AT_ONCE and is_kept and same))


if __name__ == "__main__":
    main()
