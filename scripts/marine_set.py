#!/usr/bin/env python3
"""A set of marine images with boxes, from a service that speaks as M3 does, through the programs themselves.

    marine_set.py PROGRAMS FOLDER

PROGRAMS: folder of the five programs. Starts annotations (annosaurus), knowledge base (oni) and pictures on loopback,
runs `recto-digest m3 -d -a`, `recto-extract` and `recto-download` in FOLDER and stops. The service holds what real ones
hold: UUIDs in capitals, pictures of one name in two dives, boxes without picture, polygons, parts, and boxes that cannot
be used. Fails when boxes in the service are not boxes written plus boxes left out.
"""
import io
import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from PIL import Image, ImageDraw

NAMES = ["Nanomia", "Nanomia bijuga", "Nanomia cara", "Peniagone vitrea- sp. 1 complex", "Aegina citrea ", "a'a"]
MOMENTS, SIZE, PAGE = 40, (640, 360), 7
BAD = ["{\"x\": 1, \"y\": 2, \"wid", "[1, 2]", "{\"x\": 1, \"y\": 2}", "{\"x\": 5, \"y\": 5, \"width\": 0, \"height\": 9}"]


def uuid(kind, n):
    return f"{ord(kind):08x}-0000-0000-0000-{n:012x}"


def box(n, i, value, link="bounding box", part="self"):
    text = value if isinstance(value, str) else json.dumps(value)
    return {"uuid": uuid("b", 100 * n + i), "link_name": link, "to_concept": part, "link_value": text,
            "mime_type": "application/json"}


def row(n):
    reference = uuid("r", n).upper() if n % 3 == 0 else uuid("r", n)
    place = {"x": 10 + n, "y": 20 + n, "width": 60 + n, "height": 40, "image_reference_uuid": reference}
    found = [box(n, 0, place), box(n, 1, {"x": 300, "y": 100, "width": 80, "height": 90}, part="tentacle")]
    if n % 4 == 0:
        points = {"x": [200, 260, 240], "y": [200, 210, 260], "image_reference_uuuid": reference}
        found.append(box(n, 2, points, "localization-polygon"))
    if n % 5 == 0:
        found.append(box(n, 3, BAD[n // 5 % len(BAD)]))
    dive = "one" if n % 2 else "two"
    return {
        "observation_uuid": uuid("o", n), "concept": NAMES[n % len(NAMES)], "observer": "someone",
        "imaged_moment_uuid": uuid("m", n), "video_reference_uuid": uuid("v", n % 2),
        "recorded_timestamp": f"2020-01-02T03:{n:02d}:05.25Z", "associations": found,
        "ancillary_data": {"latitude": 36.7, "longitude": -122.0, "depth_meters": 500.5 + n},
        "image_references": [{"uuid": uuid("r", n), "url": f"{Service.base}/frames/{dive}/{n // 2}.png",
                              "format": "image/png", "width_pixels": SIZE[0], "height_pixels": SIZE[1]}],
    }


def picture(name):
    image = Image.new("RGB", SIZE, (5, 20, 40 + sum(name.encode()) % 100))
    ImageDraw.Draw(image).ellipse((100, 80, 400, 300), fill=(200, 120, 60))
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


class Service(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    base, rows = "", []

    def log_message(self, *_):
        pass

    def do_GET(self):
        url = urlsplit(self.path)
        status, kind, body = 200, "application/json", b""
        if url.path.startswith("/frames/"):
            kind, body = "image/png", picture(url.path)
        else:
            answer = self.answer(unquote(url.path), parse_qs(url.query))
            status = 200 if answer is not None else 404
            body = json.dumps(answer if answer is not None else {"message": "Not found", "responseCode": 404}).encode()
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def answer(self, path, query):
        last = path.rsplit("/", 1)[-1]
        if path.startswith("/kb/"):
            leaf = [{"name": name, "rank": "species"} for name in NAMES[1:]]
            tree = {"name": NAMES[0], "rank": "genus", "alternativeNames": ["chain jelly"], "children": leaf}
            if path.endswith("/concept"):
                return NAMES + ["chain jelly"]
            if "/phylogeny/taxa/" in path and last in NAMES + ["chain jelly"]:
                return [{"name": NAMES[0], "rank": "genus", "alternativeNames": ["chain jelly"]}] + leaf
            if "/phylogeny/down/" in path:
                return tree
            if "/phylogeny/" in path:
                return {"name": "object", "children": [tree]}
            return None
        if path.endswith("/observations/concepts"):
            return NAMES
        here = [row for row in self.rows if row["concept"] == last]
        if "/count/" in path:
            return {"concept": last, "count": len(here)}
        if "/fast/concept/images/" in path:
            start = int(query["offset"][0])
            return here[start:start + min(PAGE, int(query["limit"][0]))]
        if "/imagedmoments/" in path:
            seen = next((row for row in self.rows if row["imaged_moment_uuid"] == last), None)
            return seen and dict(seen, uuid=last, observations=[dict(seen, uuid=seen["observation_uuid"])])
        return None


def main():
    programs, folder = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    Service.base = f"http://127.0.0.1:{server.server_port}"
    Service.rows = [row(n) for n in range(MOMENTS)]
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def run(stage, *arguments, ends=(0, 3)):
        done = subprocess.run([programs / f"recto-{stage}", *arguments, "--quiet"], cwd=folder, timeout=300)
        assert done.returncode in ends, f"recto-{stage} ended with {done.returncode}"

    run("digest", "m3", "chain jelly", "-d", "-a", "--anno", f"{Service.base}/anno/v1", "--kb", f"{Service.base}/kb/v1",
        "-o", "digest.json", "--rejects", "digest.rejects.csv")
    run("extract", "digest.json", "-o", "localizations.json", "--rejects", "extract.rejects.csv", ends=(0,))
    run("download", "localizations.json", "images", "--rate", "0", "--image-map", "image_map.json", ends=(0,))
    server.shutdown()
    images = json.loads((folder / "localizations.json").read_text())["images"]
    written = sum(len(image["localizations"]) for image in images)
    left = len((folder / "digest.rejects.csv").read_text().splitlines()) - 1
    there = sum(len(row["associations"]) for row in Service.rows)
    print(f"marine set: {there} boxes in the service, {written} written, {left} left out, {len(images)} images")
    sys.exit(there != written + left or left == 0 or len(images) != MOMENTS)


if __name__ == "__main__":
    main()
