#!/usr/bin/env python3
"""recto-serve beside other image servers, on the same pictures in the same run: `make bench-serve`.

  bench_serve.py PROGRAMS [--shared DIR] [--work DIR] [--quick] [--rounds N] [--only CASES] [--json FILE] [--markdown FILE]

PROGRAMS: folder of the five programs. --shared: folder with servers/ (default ../shared). --work: scratch (default
build/bench). --quick: two seconds and one round each. --only: some of tiles, tile, thumbs, thumb, jpeg, first, full.

Prints a table for each case: answers a second as the median of alternated rounds (least to most), the time that half
of them and 99 of 100 took at most, CPU seconds of the server for a thousand answers, its peak memory (all its
processes), and how many times more recto-serve answered. Then what was looked at after the clock, and the targets, met
or missed. Every server is started again for every measurement, and everything is on loopback: servers and `wrk` (one
thread, eight connections) share the processor. PRIO=-15 puts the servers before the rest of a busy machine.

This Python needs numpy and OpenCV. Programs: Debian's wrk, libvips-tools, and for iipsrv iipimage-server and
nginx-light; npm iiif-processor and PyPI flask-iiif are installed into --work by their scripts (NPM_DIR and VENV name
folders that have them). What is not there is said in its row.
"""
import argparse, contextlib, http.client, json, math, os, pathlib, random, shutil, statistics, subprocess, sys, time

from free_port import free_port

WIDTH, HEIGHT = 7216, 5412
LINKS = 128  # names of the one pyramid: enough tiles that none is asked for twice
JPEGS = 12
EVERY = "tiles tile thumbs thumb jpeg first full".split()

# Asks for the listed paths in turn. Only few answers are looked at one by one: that takes time from the server.
LOAD = """
local paths, at, counted = {}, 0, nil
statuses = ""
function init(args)
  for path in io.lines(args[1]) do paths[#paths + 1] = path end
  counted = {}
  if args[2] == "count" then
    response = function(status)
      counted[status] = (counted[status] or 0) + 1
      local words = {}
      for of, n in pairs(counted) do words[#words + 1] = string.format('"%d": %d', of, n) end
      statuses = table.concat(words, ", ")
    end
  end
end
local threads = {}
function setup(thread) threads[#threads + 1] = thread end
function request()
  at = at % #paths + 1
  return "GET " .. paths[at] .. " HTTP/1.1\\r\\nHost: " .. wrk.headers["Host"] .. "\\r\\n\\r\\n"
end
function done(summary, latency)
  local failed = summary.errors
  print(string.format(
    'FIGURES {"answers": %d, "seconds": %f, "p50": %f, "p99": %f, "refused": %d, "broken": %d, "statuses": {%s}}',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    failed.status, failed.connect + failed.read + failed.write + failed.timeout, threads[1]:get("statuses")))
end
"""

FLASK = """
import os
from flask import Flask
from flask_iiif import IIIF
from flask_restful import Api
app = Flask("bench")
iiif = IIIF(app=app)
iiif.init_restful(Api(app=app))
folder = os.environ["IMAGE_DIR"]
iiif.uuid_to_image_opener_handler(lambda name: open(os.path.join(folder, os.path.basename(name)), "rb"))
"""


def main():
    options = parsed()
    bench = Bench(options)
    try:
        for name in options.only or EVERY:
            CASES[name](bench)
    finally:
        bench.stop()
    bench.judge()
    if options.json:
        options.json.write_text(json.dumps({"rows": bench.rows, "targets": bench.targets}, indent=2) + "\n")
    if options.markdown:
        options.markdown.write_text("\n".join(bench.said).strip() + "\n")


