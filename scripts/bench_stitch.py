#!/usr/bin/env python3
"""Joining tiles against decoding and encoding them, side by side in one run: `make bench-stitch`.

  bench_stitch.py STITCH [--rounds N]

Prints CPU seconds (user + system) and peak memory of whole processes, medians of interleaved rounds, and ratios. The
picture is drawn here: 7216 x 5412, grain and texture and lines, about 2 bits to the pixel at quality 85. libjpeg-turbo
is measured three ways: in process, where only the calls that decode all tiles and encode the picture count
(imagecodecs); as a Python process that does the same with Pillow; and as `djpeg | cjpeg` on the whole picture.
Needs numpy, Pillow, imagecodecs, GNU time, djpeg and cjpeg.
"""
import argparse, json, os, pathlib, statistics, subprocess, sys, tempfile

import numpy as np
from PIL import Image

Image.MAX_IMAGE_PIXELS = None
SIZE = (7216, 5412)
HUGE = (30208, 20224)

IN_PROCESS = """
import json, pathlib, resource, sys
import imagecodecs, numpy
folder, tile, width, height = sys.argv[1], *map(int, sys.argv[2:5])
tiles = {(x, y): pathlib.Path(folder, f"{x // tile}_{y // tile}.jpg").read_bytes() for y in range(0, height, tile) for x in range(0, width, tile)}
before = resource.getrusage(resource.RUSAGE_SELF)
out = numpy.empty((height, width, 3), numpy.uint8)
for (x, y), data in tiles.items():
    samples = imagecodecs.jpeg8_decode(data)
    out[y : y + samples.shape[0], x : x + samples.shape[1]] = samples
imagecodecs.jpeg8_encode(out, level=85, subsampling="420")
after = resource.getrusage(resource.RUSAGE_SELF)
print(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
"""

PILLOW = """
import io, pathlib, sys
from PIL import Image
Image.MAX_IMAGE_PIXELS = None
folder, tile, width, height, to = sys.argv[1], *map(int, sys.argv[2:5]), sys.argv[5]
out = Image.new("RGB", (width, height))
for y in range(0, height, tile):
    for x in range(0, width, tile):
        out.paste(Image.open(pathlib.Path(folder, f"{x // tile}_{y // tile}.jpg")), (x, y))
out.save(to, quality=85, subsampling=2)
"""


