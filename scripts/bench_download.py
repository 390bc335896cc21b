#!/usr/bin/env python3
"""recto-download beside the programs people use today, on the same servers in the same run: `make bench-download`.

  bench_download.py PROGRAMS [--shared DIR] [--work DIR] [--quick] [--rounds N] [--only CASES] [--dezoomify PROGRAM] [--json FILE]

PROGRAMS: folder of the five programs. --shared: folder with servers/ (default ../shared). --work: scratch, on the disk
that is to be measured (default build/bench).

Prints a table for each case: wall time as the median of alternated rounds (least to most), CPU seconds of the client
(user + system, its children included), peak memory of its largest process, and how many times faster recto was. Then
the targets, met or missed. Clients may have --in-flight requests on their way, no more; recto's politeness is lifted by
`--rate 0`. Everything is on loopback, so the servers take their share of the same processor.

This Python needs numpy, OpenCV and requests; for their rows, img2dataset beside it, curl, djpeg (libjpeg-turbo), aria2c,
dezoomify-rs (`cargo install dezoomify-rs`); for the pictures Debian's iipimage-server, nginx-light, libvips-tools. What is not there
is said in its row.
"""
import argparse, hashlib, json, os, pathlib, shutil, statistics, subprocess, sys, urllib.request

from free_port import free_port

PICTURE = (7216, 5412)
GAUGE = pathlib.Path(__file__).resolve().with_name("gauge.py")

# What recto does, in a shell: on the disk, decoded to the last symbol (as coarsely as djpeg can), and hashed.
PROVEN = """
"$@" && sync -f . && ls | xargs -n 1 -P 2 djpeg -strict -scale 1/8 -outfile /dev/null && sha256sum -- * > /dev/null
""".strip()

# What a notebook does with plain files, given a pool.
POOL = """
import pathlib, sys, threading
from concurrent.futures import ThreadPoolExecutor
import requests
urls, folder, threads = pathlib.Path(sys.argv[1]).read_text().split(), pathlib.Path(sys.argv[2]), int(sys.argv[3])
own = threading.local()
def fetch(url):
    if not hasattr(own, "session"):
        own.session = requests.Session()
    answer = own.session.get(url, timeout=60)
    answer.raise_for_status()
    (folder / url.rsplit("/", 1)[1]).write_bytes(answer.content)
with ThreadPoolExecutor(threads) as pool:
    list(pool.map(fetch, urls))
"""

# What a notebook does with a picture of a IIIF server: every tile that info.json lists, pasted and saved.
NOTEBOOK = """
import pathlib, sys
from concurrent.futures import ThreadPoolExecutor
import cv2, numpy, requests
folder, suffix, threads, *services = sys.argv[1:]
def picture(service):
    info = requests.get(f"{service}/info.json", timeout=60).json()
    width, height, side = info["width"], info["height"], info["tiles"][0]["width"]
    canvas = numpy.zeros((height, width, 3), numpy.uint8)
    for y in range(0, height, side):
        for x in range(0, width, side):
            w, h = min(side, width - x), min(side, height - y)
            answer = requests.get(f"{service}/{x},{y},{w},{h}/{w},/0/default.jpg", timeout=60)
            answer.raise_for_status()
            canvas[y : y + h, x : x + w] = cv2.imdecode(numpy.frombuffer(answer.content, numpy.uint8), cv2.IMREAD_COLOR)
    cv2.imwrite(f"{folder}/{pathlib.Path(service).stem}.{suffix}", canvas)
with ThreadPoolExecutor(int(threads)) as pool:
    list(pool.map(picture, services))
"""

# Decoded apart, so that the pictures leave this process's memory alone.
PSNR = """
import sys
import cv2, numpy
source = numpy.fromfile(sys.argv[1], numpy.uint8).reshape(int(sys.argv[3]), int(sys.argv[2]), 3)
found = cv2.cvtColor(cv2.imread(sys.argv[4], cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION), cv2.COLOR_BGR2RGB)
if found.shape != source.shape:
    sys.exit(f"{found.shape[1]} x {found.shape[0]} pixels")
square = sum(float(((a.astype(numpy.int32) - b) ** 2).sum()) for a, b in zip(source, found)) / source.size
print(10 * numpy.log10(255**2 / square))
"""