def parsed():
    parser = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1].strip())
    path = lambda text: pathlib.Path(text).resolve()
    parser.add_argument("programs", type=path)
    parser.add_argument("--shared", type=path, default=path("../shared"))
    parser.add_argument("--work", type=path, default=path("build/bench"))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--only", type=lambda text: text.split(","), default=[])
    parser.add_argument("--json", type=path)
    parser.add_argument("--markdown", type=path)
    options = parser.parse_args()
    unknown = set(options.only) - set(EVERY)
    if unknown:
        parser.error(f"--only: {', '.join(sorted(unknown))}: one of {', '.join(EVERY)} is needed")
    if not shutil.which("wrk"):
        parser.error("there is no wrk (Debian: wrk)")
    options.rounds = options.rounds or (1 if options.quick else 3)
    return options


# The cases.


def tiles(bench):
    title = "Tiles of 256 pixels, each asked for once"
    asked = shuffled([(name, *tile) for name in bench.pyramids() for tile in every_tile()])
    once(bench, title, asked, looked_at=24)


def once(bench, title, asked, looked_at):
    """What no cache helps with, of pyramids."""
    bench.race(title, bench.servers("pyramids"), asked)
    bench.compare(title, bench.servers("pyramids"), asked[:looked_at])
    bench.faster(title, "iipsrv", 2)
    bench.faster(title, "iiif-processor", 50)
    bench.faster(title, "flask-iiif", 50)


def tile(bench):
    title = "One tile again and again"
    asked = [(bench.pyramids()[0], "1024,1024,256,256", "256,")]
    bench.race(title, bench.servers("pyramids"), asked)
    bench.at_least(title, 10_000)


def thumbs(bench):
    title = "Thumbnails about !512,512, each asked for once"
    sides = range(480, 544)
    asked = shuffled([(name, "full", f"!{n},{n}") for name in bench.pyramids() for n in sides])
    once(bench, title, asked, looked_at=6)


def thumb(bench):
    title = "Thumbnails !512,512 of 8 pictures, again and again"
    asked = [(name, "full", "!512,512") for name in bench.pyramids()[:8]]
    # Both processes of those that keep answers each by itself have seen all of them.
    bench.race(title, bench.servers("pyramids"), asked, before=2)
    bench.faster(title, "iipsrv", 2)


def jpeg(bench):
    title = "Tiles of 256 pixels of plain JPEGs, each asked for once"
    asked = shuffled([(name, *tile) for name in bench.jpegs() for tile in every_tile()])
    bench.race(title, bench.servers("jpegs") | bench.prepared(), asked)
    bench.compare(title, bench.servers("jpegs") | bench.prepared(), asked[:24])
    bench.faster(title, "iiif-processor", 50)
    bench.faster(title, "flask-iiif", 50)


def first(bench):
    """What somebody waits for who opens a picture that nobody has opened before."""
    title = "First tile of a picture, 1024² made 256²"
    bench.head(title, "| server | ms, median | least to most | recto-serve is faster by |")
    kinds = [("plain JPEG", bench.servers("jpegs"), bench.jpegs()), ("prepared", bench.prepared(), bench.jpegs())]
    kinds.append(("pyramid", bench.servers("pyramids"), bench.pyramids()[:JPEGS]))
    for kind, servers, names in kinds:
        ours = None
        for name, server in servers.items():
            row = f"{name}, {kind}"
            if isinstance(server, str):
                bench.say(f"| {row} | {server} | | |")
                continue
            took = []
            with server.running() as there:
                for picture in names:
                    took.append(1000 * timed(there, server.path(picture, "2048,2048,1024,1024", "256,")))
            middle = statistics.median(took)
            ours = ours or middle
            bench.rows.append({"case": title, "server": row, "ms": middle})
            ratio = "" if name.startswith("recto") else f"{middle / ours:.1f} ×"
            bench.say(f"| {row} | {middle:.1f} | {min(took):.1f} to {max(took):.1f} | {ratio} |")


