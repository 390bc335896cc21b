#!/usr/bin/env python3
"""Time and peak memory of each stage on large sets that are made here: `make bench-scale`.

  bench_scale.py PROGRAMS [--work DIR] [--images 100000,1000000] [--boxes 3] [--lines]

PROGRAMS: folder of the programs. --work: scratch (default build/bench); a million images with three boxes take about 4 GB there, all
stages together. --boxes: so many on each image. --lines: sets are JSON Lines instead of JSON.

Prints a row per stage and set: size of what is read, wall time, CPU time, MB read per second of CPU, and peak memory (maximum
resident set size) in all and per image. `digest` reads a table without boxes; `extract` a digest; `plan` is `recto-download
--dry-run`; `shard` is `recto-shard plan -n 16`; `read` is examples/read_set.rs, which reads a set and does nothing with it, where it is built
(`cargo build --release --example read_set`).
"""
import argparse, json, os, pathlib, shutil, subprocess, time


# Reads a set and does nothing with it.
READER = "examples/read_set"


def run(command, folder):
    """Wall and CPU seconds and MiB of a command."""
    before = time.monotonic()
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    words = process.stderr.read().decode()
    _, status, used = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        raise SystemExit(f"{command}: {words}")
    return time.monotonic() - before, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def observation(number, boxes):
    service = f"https://images.archive.example/iiif/3/{number:09d}"
    annotations = [{"id": f"{service}/box/{n}", "motivation": ["tagging"], "bodies": [{"purpose": "tagging", "value": f"class {n % 7}"}],
                    "regions": [{"frame": "canvas", "fragment": f"xywh={100 + 10 * n},{200 + 7 * n},300,400"}]} for n in range(boxes)]
    return {"id": service, "image": {"service": {"id": service, "version": 3}, "width": 3000, "height": 4000}, "canvas": [3000, 4000],
            "source": {"kind": "iiif", "manifest": f"https://archive.example/{number // 200}", "canvas": f"https://archive.example/{number}",
                       "labels": {"manifest": f"MS {number // 200}", "canvas": f"f. {number % 200}"}},
            "group": f"https://archive.example/{number // 200}", "metadata": {"Shelf mark": [f"MS {number // 200}"]}, "annotations": annotations}


def write_digest(path, images, boxes, lines):
    head = {"contract": "recto/digest", "version": 1, "count": images, "source": {"kind": "iiif", "inputs": []}}
    with path.open("w") as out:
        if lines:
            out.write(json.dumps(head, separators=(",", ":")) + "\n")
        else:
            out.write(json.dumps(head)[:-1] + ', "observations": [\n')
        for number in range(images):
            end = "\n" if lines or number == images - 1 else ",\n"
            out.write(json.dumps(observation(number, boxes)) + end)
        if not lines:
            out.write("]}\n")


def measure(programs, folder, images, boxes, lines):
    suffix = "jsonl" if lines else "json"
    digest, localizations = f"digest.{suffix}", f"localizations.{suffix}"
    with (folder / "table.csv").open("w") as out:
        out.write("url,label,shelf\n")
        out.writelines(f"https://images.archive.example/{n:09d}.jpg,f. {n % 200},MS {n // 200}\n" for n in range(images))
    write_digest(folder / digest, images, boxes, lines)
    stages = [
        ("digest", "table.csv", ["recto-digest", "table", "table.csv", "--url-column", "url", "--group-column", "shelf", "-o", f"rows.{suffix}"]),
        ("extract", digest, ["recto-extract", digest, "-o", localizations]),
        ("plan", localizations, ["recto-download", localizations, "images", "--dry-run", "--quiet"]),
        ("shard", localizations, ["recto-shard", "plan", localizations, "-n", "16", "-o", "plan"]),
    ]
    if (programs / READER).exists():
        stages.append(("read", localizations, [READER, localizations]))
    for name, read, (program, *arguments) in stages:
        size = (folder / read).stat().st_size
        wall, cpu, peak = run([programs / program, *arguments], folder)
        print(f"| {name} | {images:,} | {size / 1e6:.0f} | {wall:.1f} | {cpu:.1f} | {size / 1e6 / cpu:.0f} | {peak:.0f} | {peak * 2**20 / images:.0f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", type=pathlib.Path)
    parser.add_argument("--work", type=pathlib.Path, default=pathlib.Path("build/bench"))
    parser.add_argument("--images", default="100000,1000000")
    parser.add_argument("--boxes", type=int, default=3)
    parser.add_argument("--lines", action="store_true")
    given = parser.parse_args()
    print("| stage | images | MB read | wall s | CPU s | MB/s of CPU | peak MiB | bytes an image |\n|---|---|---|---|---|---|---|---|")
    for images in map(int, given.images.split(",")):
        folder = given.work / f"scale-{images}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        measure(given.programs.resolve(), folder, images, given.boxes, given.lines)
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