def main():
    options = parsed()
    bench = Bench(options)
    cases = {"plain": plain, "picture": picture, "huge": huge, "twelve": twelve, "journal": journal}
    unknown = set(options.only) - set(cases)
    if unknown:
        sys.exit(f"--only: {', '.join(sorted(unknown))}: one of {', '.join(cases)} is needed")
    try:
        for name, case in cases.items():
            if not options.only or name in options.only:
                case(bench)
    finally:
        bench.stop_servers()
        for out in bench.work.glob(f"out-{os.getpid()}-*"):
            shutil.rmtree(out, ignore_errors=True)
    bench.judge()
    if options.json:
        options.json.write_text(json.dumps({"rows": bench.rows, "targets": bench.targets}, indent=2) + "\n")


def parsed():
    parser = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1].strip(), add_help=True)
    path = lambda text: pathlib.Path(text).resolve()
    parser.add_argument("programs", type=path)
    parser.add_argument("--shared", type=path, default=path("../shared"))
    parser.add_argument("--work", type=path, default=path("build/bench"))
    parser.add_argument("--quick", action="store_true", help="a tenth of everything, one round")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--only", type=lambda text: text.split(","), default=[])
    parser.add_argument("--in-flight", type=int, default=16)
    parser.add_argument("--dezoomify", default=shutil.which("dezoomify-rs"))
    parser.add_argument("--json", type=path)
    options = parser.parse_args()
    options.rounds = options.rounds or (1 if options.quick else 3)
    return options


# The cases.


def plain(bench):
    count = 500 if bench.quick else 5000
    folder = bench.data("small", str(count)) / "small"
    if not folder.is_dir():
        return bench.skip(f"{count} plain JPEGs", "no data")
    names = sorted(os.listdir(folder))[:count]
    origin = bench.static(folder)
    for latency in (0, 50):
        base = f"http://{bench.behind(origin, latency)}"
        urls = [f"{base}/{name}" for name in names]
        title = f"{count} plain JPEGs, {latency} ms"
        bench.race(title, plain_clients(bench, urls), lambda out: same_files(folder, names, out))
    bench.target(f"{count} plain JPEGs, 0 ms", "wall", "curl --parallel", 1.0)
    bench.target(f"{count} plain JPEGs, 50 ms", "wall", "curl --parallel", 1.0)
    bench.target(f"{count} plain JPEGs, 0 ms", "cpu", "curl --parallel", 1 / 1.5)
    bench.most(f"{count} plain JPEGs, 0 ms", "rss", 64)