def full(bench):
    """Whether memory depends on how many ask for what is large."""
    title = "Clients that ask for nearly all of 39 megapixels, each answer another"
    region = lambda n: f"{n % 16},{n // 16},{WIDTH - 16},{HEIGHT - 32}"
    asked = [(bench.pyramids()[n % LINKS], region(n), "full") for n in range(512)]
    bench.head(title, "| server | clients | 200 | 503 | others | p99 s | peak MiB |")
    for name, server in bench.servers("pyramids", "--memory", "512").items():
        if isinstance(server, str):
            bench.say(f"| {name} | {server} | | | | | |")
            continue
        for clients in (4, 64):
            run = bench.load(server, asked, clients, seconds=4 if bench.quick else 20, counted=True)
            by_status = run.pop("statuses")
            others = sum(n for status, n in by_status.items() if status not in ("200", "503")) + run["broken"]
            bench.rows.append({"case": title, "server": name, "clients": clients, **run, **by_status})
            good, busy = by_status.get("200", 0), by_status.get("503", 0)
            bench.say(f"| {name} | {clients} | {good} | {busy} | {others} | {run['p99'] / 1e3:.1f} | {run['rss']:.0f} |")
    rows = {row["clients"]: row["rss"] for row in bench.rows if row["case"] == title and row["server"] == "recto-serve"}
    if rows:
        bench.note(rows[64] <= 1.25 * rows[4], title, f"{rows[64]:.0f} MiB for 64, {rows[4]:.0f} for 4, wanted at most 1.25 ×")
        bench.note(rows[64] <= 512, title, f"{rows[64]:.0f} MiB with --memory 512, wanted no more than that")


CASES = {case.__name__: case for case in (tiles, tile, thumbs, thumb, jpeg, first, full)}


def every_tile():
    """The tiles of all levels of a pyramid of 256, as Image API 2.1 asks for them."""
    for scale in (1, 2, 4, 8, 16, 32):
        side = 256 * scale
        for y in range(0, HEIGHT, side):
            for x in range(0, WIDTH, side):
                w, h = min(side, WIDTH - x), min(side, HEIGHT - y)
                yield f"{x},{y},{w},{h}", f"{math.ceil(w / scale)},"


def shuffled(asked):
    random.Random(1).shuffle(asked)
    return asked


# Servers.


class Server:
    """One that can be started: `command` gives its processes and where it listens, once it does."""

    def __init__(self, before, suffix, start, stop):
        self.before, self.suffix, self.start, self.stop = before, suffix, start, stop

    def path(self, name, region, size):
        return f"{self.before}/{name}{self.suffix}/{region}/{size}/0/default.jpg"

    @contextlib.contextmanager
    def running(self):
        address, roots = self.start()
        try:
            yield Running(address, roots)
        finally:
            self.stop()


class Running:
    def __init__(self, address, roots):
        self.address, self.roots = address, roots

    def processes(self):
        found, waiting = [], list(self.roots)
        while waiting:
            pid = waiting.pop()
            found.append(pid)
            for children in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
                waiting += [int(child) for child in children.read_text().split()]
        return found

    def cpu(self):
        fields = (pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split() for pid in self.processes())
        return sum(sum(int(field) for field in told[11:15]) for told in fields) / os.sysconf("SC_CLK_TCK")

    def peak(self):
        lines = (line for pid in self.processes() for line in open(f"/proc/{pid}/status") if line.startswith("VmHWM"))
        return sum(int(line.split()[1]) for line in lines) / 1024