def draw(width, height):
    rng = np.random.default_rng(5)
    total = np.full((height, width), 150, np.float32)
    for cell, weight in ((512, 22), (128, 12), (32, 8), (8, 5)):
        coarse = Image.fromarray(rng.normal(0, weight, (height // cell + 2, width // cell + 2)).astype(np.float32))
        total += np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC))
    y, x = np.mgrid[0:height, 0:width]
    ink = ((y // 11) % 6 == 2) & (((x // 5) * 2654435761 + (y // 66) * 40503) % 97 < 55)
    total[ink] -= 70
    colour = total[..., None] * np.array([1, 0.93, 0.8], np.float32)
    return Image.fromarray(np.clip(colour + rng.normal(0, 8, colour.shape), 0, 255).astype(np.uint8))


def cut(image, folder, tile, **options):
    folder.mkdir()
    for y in range(0, image.height, tile):
        for x in range(0, image.width, tile):
            box = (x, y, min(x + tile, image.width), min(y + tile, image.height))
            image.crop(box).save(folder / f"{x // tile}_{y // tile}.jpg", quality=85, subsampling=2, **options)


def run(command, report):
    """CPU seconds and peak MiB of a process and its children, and what it printed. `time` stands between, since a
    child of this process would begin with this one's peak."""
    command = ["time", "-f", "%M", "-o", report, *map(str, command)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    printed = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    return usage.ru_utime + usage.ru_stime, int(report.read_text()) / 1024, printed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("stitch")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", help="write the figures there, too")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(args, pathlib.Path(folder))


def measure(args, work):
    image = draw(*SIZE)
    cut(image, work / "256", 256)
    cut(image, work / "1024", 1024)
    cut(image, work / "progressive", 256, progressive=True)
    image.save(work / "whole.jpg", quality=85, subsampling=2)
    image.save(work / "whole-progressive.jpg", quality=85, subsampling=2, progressive=True)
    (work / "huge").mkdir()
    for row in range(HUGE[1] // 256):
        for column in range(HUGE[0] // 256):
            (work / "huge" / f"{column}_{row}.jpg").symlink_to(work / "256" / f"{column % 28}_{row % 21}.jpg")
    bits = 8 * (work / "whole.jpg").stat().st_size / (SIZE[0] * SIZE[1])

    size, huge = "%d,%d" % SIZE, "%d,%d" % HUGE
    join = lambda folder, out, *more: [args.stitch, "join", work / folder, work / out, *more]
    python = [sys.executable, "-c"]
    numbers = lambda tile: [str(tile), *map(str, SIZE)]
    checks = 10
    commands = {
        "join 256": join("256", "a.jpg", "--size", size, "--tile", "256,256", "--memory"),
        "join 1024": join("1024", "b.jpg", "--size", size, "--tile", "1024,1024", "--memory"),
        "join progressive": join("progressive", "c.jpg", "--size", size, "--tile", "256,256", "--memory"),
        "tiff 256": join("256", "d.tif", "--size", size, "--tile", "256,256", "--memory"),
        "turbo 256, in process": python + [IN_PROCESS, work / "256", *numbers(256)],
        "turbo 1024, in process": python + [IN_PROCESS, work / "1024", *numbers(1024)],
        "turbo 256, Pillow": python + [PILLOW, work / "256", *numbers(256), work / "e.jpg"],
        "turbo, djpeg | cjpeg": ["sh", "-c", f"djpeg {work}/whole.jpg | cjpeg -quality 85 -sample 2x2 > {work}/f.jpg"],
        "turbo, djpeg": ["djpeg", "-outfile", "/dev/null", work / "whole.jpg"],
        f"check x{checks}": [args.stitch, "check", work / "whole.jpg", "--repeat", str(checks - 1)],
        f"check progressive x{checks}": [args.stitch, "check", work / "whole-progressive.jpg", "--repeat", str(checks - 1)],
        "join 30208x20224": join("huge", "g.jpg", "--size", huge, "--tile", "256,256"),
    }
    figures = {name: [] for name in commands}
    for _ in range(args.rounds):
        for name, command in commands.items():
            cpu, peak, printed = run(command, work / "peak")
            cpu = float(printed) if "in process" in name else cpu
            figures[name].append((cpu / checks if "check" in name else cpu, peak))
    median = {name: tuple(map(statistics.median, zip(*all_))) for name, all_ in figures.items()}

    pixels = SIZE[0] * SIZE[1] / 1e6
    print(f"{SIZE[0]} x {SIZE[1]}, {bits:.2f} bits to the pixel, medians of {args.rounds} rounds")
    print(f"{'':32}{'CPU s':>9}{'MP/s':>9}{'MiB':>8}")
    for name, (cpu, peak) in median.items():
        amount = HUGE[0] * HUGE[1] / 1e6 if "30208" in name else pixels
        print(f"{name:32}{cpu:9.3f}{amount / cpu:9.0f}{peak:8.1f}")
    cpu = lambda name: median[name][0]
    ratios = {
        "join 256 / turbo 256, in process": cpu("join 256") / cpu("turbo 256, in process"),
        "join 256 / turbo 256, Pillow": cpu("join 256") / cpu("turbo 256, Pillow"),
        "join 256 / djpeg | cjpeg": cpu("join 256") / cpu("turbo, djpeg | cjpeg"),
        "join 1024 / turbo 1024, in process": cpu("join 1024") / cpu("turbo 1024, in process"),
        "join progressive / turbo 256, in process": cpu("join progressive") / cpu("turbo 256, in process"),
        "tiff 256 / join 256": cpu("tiff 256") / cpu("join 256"),
        "check / djpeg": cpu(f"check x{checks}") / cpu("turbo, djpeg"),
        "30208x20224 / 7216x5412, by the pixel": cpu("join 30208x20224") / cpu("join 256") * pixels / (HUGE[0] * HUGE[1] / 1e6),
    }
    print("ratios of CPU")
    for name, ratio in ratios.items():
        print(f"  {name:42}{ratio:6.2f}")
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps({"median": median, "ratios": ratios}, indent=1))


if __name__ == "__main__":
    main()