def plain_clients(bench, urls):
    many, work = str(bench.in_flight), bench.work
    listed, config = work / "urls.txt", work / "urls.curl"
    listed.write_text("".join(f"{url}\n" for url in urls))
    config.write_text("".join(f'url = "{url}"\n' for url in urls))
    images = [{"id": f"i{n}", "image": {"url": url}} for n, url in enumerate(urls)]
    curl = ["curl", "-sf", "--parallel", "--parallel-max", many, "--remote-name-all", "-K", str(config)]
    # Half the threads in each of two processes, in shards enough to keep both busy; no picture is made smaller.
    img2dataset = [
        "--url_list", str(listed), "--output_folder", "{out}/set", "--input_format", "txt", "--output_format", "files",
        "--processes_count", "2", "--thread_count", str(bench.in_flight // 2), "--resize_mode", "no",
        "--disable_all_reencoding", "True", "--number_sample_per_shard", str(len(urls) // 4), "--enable_wandb", "False",
    ]  # fmt: skip
    beside = pathlib.Path(sys.executable).parent / "img2dataset"
    return {
        "recto": bench.recto(images, "plain", []),
        "curl --parallel": found("curl") and curl,
        "curl, then sync": found("curl") and ["sh", "-c", '"$@" && sync -f .', "sh", *curl],
        "curl, sync, djpeg, sha256sum": found("curl") and found("djpeg") and ["sh", "-c", PROVEN, "sh", *curl],
        "aria2c": found("aria2c")
        and ["aria2c", "-q", "-j", many, "-x", "1", "--file-allocation=none", "-i", str(listed), "-d", "{out}"],
        "img2dataset": beside.exists() and [str(beside), *img2dataset],
        "requests, pool": [sys.executable, "-c", POOL, str(listed), "{out}", many],
    }


def picture(bench):
    source = bench.source("manuscript")
    if not source:
        return bench.skip("7216 x 5412", "no pyramid, or no iipsrv to serve it")
    full = bench.work / "full.jpg"
    unbound = bench.iipsrv("unbound", 100_000)
    urllib.request.urlretrieve(f"http://{unbound}/iiif/manuscript.tif/full/full/0/default.jpg", full)
    bench.stop("unbound")
    ceiling = psnr(source, PICTURE, full)
    print(f"\nPSNR of the server's own full answer: {ceiling:.2f} dB")
    origin = bench.iipsrv("iipsrv", 1000)
    for latency in (0, 50):
        service = f"http://{bench.behind(origin, latency)}/iiif/manuscript.tif"
        title = f"7216 x 5412 from iipsrv, {latency} ms"
        clients = picture_clients(bench, service, ["jpg"], latency == 0 or not bench.quick)
        bench.race(title, clients, lambda out: f"{psnr(source, PICTURE, largest(out)):.2f} dB")
        bench.target(title, "wall", "dezoomify-rs jpg", 3.0 if latency else 2.0)
        bench.target(title, "cpu", "dezoomify-rs jpg", 2.0)
        bench.quality(title, "recto jpg", ceiling - 0.05)


def huge(bench):
    title = "30000 x 20000 from iipsrv, 0 ms"
    if bench.quick or not bench.source("huge", raw=False):
        return bench.skip(title, "not with --quick" if bench.quick else "no pyramid, or no iipsrv to serve it")
    service = f"http://{bench.iipsrv('iipsrv', 1000)}/iiif/huge.tif"
    bench.race(title, picture_clients(bench, service, ["jpg", "png", "tif"], True), lambda out: size_of(largest(out)))
    bench.target(title, "wall", "dezoomify-rs jpg", 2.5)
    for suffix in ("jpg", "png", "tif"):
        bench.most(title, "rss", 64, f"recto {suffix}")


def picture_clients(bench, service, suffixes, with_notebook):
    clients = {}
    for suffix in suffixes:
        image = [{"id": "picture", "image": {"service": {"id": service, "version": 2}}}]
        clients[f"recto {suffix}"] = bench.recto(image, f"picture-{suffix}", ["--format", suffix])
        if suffix != "tif":
            clients[f"dezoomify-rs {suffix}"] = bench.dezoomify(f"{service}/info.json", "{out}/picture." + suffix)
    notebook = [sys.executable, "-c", NOTEBOOK, "{out}", "jpg", "1", service]
    return clients | ({"notebook jpg" if len(suffixes) > 1 else "notebook": notebook} if with_notebook else {})


def twelve(bench):
    count = 3 if bench.quick else 12
    if not bench.source("set12", raw=False):
        return bench.skip(f"{count} pictures", "no pyramids, or no iipsrv to serve them")
    origin = bench.iipsrv("iipsrv", 1000)
    for latency in (0, 50):
        base = f"http://{bench.behind(origin, latency)}/iiif/set12"
        services = [f"{base}/s{n:02}.tif" for n in range(count)]
        listed = bench.work / "bulk.txt"
        listed.write_text("".join(f"{service}/info.json\n" for service in services))
        images = [{"id": s, "image": {"service": {"id": s, "version": 2}}} for s in services]
        bulk = bench.dezoomify("--bulk", str(listed), "{out}/picture.jpg")
        notebook = lambda threads: [sys.executable, "-c", NOTEBOOK, "{out}", "jpg", str(threads), *services]
        title = f"{count} pictures of about 3000 x 2000, {latency} ms"
        # Six is what people give a pool for a dozen pictures; as many as recto has in flight is what it could have.
        pools = {"notebook, six at once": notebook(6), "notebook, pool": notebook(bench.in_flight)}
        clients = {"recto": bench.recto(images, "twelve", []), "dezoomify-rs --bulk": bulk} | pools
        bench.race(title, clients, lambda out: f"{len(pictures(out))} pictures")
        bench.target(title, "wall", "dezoomify-rs --bulk", 3.0)
        bench.target(title, "wall", "notebook, six at once", 3.0)
        bench.target(title, "wall", "notebook, pool", 3.0)


def journal(bench):
    count = 100_000 if bench.quick else 1_000_000
    title = f"{count:,} images finished before"
    out = bench.work / f"finished-{count}"
    if not (out / "localizations.json").exists():
        finished(out, count)
    entry = ["--image-map", str(out / "image_map.json"), "--failures", str(out / "failures.csv"), "--quiet"]
    command = [str(bench.programs / "recto-download"), str(out / "localizations.json"), str(out / "images"), *entry]
    mapped = lambda _: f"{len(json.loads((out / 'image_map.json').read_text())):,} in the map"
    bench.race(title, {"recto": command}, mapped)
    bench.most(title, "wall", 3.0)
    bench.most(title, "rss", 300)


def finished(out, count):
    """A folder in which `count` images are there already, each a link to one of a few files."""
    shutil.rmtree(out, ignore_errors=True)
    images = out / "images"
    images.mkdir(parents=True)
    entries, listed = open(images / "downloads.jsonl", "w"), open(out / "localizations.json", "w")
    listed.write('{"contract": "recto/localizations", "version": 1, "images": [\n')
    for n in range(count):
        folder, name = images / f"g{n // 1000}", f"image-{n:08}.jpg"
        if n % 1000 == 0:
            folder.mkdir()
            (folder / name).write_bytes(b"a picture")
        else:
            os.link(folder / f"image-{n - n % 1000:08}.jpg", folder / name)
        url = f"http://127.0.0.1:9/pictures/of/an/archive/image-{n:08}.jpg"
        entry = {
            "recto": "download/1", "id": url, "path": f"g{n // 1000}/{name}", "uri": url, "bytes": 9,
            "sha256": hashlib.sha256(b"a picture").hexdigest(), "width": 1200, "height": 900, "media_type": "image/jpeg",
            "method": "bytes", "attempts": 1, "regions": 1, "when": "2026-01-01T00:00:00Z", "asked": f"{url} format=keep",
        }  # fmt: skip
        entries.write(json.dumps(entry) + "\n")
        image = localized({"id": url, "image": {"url": url}}, f"g{n // 1000}")
        listed.write(json.dumps(image) + (",\n" if n + 1 < count else "\n"))
    listed.write("]}\n")
    entries.close(), listed.close()


# What they stand on.


class Bench:
    def __init__(self, options):
        self.programs, self.shared, self.work = options.programs, options.shared, options.work
        self.quick, self.rounds, self.in_flight = options.quick, options.rounds, options.in_flight
        self.dezoomify_program = options.dezoomify
        self.rows, self.targets, self.servers, self.runs = [], [], {}, 0
        self.work.mkdir(parents=True, exist_ok=True)

    def race(self, title, clients, check):
        """All clients in turn, as often as there are rounds; one row each."""
        print(f"\n### {title}\n\n| client | wall s | CPU s | peak MiB | recto is faster by | result |\n|---|---|---|---|---|---|", flush=True)
        there = {name: command for name, command in clients.items() if command}
        runs, results = {name: [] for name in there}, {}
        for _ in range(self.rounds):
            for name, command in there.items():
                run, result = self.run(command, check)
                runs[name].append(run)
                print(f"{title}, {name}: {run['wall']:.2f} s, {run['cpu']:.2f} s, {run['rss']:.0f} MiB, {result}", file=sys.stderr, flush=True)
                results[name] = result
        ours = [statistics.median(run["wall"] for run in runs[name]) for name in there if name.startswith("recto")]
        for name in clients:
            if name not in there:
                print(f"| {name} | not installed | | | | |")
                continue
            middle = {key: statistics.median(run[key] for run in runs[name]) for key in ("wall", "cpu", "rss")}
            walls = [run["wall"] for run in runs[name]]
            ratio = "" if name.startswith("recto") else f"{middle['wall'] / ours[0]:.2f} ×"
            self.rows.append({"case": title, "client": name, **middle, "result": results[name]})
            print(
                f"| {name} | {middle['wall']:.2f} ({min(walls):.2f} to {max(walls):.2f}) | {middle['cpu']:.2f} "
                f"| {middle['rss']:.0f} | {ratio} | {results[name]} |",
                flush=True,
            )

    def run(self, command, check):
        note, log = self.work / "gauge.json", self.work / "client.log"
        self.runs += 1
        out = self.work / f"out-{os.getpid()}-{self.runs}"
        out.mkdir()
        log.write_bytes(b"")
        os.sync()  # What the one before left to be written is not for this one to wait for.
        command = [word.replace("{out}", str(out)) for word in command]
        subprocess.run([sys.executable, "-S", GAUGE, note, log, *command], cwd=out, check=True)
        run = json.loads(note.read_text())
        try:
            result = check(out)
        except (OSError, ValueError, IndexError, subprocess.CalledProcessError) as fault:
            result = f"WRONG: {fault}"
        if run["code"] != 0:
            last = log.read_text(errors="replace").strip().splitlines()[-1:]
            result = f"exit {run['code']}, {result} {' '.join(last)[:80]}"
        empty(out)
        return run, result

    def skip(self, title, why):
        print(f"\n### {title}\n\nskipped: {why}", flush=True)

    # Targets: how many times less than a peer, how much at most.

    def target(self, case, key, peer, least):
        ours, theirs = self.figure(case, "recto", key), self.figure(case, peer, key)
        if ours and theirs:
            self.note(theirs / ours >= least, case, f"{key}: {theirs / ours:.2f} × less than {peer}, wanted {least:.2f} ×")

    def most(self, case, key, most, client="recto"):
        ours = self.figure(case, client, key)
        if ours:
            self.note(ours <= most, case, f"{client}, {key}: {ours:.1f}, wanted at most {most}")

    def quality(self, case, client, least):
        row = next((row for row in self.rows if (row["case"], row["client"]) == (case, client)), None)
        if row:
            met = row["result"].endswith("dB") and float(row["result"].split()[0]) >= round(least, 2)
            self.note(met, case, f"{client}: {row['result']}, wanted {least:.2f} dB")

    def figure(self, case, client, key):
        mine = (row for row in self.rows if row["case"] == case and row["client"].startswith(client))
        return next((row[key] for row in mine), None)

    def note(self, met, case, what):
        self.targets.append({"met": met, "case": case, "what": what})

    def judge(self):
        print("\n### Targets\n")
        for target in self.targets:
            print(f"{'met   ' if target['met'] else 'MISSED'}  {target['case']}: {target['what']}")

    # Clients.

    def recto(self, images, name, options):
        listed = self.work / f"{name}.json"
        whole = {"contract": "recto/localizations", "version": 1, "images": [localized(i, "bench") for i in images]}
        listed.write_text(json.dumps(whole))
        # As many requests on their way as the others have; finished images wait for the disk beside them.
        pace = ["--per-host", str(self.in_flight), "--rate", "0", "--jobs", str(min(4 * self.in_flight, 256)), "--quiet"]
        places = ["{out}/images", "--image-map", "{out}/map.json", "--failures", "{out}/failures.csv"]
        return [str(self.programs / "recto-download"), str(listed), *places, *pace, *options]

    def dezoomify(self, *words):
        if not (self.dezoomify_program and os.access(self.dezoomify_program, os.X_OK)):
            return None
        return [self.dezoomify_program, "-l", "--min-interval", "0s", "--parallelism", str(self.in_flight), *words]

    # Data and servers.

    def data(self, what, *more):
        """The folder of the data, made if need be."""
        there, maker = self.work / "data", self.shared / "servers/gen_data.py"
        done = there / f"{'-'.join([what, *more])}.made"
        if not done.exists() and maker.exists():
            subprocess.run([sys.executable, maker, there, what, *more], check=True, stdout=subprocess.DEVNULL)
            done.touch()
        return there

    def source(self, what, raw=True):
        """The pyramids of a set; with `raw` also their pixels, as another program decodes them."""
        needed = shutil.which("vips") and os.path.exists("/usr/lib/iipimage-server/iipsrv.fcgi")
        if not needed or not (self.shared / "servers/iipsrv.sh").exists():
            return None
        pyramid = self.data(what) / f"src/{what}.tif"
        if not raw:
            return pyramid
        samples = self.work / f"{what}.raw"
        if not samples.exists():
            subprocess.run(["vips", "rawsave", f"{pyramid}[page=0]", samples], check=True)
        return samples

    def static(self, folder):
        return self.serve("static", "static.sh", {"DATA": str(folder)})

    def iipsrv(self, name, longest):
        return self.serve(name, "iipsrv.sh", {"DATA": str(self.work / "data"), "MAX_CVT": str(longest)})

    def behind(self, origin, latency):
        """The same server, its answers this many milliseconds later."""
        if not latency:
            return origin
        return self.serve(f"late-{origin}", "faultproxy.sh", {"PY": sys.executable}, "--upstream", origin, "--latency-ms", str(latency))

    def serve(self, name, script, settings, *words):
        if name not in self.servers:
            port, folder = str(free_port()), self.work / f"server-{name.replace(':', '-')}"
            environment = os.environ | {"PORT": port, "LIFE": "7200"} | settings
            script = str(self.shared / "servers" / script)
            # One that a killed run left would be found on its own port.
            subprocess.run([script, "stop", folder], stdout=subprocess.DEVNULL)
            subprocess.run([script, "start", folder, *words], env=environment, check=True, stdout=subprocess.DEVNULL)
            self.servers[name] = (f"127.0.0.1:{port}", script, folder)
        return self.servers[name][0]

    def stop(self, name):
        _, script, folder = self.servers.pop(name)
        subprocess.run([script, "stop", folder], stdout=subprocess.DEVNULL)

    def stop_servers(self):
        for name in list(self.servers):
            self.stop(name)


def empty(out):
    """Gives back the room of what was written. The files stay, since ext4 makes new ones several times slower for
    minutes after many were removed, and whoever runs next would pay."""
    for path in out.rglob("*"):
        if path.is_file() and not path.is_symlink():
            os.truncate(path, 0)


def localized(image, group):
    return {"source": {"kind": "table"}, "group": group, **image}


def found(program):
    return shutil.which(program) is not None


def pictures(out):
    return [path for path in out.rglob("*") if path.suffix in (".jpg", ".png", ".tif") and path.is_file()]


def largest(out):
    return max(pictures(out), key=lambda path: path.stat().st_size)


def size_of(path):
    return f"{path.stat().st_size / 1e6:.0f} MB"


def same_files(folder, names, out):
    digest = lambda path: hashlib.sha256(path.read_bytes()).digest()
    wanted = sorted(digest(folder / name) for name in names)
    had = sorted(digest(path) for path in pictures(out))
    if had != wanted:
        raise ValueError(f"{len(had)} files, of {len(wanted)}, or other bytes")
    return "same bytes"


def psnr(source, size, path):
    words = [str(word) for word in (source, *size, path)]
    told = subprocess.run([sys.executable, "-c", PSNR, *words], capture_output=True, text=True)
    if told.returncode != 0:
        raise ValueError(told.stderr.strip().splitlines()[-1])
    return float(told.stdout)


if __name__ == "__main__":
    main()