class Bench:
    def __init__(self, options):
        self.programs, self.shared, self.work = options.programs, options.shared, options.work / "serve"
        self.data, self.quick, self.rounds = options.work / "data", options.quick, options.rounds
        self.rows, self.targets, self.said, self.stops = [], [], [], {}
        self.work.mkdir(parents=True, exist_ok=True)
        self.lua = self.work / "load.lua"
        self.lua.write_text(LOAD)

    def servers(self, kind, *options):
        """Name → Server, or why there is none. `kind`: what they serve."""
        {"pyramids": self.pyramids, "jpegs": self.jpegs}[kind]()
        folder, suffix = self.work / kind, {"pyramids": ".tif", "jpegs": ".jpg"}[kind]
        iipsrv = "reads no JPEG"
        if kind == "pyramids":
            needed = ["/usr/lib/iipimage-server/iipsrv.fcgi", shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")]
            is_there = all(path and os.path.exists(path) for path in needed)
            data = {"DATA": str(folder), "MAX_CVT": "100000"}
            iipsrv = self.scripted("iipsrv", data, "/iiif", suffix) if is_there else "not installed"
        flask = {"IMAGE_DIR": str(folder / "src"), "PYTHONPATH": str(self.flask_app())} | self.own("VENV", "flask")
        return {
            "recto-serve": self.recto(folder / "src", *options),
            "iipsrv": iipsrv,
            "iiif-processor": shutil.which("npm") and self.scripted("iiifproc", {"DATA": str(folder)} | self.own("NPM_DIR", "npm"), "/iiif/2", suffix) or "there is no npm",
            "flask-iiif": self.scripted("flaskiiif", flask, "/api/multimedia/image/v2", suffix),
        }  # fmt: skip

    def prepared(self):
        """recto-serve with pyramids that it made of the JPEGs before."""
        self.jpegs()
        source, into = self.work / "jpegs/src", self.work / "prepared"
        words = [self.programs / "recto-serve", source, "--prepare", "--pyramids", "--prepared", into, "--quiet"]
        subprocess.run(words, check=True)
        return {"recto-serve, prepared": self.recto(source, "--prepared", into)}

    def recto(self, folder, *options):
        # What another run prepared beside the source is not for this one.
        options = options if "--prepared" in options else (*options, "--prepared", self.work / "nothing")
        held = []

        def start():
            words = [self.programs / "recto-serve", folder, "--listen", "127.0.0.1:0", "--quiet", *options]
            child = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, preexec_fn=as_a_session)
            held.append(child)
            self.stops["recto-serve"] = stop
            return child.stdout.readline().split("http://")[1].strip(), [child.pid]

        def stop():
            held[-1].terminate()
            held[-1].wait()
            self.stops.pop("recto-serve", None)

        return Server("/iiif/2", "", start, stop)

    def scripted(self, name, settings, before, suffix):
        script, folder = self.shared / f"servers/{name}.sh", self.work / f"server-{name}"
        if not script.exists():
            return f"no {name}.sh in servers/"

        def start():
            port = str(free_port())
            # One that a killed run left would be found on its own port.
            subprocess.run([script, "stop", folder], stdout=subprocess.DEVNULL)
            told = subprocess.run(
                [script, "start", folder], env=os.environ | settings | {"PORT": port, "LIFE": "3600"},
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            )  # fmt: skip
            if told.returncode != 0:
                raise OSError(f"does not start: {' '.join(told.stderr.split())[-80:]}")
            self.stops[name] = stop
            return f"127.0.0.1:{port}", [int(file.read_text().split()[0]) for file in folder.glob("*.pid")]

        def stop():
            subprocess.run([script, "stop", folder], stdout=subprocess.DEVNULL)
            self.stops.pop(name, None)

        return Server(before, suffix, start, stop)

    def own(self, variable, folder):
        return {variable: os.environ.get(variable) or str(self.work / f"peers-{folder}")}

    def flask_app(self):
        folder = self.work / "flask"
        folder.mkdir(exist_ok=True)
        (folder / "flask_iiif_app.py").write_text(FLASK)
        return folder

    def stop(self):
        for stop in list(self.stops.values()):
            stop()

    # Data.

    def pyramids(self):
        source = self.data / "src/manuscript.tif"
        if not source.exists():
            subprocess.run([sys.executable, self.shared / "servers/gen_data.py", self.data, "manuscript"], check=True, stdout=subprocess.DEVNULL)
        return linked(source, self.work / "pyramids/src", "m", LINKS)

    def jpegs(self):
        source = self.work / "manuscript.jpg"
        if not source.exists():
            self.pyramids()
            part = source.with_suffix(".part.jpg")
            subprocess.run(["vips", "copy", f"{self.data / 'src/manuscript.tif'}[page=0]", f"{part}[Q=90]"], check=True)
            part.rename(source)
        return linked(source, self.work / "jpegs/src", "j", JPEGS)

    def pixels(self):
        import numpy

        samples = self.work / "manuscript.raw"
        if not samples.exists():
            subprocess.run(["vips", "rawsave", f"{self.data / 'src/manuscript.tif'}[page=0]", samples], check=True)
        return numpy.memmap(samples, numpy.uint8, "r", shape=(HEIGHT, WIDTH, 3))

    # Races.

    def race(self, title, servers, asked, before=0):
        """All servers in turn, as often as there are rounds; one row each."""
        self.head(title, "| server | answers/s | p50 ms | p99 ms | CPU s/1000 | peak MiB | recto-serve is faster by |")
        runs, why = {}, {name: server for name, server in servers.items() if isinstance(server, str)}
        for _ in range(self.rounds):
            for name, server in servers.items():
                if name in why:
                    continue
                try:
                    run = self.load(server, asked, 8, seconds=2 if self.quick else 8, before=before)
                except OSError as fault:
                    why[name] = str(fault)
                    continue
                runs.setdefault(name, []).append(run)
                print(f"{title}, {name}: {run['rate']:.1f}/s", file=sys.stderr, flush=True)
        ours = None
        for name in servers:
            if name in why:
                self.say(f"| {name} | {why[name]} | | | | | |")
                continue
            mine = {key: statistics.median(run[key] for run in runs[name]) for key in ("rate", "p50", "p99", "cpu", "rss")}
            rates = [run["rate"] for run in runs[name]]
            wrong = sum(run["refused"] + run["broken"] for run in runs[name])
            ours = ours or mine["rate"]
            # A server that answers nothing in time is slower by no number.
            ratio = "" if name.startswith("recto") or not mine["rate"] else f"{ours / mine['rate']:.1f} ×"
            self.rows.append({"case": title, "server": name, **mine, "wrong": wrong})
            self.say(
                f"| {name} | {number(mine['rate'])} ({number(min(rates))} to {number(max(rates))}) | {mine['p50']:.2f} | {mine['p99']:.2f} "
                f"| {mine['cpu']:.2f} | {mine['rss']:.0f} | {ratio}{f' {wrong} WRONG' if wrong else ''} |"
            )
            if len(asked) > 1 and title.endswith("once") and any(run["answers"] > len(asked) for run in runs[name]):
                self.say(f"| {name} | all {len(asked)} were asked for, and some again | | | | | |")

    def load(self, server, asked, clients, seconds, counted=False, before=0):
        listed = self.work / "paths.txt"
        listed.write_text("".join(f"{server.path(*what)}\n" for what in asked))
        with server.running() as there:
            # Started is not ready: some load their code with the first answer. It is none that is asked for later.
            timed(there, server.path(asked[0][0], "0,0,300,300", "20,"))
            for what in asked * before:
                timed(there, server.path(*what))
            spent = there.cpu()
            words = ["wrk", "-t1", f"-c{clients}", f"-d{seconds}s", "--timeout", "120s", "-s", self.lua, f"http://{there.address}", "--", listed]
            told = subprocess.run(words + ["count"] * counted, capture_output=True, text=True)
            figures = [line for line in told.stdout.splitlines() if line.startswith("FIGURES")]
            if not figures:
                raise OSError(f"wrk: {' '.join((told.stderr or told.stdout).split())[-80:]}")
            run = json.loads(figures[0].split(" ", 1)[1])
            run |= {"cpu": 1000 * (there.cpu() - spent) / max(run["answers"], 1), "rss": there.peak()}
        return run | {"rate": run["answers"] / run["seconds"]}

    def compare(self, title, servers, sample):
        """After the clock: every server's answers to the same requests, against the pixels they are of."""
        import cv2, numpy

        source = self.pixels()
        for name, server in servers.items():
            if isinstance(server, str):
                continue
            try:
                with server.running() as there:
                    answers = [fetched(there, server.path(*what)) for what in sample]
                pictures = [cv2.imdecode(numpy.frombuffer(body, numpy.uint8), cv2.IMREAD_COLOR) for body in answers]
                distances = [distance(source, what, picture) for what, picture in zip(sample, pictures)]
            except (OSError, ValueError, cv2.error) as fault:
                self.note(False, title, f"{name}: {fault}")
                continue
            mean = 10 * math.log10(255**2 / max(statistics.mean(distances), 1e-6))
            self.rows.append({"case": title, "server": name, "psnr": mean})
            self.say(f"\n{name}: {len(sample)} answers looked at, {mean:.2f} dB" if len(distances) == len(sample) else "")
        theirs = self.figure(title, "iipsrv", "psnr")
        for ours in (self.figure(title, "recto-serve", "psnr"),):
            if ours and theirs:
                self.note(ours >= theirs - 0.05, title, f"{ours:.2f} dB, wanted those of iipsrv, {theirs:.2f}")

    # Targets.

    def faster(self, title, peer, least):
        ours, theirs = self.figure(title, "recto-serve", "rate"), self.figure(title, peer, "rate")
        if ours and theirs:
            self.note(ours / theirs >= least, title, f"{ours / theirs:.1f} × {peer}, wanted {least} ×")

    def at_least(self, title, least):
        ours = self.figure(title, "recto-serve", "rate")
        if ours:
            self.note(ours >= least, title, f"{number(ours)}/s, wanted {number(least)}")

    def figure(self, title, server, key):
        mine = (row[key] for row in self.rows if (row["case"], row["server"]) == (title, server) and key in row)
        return next(mine, None)

    def note(self, met, case, what):
        self.targets.append({"met": bool(met), "case": case, "what": what})

    def judge(self):
        self.say("\n### Targets\n")
        for target in self.targets:
            self.say(f"- {'met' if target['met'] else 'MISSED'}: {target['case']}: {target['what']}")

    def head(self, title, columns):
        self.say(f"\n### {title}\n\n{columns}\n{'|---' * (columns.count('|') - 1)}|")

    def say(self, line):
        self.said.append(line)
        print(line, flush=True)


