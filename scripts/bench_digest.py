#!/usr/bin/env python3
"""Time and peak memory of recto-digest on harvests of many manifests, from files: `make bench-digest`.

  bench_digest.py PROGRAMS [--work DIR] [--manifests 1000,10000,50000] [--images 20] [--annotations 0] [--limit N]

PROGRAMS: folder of the programs. --work: scratch (default build/bench); a manifest of 20 images takes 17 kB there, and
recto-digest puts about as much aside beside its output. --annotations: so many per image, embedded in its canvas. --limit: adds
a run with this limit, by default one that is never reached.

Prints a row per set: manifests, images, size of the manifests and of the digest, and wall time and peak memory (maximum resident
set size), without and with --limit.
"""
import argparse, json, os, pathlib, resource, shutil, subprocess, sys, time


def manifest(number, images, annotations):
    home = f"https://archive.example/iiif/{number:06d}"
    def canvas(at):
        page, service = f"{home}/canvas/{at}", f"https://images.archive.example/iiif/3/{number:06d}-{at:04d}"
        body = {"id": f"{service}/full/max/0/default.jpg", "type": "Image", "format": "image/jpeg", "width": 3000, "height": 4000,
                "service": [{"id": service, "type": "ImageService3", "profile": "level2"}]}
        painting = {"id": f"{page}/painting", "type": "Annotation", "motivation": "painting", "target": page, "body": body}
        made = {"id": page, "type": "Canvas", "width": 3000, "height": 4000, "label": {"none": [f"f. {at}"]},
                "items": [{"id": f"{page}/page", "type": "AnnotationPage", "items": [painting]}]}
        if annotations:
            lines = [{"id": f"{page}/line/{n}", "type": "Annotation", "motivation": "supplementing",
                      "target": f"{page}#xywh=100,{100 + 40 * n},2000,36",
                      "body": {"type": "TextualBody", "value": f"line {n} of page {at}", "language": "la"}} for n in range(annotations)]
            made["annotations"] = [{"id": f"{page}/lines", "type": "AnnotationPage", "items": lines}]
        return made
    return {"@context": "http://iiif.io/api/presentation/3/context.json", "id": home, "type": "Manifest",
            "label": {"en": [f"Volume {number}"]}, "metadata": [{"label": {"en": ["Shelf mark"]}, "value": {"none": [f"MS {number}"]}}],
            "items": [canvas(at) for at in range(images)]}


def build(folder, manifests, images, annotations):
    folder.mkdir(parents=True)
    size = 0
    for number in range(manifests):
        path = folder / f"{number % 1000:03d}" / f"{number:06d}.json"
        path.parent.mkdir(exist_ok=True)
        size += path.write_bytes(json.dumps(manifest(number, images, annotations)).encode())
    return size


def run(program, folder, options):
    output = folder / "digest.json"
    names = sorted(folder.glob("*/*.json"))
    start = time.monotonic()
    listed = ["iiif", *(str(name.relative_to(folder)) for name in names)]
    child = subprocess.Popen([program, *listed, "-o", output.name, "--quiet", *options], cwd=folder)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    wall = time.monotonic() - start
    if child.returncode:
        sys.exit(f"{program} ended with {child.returncode}")
    return wall, used.ru_maxrss / 1024, output.stat().st_size


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", type=pathlib.Path)
    parser.add_argument("--work", type=pathlib.Path, default=pathlib.Path("build/bench"))
    parser.add_argument("--manifests", default="1000,10000,50000")
    parser.add_argument("--images", type=int, default=20)
    parser.add_argument("--annotations", type=int, default=0)
    parser.add_argument("--limit", type=int, default=10**9)
    given = parser.parse_args()
    # The names of 50,000 files are a long command line.
    resource.setrlimit(resource.RLIMIT_STACK, (resource.RLIM_INFINITY, resource.getrlimit(resource.RLIMIT_STACK)[1]))
    program = str((given.programs / "recto-digest").resolve())
    print("| manifests | images | manifests MB | digest MB | s | with --limit s | peak MiB | with --limit MiB |")
    print("|---|---|---|---|---|---|---|---|")
    for manifests in map(int, given.manifests.split(",")):
        folder = (given.work / f"digest-{manifests}-{given.images}-{given.annotations}").resolve()
        shutil.rmtree(folder, ignore_errors=True)
        size = build(folder, manifests, given.images, given.annotations)
        wall, peak, digest = run(program, folder, [])
        limited, limited_peak, _ = run(program, folder, ["--limit", str(given.limit)])
        print(f"| {manifests} | {manifests * given.images} | {size / 1e6:.0f} | {digest / 1e6:.0f} | {wall:.1f} | {limited:.1f} "
              f"| {peak:.0f} | {limited_peak:.0f} |", flush=True)
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