def as_a_session():
    """As the scripts start theirs: a share of a busy processor of its own, and no other than theirs."""
    os.setsid()
    if os.environ.get("PRIO"):
        pathlib.Path("/proc/self/autogroup").write_text(os.environ["PRIO"])


def linked(source, folder, letter, count):
    """So many names of one file."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"{letter}{n:03}" for n in range(count)]
    for name in names:
        to = folder / f"{name}{source.suffix}"
        if not to.exists():
            try:
                os.link(source, to)
            except OSError:
                shutil.copyfile(source, to)
    return names


def fetched(there, path):
    connection = http.client.HTTPConnection(there.address, timeout=120)
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != 200:
        raise OSError(f"{answer.status} for {path}")
    return body


def timed(there, path):
    begun = time.monotonic()
    fetched(there, path)
    return time.monotonic() - begun


def distance(source, what, picture):
    """Mean square distance from the part of the source that was asked for."""
    import cv2, numpy

    _, region, size = what
    x, y, w, h = (0, 0, WIDTH, HEIGHT) if region == "full" else map(int, region.split(","))
    part = numpy.ascontiguousarray(source[y : y + h, x : x + w])
    height, width = picture.shape[:2]
    wanted = within(w, h, int(size.split(",")[1])) if size.startswith("!") else (int(size[:-1]), h * int(size[:-1]) / w)
    # Some round the shorter side up.
    if width != wanted[0] or abs(height - wanted[1]) > 1:
        raise ValueError(f"{width} x {height} pixels for {region}/{size}")
    part = cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA)
    return float(((part.astype(numpy.int32) - cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)) ** 2).mean())


def within(w, h, side):
    return (side, h * side / w) if w >= h else (round(w * side / h), side)


def number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


if __name__ == "__main__":
    main()
