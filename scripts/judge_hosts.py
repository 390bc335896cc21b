#!/usr/bin/env python3
"""recto-download at hosts of which one misbehaves: no other image is lost, no other host waits, and the reasons told are true.

    judge_hosts.py PROGRAMS WORK [--only NAME] [--strict]

PROGRAMS: folder of recto-download. WORK: scratch. Needs Pillow.

Each kind of trouble has hosts of its own on loopback (faulty_hosts.py), and beside them undisturbed ones, whose rows come last.
Of each run: it ended by itself; every file is byte for byte the one served, or its image is in failures.csv, with a kind that
fits and the words of the server; nothing else lies in the folder; no host received more requests than the kind allows, nor more
at a time than promised; and the undisturbed hosts gave all their images, one request each, in no more time than alone. The same
command without faults then fetches what is missing, and nothing else.

What is promised and not kept yet is marked OWED here, and told as such; with --strict it is a fault.
"""
import argparse
import concurrent.futures
import csv
import datetime
import gzip
import hashlib
import io
import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import time
import zlib

from PIL import Image

from faulty_hosts import Answer, Hosts, reply

UNDISTURBED, EACH = 3, 20
TIMEOUT, RETRIES, RATE, PER_HOST = 2, 2, 12, 4
OPTIONS = {"--per-host": PER_HOST, "--rate": RATE, "--retries": RETRIES, "--backoff": 0.1, "--timeout": TIMEOUT,
           "--connect-timeout": 1, "--contact": "judge@example.org", "--progress": "none"}
# What the undisturbed may need beside others: a busy machine is no fault.
FACTOR, SLACK = 1.3, 1.0
LONGEST = 150
MIB = 1 << 20
KINDS = {}
# These take longest, and begin first.
LONG = ["a 503 first", "nobody listens", "all of it 1"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("programs", type=pathlib.Path)
    parser.add_argument("work", type=pathlib.Path)
    parser.add_argument("--only", help="one kind of trouble")
    parser.add_argument("--strict", action="store_true", help="what is owed counts as a fault")
    args = parser.parse_args()
    shutil.rmtree(args.work, ignore_errors=True)
    args.work.mkdir(parents=True)
    bench = Bench(args)
    names = [args.only] if args.only else sorted(KINDS, key=lambda name: name not in LONG)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(bench.judged, names))
    wrong = sum(not outcome for outcome in outcomes)
    print(f"{len(outcomes)} kinds of trouble, {wrong} with faults of our own, {bench.debts} promises owed; "
          f"alone, undisturbed hosts need {bench.alone:.1f} s")
    return 1 if wrong else 0


def kind(prepare):
    """A kind of trouble: what prepares a trial of it."""
    KINDS[prepare.__name__.replace("_", " ")] = prepare
    return prepare


class Bench:
    """What all trials share: the program, the hosts' thread, and how long undisturbed hosts take alone."""

    def __init__(self, args):
        self.download, self.work = args.programs.resolve() / "recto-download", args.work.resolve()
        self.hosts, self.is_strict = Hosts(), args.strict
        trial = Trial(self, "alone", UNDISTURBED)
        start = time.monotonic()
        trial.run_first()
        self.alone, self.debts = trial.time_of_undisturbed(start), 0

    def judged(self, name):
        """Whether a kind of trouble brings out no fault of ours."""
        try:
            print(f"ok    {name}: {self.judge(name)}", flush=True)
            return True
        except (AssertionError, subprocess.SubprocessError, OSError, KeyError, ValueError) as fault:
            print(f"FAIL  {name}: {type(fault).__name__}: {fault}", flush=True)
            return False

    def judge(self, name):
        trial = Trial(self, name, UNDISTURBED)
        KINDS[name](trial)
        return trial.judge()


class Trial:
    """A run over hosts of which some misbehave, and what must come of it."""

    def __init__(self, bench, name, undisturbed):
        self.bench, self.name, self.folder = bench, name, bench.work / name.replace(" ", "-")
        self.rows, self.wanted, self.options, self.env, self.files = [], {}, dict(OPTIONS), {}, None
        # Id → (kinds, words) of images that must fail, and of those that may.
        self.failing, self.may_fail = {}, {}
        # (host, the most requests), what else to look at after the first run, and before the last.
        self.most, self.checks, self.between = [], [], []
        self.faulty, self.debts, self.owes_time, self.slack = [], [], False, SLACK
        # Requests for one image, where all is well.
        self.each = 1
        self.undisturbed = [self.fill(bench.hosts.start(), f"u{n}-", EACH, last=True) for n in range(undisturbed)]

    # To prepare it.

    def host(self, letter, count, fault=None, most=None, **more):
        """A host that misbehaves, with so many images: `a0`, `a1`, … at /p/0.jpg, /p/1.jpg, …"""
        host = self.bench.hosts.start(fault, **more)
        self.faulty.append(host)
        if most is not None:
            self.most.append((host, most))
        return self.fill(host, letter, count)

    def fill(self, host, letter, count, last=False):
        for n in range(count):
            self.picture(host, f"{letter}{n}", f"/p/{n}.jpg", last=last)
        return host

    def picture(self, host, name, path, body=None, url=None, last=False, **more):
        """An image at a path of a host; all of them differ."""
        body = body or picture(f"{self.name} {name}")
        host.files.setdefault(path, ("image/jpeg", body))
        self.wanted[name] = hashlib.sha256(body).hexdigest()
        where = {"url": url or host.url + path[1:], **more}
        row = {"id": name, "group": "g", "image": where, "source": {"kind": "table"}}
        self.rows.insert(len(self.rows) if last else sum(not row["id"].startswith("u") for row in self.rows), row)

    def owed(self, holds, fault):
        """What is promised and not yet kept: told in the line of the kind, a fault only with --strict."""
        assert holds or not self.bench.is_strict, fault
        if not holds:
            self.debts.append(fault)
            self.bench.debts += 1

    def fails(self, names, kinds, words=""):
        self.failing.update({name: (set(kinds.split()), words) for name in names})

    def owes_words(self, name, words):
        def check(_):
            message = self.failures()[name]["message"]
            self.owed(re.search(words, message, re.I), f"{name}: `{words}` is not told: {message}")
        self.checks.append(check)

    # To judge it.

    def judge(self):
        start = time.monotonic()
        self.run_first()
        took = time.monotonic() - start
        undisturbed = self.time_of_undisturbed(start)
        failed = self.hold_first_run()
        for check in self.checks:
            check(took)
        is_in_time = undisturbed <= self.bench.alone * FACTOR + self.slack
        fault = f"the undisturbed hosts took {undisturbed:.1f} s, {self.bench.alone:.1f} s alone"
        assert is_in_time or self.owes_time, fault
        self.owed(is_in_time, fault)
        asked = sum(len(host.log) for host in self.faulty)
        for step in self.between:
            step()
        self.hold_last_run()
        debts = "".join(f"; owed: {debt}" for debt in self.debts)
        return (f"{asked} requests, {len(failed)} of {len(self.wanted)} images failed, {took:.1f} s, "
                f"undisturbed {undisturbed:.1f} s{debts}")

    def run_first(self):
        self.folder.mkdir()
        contract = {"contract": "recto/localizations", "version": 1, "images": self.rows}
        (self.folder / "localizations.json").write_text(json.dumps(contract))
        self.run()

    def run(self, *more):
        options = [part for option in self.options.items() for part in option]
        command = [self.bench.download, "localizations.json", "images", *options, *more]
        if self.files:
            command = ["bash", "-c", f'ulimit -n {self.files}; exec "$@"', "-", *command]
        env = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")} | self.env
        self.ran = subprocess.run([str(part) for part in command], cwd=self.folder, env=env, capture_output=True, text=True,
                                  timeout=LONGEST)
        assert self.ran.returncode in (0, 3, 75), f"exit code {self.ran.returncode}: {self.ran.stderr[-300:]}"
        return self.ran

    def time_of_undisturbed(self, start):
        return max(entry.end for host in self.undisturbed for entry in host.log) - start

    def had(self):
        return json.loads((self.folder / "image_map.json").read_text())

    def failures(self):
        with open(self.folder / "failures.csv", newline="") as file:
            return {row["id"]: row for row in csv.DictReader(file)}

    def hold_first_run(self):
        failed = self.failures()
        assert self.ran.returncode in ((3, 75) if failed else (0,)), f"exit code {self.ran.returncode}: {self.ran.stderr}"
        self.hold_folder(set(failed))
        for name, row in failed.items():
            allowed = self.failing.get(name) or self.may_fail.get(name)
            assert allowed, f"{name} is lost: {row['kind']}, {row['message']}"
            kinds, words = allowed
            assert row["kind"] in kinds, f"{name} is called `{row['kind']}`, not one of {sorted(kinds)}: {row['message']}"
            assert re.search(words, row["message"], re.I), f"{name}: `{words}` is not told: {row['message']}"
        wrong = set(self.failing) - set(failed)
        assert not wrong, f"these could not be downloaded: {sorted(wrong)}"
        for host, most in self.most:
            assert len(host.log) <= most, f"{len(host.log)} requests to {host.url}, at most {most} are needed"
        for host in [*self.faulty, *self.undisturbed]:
            hold_pace(host, self.options)
        for host in self.undisturbed:
            assert len(host.asked()) == EACH, f"{len(host.asked())} requests for {EACH} images of an undisturbed host"
        return failed

    def hold_folder(self, failed):
        """What lies in the folder: the images, whole, and nothing that is left of others."""
        had = self.had()
        assert set(had) | failed == set(self.wanted) and not set(had) & failed, "an image is lost, or both had and not had"
        folder = self.folder / "images"
        there = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
        kept = {"downloads.jsonl"} | {path for path in there if path.startswith(".recto/")}
        paths = {path.removeprefix("images/") for path in had.values()}
        assert set(there) - kept == paths, f"the folder holds other files: {sorted((set(there) - kept) ^ paths)}"
        for name, path in had.items():
            found = hashlib.sha256((self.folder / path).read_bytes()).hexdigest()
            assert found == self.wanted[name], f"{name}: {path} is not the file that the server has"
        left = {path: file.stat().st_size for path, file in there.items() if path.startswith(".recto/")}
        assert sum(left.values()) < MIB, f"left in the folder: {left}"
        beside = {path.name for path in self.folder.iterdir()}
        lists = {"localizations.json", "images", "image_map.json", "failures.csv"}
        assert beside <= lists, f"beside the images: {sorted(beside - lists)}"

    def hold_last_run(self):
        had = set(self.had())
        for host in [*self.faulty, *self.undisturbed]:
            host.mend()
        ran = self.run()
        if ran.returncode == 3 and {row["kind"] for row in self.failures().values()} == {"unsupported"}:
            # A sound image of a type that is not read is asked for again only on request.
            ran = self.run("--retry-failed", "unsupported")
        told = {name: row["message"] for name, row in self.failures().items()}
        assert ran.returncode == 0, f"run again without faults: {ran.returncode}: {list(told.items())[:2]} {ran.stderr[-300:]}"
        self.hold_folder(set())
        asked = sum(len(host.asked()) for host in [*self.faulty, *self.undisturbed])
        missing = len(self.wanted) - len(had)
        assert asked <= missing * self.each, f"run again: {asked} requests for {missing} images"


def hold_pace(host, options):
    """No more requests at a time, and none faster, than promised: the log of the server judges."""
    per_host, rate = options["--per-host"], options["--rate"]
    assert host.most_in_flight <= per_host, f"{host.most_in_flight} requests at a time to {host.url}"
    starts = sorted(entry.start for entry in host.log)
    # Over a second and a half: single ones bunch up on a busy machine.
    most = max((sum(start <= other < start + 1.5 for other in starts) for start in starts), default=0)
    assert not rate or most <= rate * 1.5 + per_host + 2, f"{most} requests within 1.5 s to {host.url}"


def picture(seed):
    """A small JPEG that differs from all others; its noise is drawn once."""
    body = DRAWN[zlib.crc32(seed.encode()) % len(DRAWN)]
    comment = seed.encode()
    return body[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + body[2:]


def draw(n):
    rough = random.Random(n)
    image = Image.new("RGB", (12 + n, 9))
    image.putdata([tuple(rough.randrange(256) for _ in range(3)) for _ in range(image.width * image.height)])
    return encoded(image.resize((96 + 8 * n, 72), Image.BICUBIC))


def encoded(image, kind="JPEG"):
    out = io.BytesIO()
    image.save(out, kind)
    return out.getvalue()


DRAWN = [draw(n) for n in range(8)]


def number(asked):
    """Which image is asked for; -1: something else."""
    found = re.fullmatch(r"/p/(\d+)\.jpg", asked.path)
    return int(found[1]) if found else -1


def refusal(status, words, *headers):
    page = f"<html><head><title>{words}</title></head><body></body></html>".encode()
    return Answer(reply(page, status, "text/html", *headers), fault=status[:3])


def all_of(letter, count):
    return [f"{letter}{n}" for n in range(count)]


# Hosts, and URLs, that refuse.

@kind
def a_503_first(trial):
    host = trial.host("a", EACH, lambda asked: refusal("503 Busy", "Try again") if asked.before == 0 else None, most=2 * EACH + 2)

    def is_fast(_):
        took = host.log[-1].end - host.log[0].start
        # With its first seven pauses.
        most = 3 * trial.bench.alone + sum(0.1 * 2 ** n for n in range(7))
        # OWED: each 503 halves the rate, down to a request in 10 s, before it is seen that only first requests are refused.
        trial.owed(took <= most, f"its images took {took:.1f} s, {trial.bench.alone:.1f} s undisturbed")
    trial.checks.append(is_fast)


@kind
def refused_in_a_row(trial):
    trial.host("a", 60, lambda asked: refusal("403 Forbidden", "Members of the north wing only") if number(asked) < 24 else None,
               most=60)
    trial.fails(all_of("a", 24), "forbidden", "403.*north wing only")


@kind
def failing_in_a_row(trial):
    trial.options |= {"--give-up": 8, "--retries": 1}
    trial.host("a", 40, lambda asked: refusal("500 Oh dear", "The store is closed") if number(asked) < 11 else None,
               most=40 + 11)
    trial.fails(all_of("a", 11), "server", "500.*Oh dear.*store is closed")


@kind
def all_refused(trial):
    count = 70
    host = trial.host("a", count, lambda asked: refusal("403 Forbidden", "Members only"), most=20 + 12 + 2)
    trial.fails(all_of("a", count), "forbidden", "members only|refused 3. different URLs in a row")

    def again():
        before = {entry.path for entry in host.log}
        host.log.clear()
        host.fault = lambda asked: refusal("403 Forbidden", "Members only") if asked.path in before else None
        trial.run()
        assert host.log[0].path not in before, "what was never asked does not come first"
        had = sum(name.startswith("a") for name in trial.had())
        assert had == count - len(before), f"{had} images in the second run, {count - len(before)} are to be had"
    trial.between.append(again)


@kind
def one_url_is_429(trial):
    def odd(headers):
        return lambda asked: refusal("429 Too Many Requests", "Not this one", *headers) if number(asked) == 3 else None
    for letter, headers in (("a", []), ("b", ["Retry-After: 1"]), ("c", ["Retry-After: 0"])):
        host = trial.host(letter, 24, odd(headers), most=24 + RETRIES)
        trial.fails([letter + "3"], "too-many", "429.*not this one")
        trial.checks.append(lambda _, host=host: in_few(len(host.asked("/p/3.jpg")), 1 + RETRIES))


def in_few(requests, most):
    assert requests <= most, f"{requests} requests for one image, at most {most} are needed"


@kind
def retry_after_without_end(trial):
    values = ["1e300", "inf", "99999999999999999999", "Tue, 31 Dec 2199 23:59:59 GMT", "86400"]
    for letter, value in zip("abcde", values):
        trial.host(letter, 4, lambda asked, value=value: refusal("429 Slow", "Enough", f"Retry-After: {value}"), most=2)
        trial.fails(all_of(letter, 4), "too-many", "asks for a pause of")


@kind
def retry_after_without_sense(trial):
    values = ["nan", "-5", "soon", "", "Sun, 06 Nov 1994 08:49:37 GMT", "-inf", "1e-300"]
    for letter, value in zip("abcdefg", values):
        busy = refusal("503 Busy", "Later", f"Retry-After: {value}")
        trial.host(letter, 6, lambda asked, busy=busy: busy if len(asked.host.log) == 1 else None, most=8)


@kind
def retry_after_a_date(trial):
    def date(seconds):
        then = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
        return then.strftime("%a, %d %b %Y %H:%M:%S GMT")

    # The clock of the host is an hour ahead.
    def fault(asked):
        headers = [f"Date: {date(3600)}", f"Retry-After: {date(3603)}"]
        return refusal("503 Busy", "Later", *headers) if len(asked.host.log) == 0 else None
    host = trial.host("a", 6, fault, most=8)

    def is_kept_to(_):
        told = host.log[0].end
        early = [entry.start - told for entry in host.log if told + 0.1 < entry.start < told + 1.9]
        assert not early, f"asked again after {early} s, 3 s were wanted"
    trial.checks.append(is_kept_to)


@kind
def one_url_is_503(trial):
    host = trial.host("a", 24, lambda asked: refusal("503 Too much", "Too large for us") if number(asked) == 0 else None,
                      most=24 + RETRIES)
    trial.fails(["a0"], "server", "503.*too large for us")
    trial.checks.append(lambda _: in_few(len(host.asked("/p/0.jpg")), 1 + RETRIES))


@kind
def waits_hold_no_job(trial):
    """There is one job; what waits for a retry does not have it."""
    trial.options["-j"] = 1
    trial.host("a", 4, lambda asked: refusal("500 Oh dear", "Broken", "Retry-After: 2"), most=4 * (1 + RETRIES))
    trial.fails(all_of("a", 4), "server", "500.*broken")
    trial.host("b", 4, lambda asked: refusal("503 Busy", "Later", "Retry-After: 4") if len(asked.host.log) < 1 else None, most=6)


@kind
def a_pause_for_all(trial):
    """429 with Retry-After to whoever comes, for two seconds: who was told stays away, then comes alone."""
    def fault(asked):
        first = asked.host.log[0].start if asked.host.log else time.monotonic()
        return refusal("429 Slow", "Slower", "Retry-After: 1") if time.monotonic() - first < 2 else None
    host = trial.host("a", 10, fault, most=10 + 6)

    def is_kept_to(_):
        refused = [entry for entry in host.log if entry.fault]
        for entry in refused:
            early = [other.start - entry.end for other in host.log if entry.end + 0.1 < other.start < entry.end + 0.9]
            assert not early, f"asked again {early[0]:.2f} s after a 429 that said 1 s"
        after = [entry for entry in refused if entry.start > refused[0].end + 0.5]
        assert len(after) <= 2, f"{len(after)} requests met 429 after the first pause"
    trial.checks.append(is_kept_to)


@kind
def crawl_delay(trial):
    """Names of the public web, by way of a proxy: only of these is robots.txt read."""
    delays = {"1e300": False, "inf": False, "7200": False, "nan": True, "-1": True, "soon": True, "0.5": True}

    def fault(asked):
        name = asked.headers["host"].split(".")[0]
        if asked.path == "/robots.txt":
            delay = list(delays)[int(name.removeprefix("slow"))]
            return Answer(reply(f"User-agent: *\nCrawl-delay: {delay}\n".encode(), "200 OK", "text/plain"))
        return None
    host = trial.host("a", 0, fault)
    trial.env = {"http_proxy": host.url, "no_proxy": "127.0.0.0/8"}
    for n, (delay, is_had) in enumerate(delays.items()):
        for i in range(4):
            path = f"/slow{n}/{i}.jpg"
            trial.picture(host, f"slow{n}-{i}", path, url=f"http://slow{n}.museum.org{path}")
        if not is_had:
            trial.fails([f"slow{n}-{i}" for i in range(4)], "robots", "Crawl-delay")

    def is_kept_to(_):
        left = [entry.path for entry in host.log if entry.path.startswith(("/slow0", "/slow1", "/slow2"))]
        assert not left, f"requested although the delay is too long: {left}"
        starts = [entry.start for entry in host.log if entry.path.startswith("/slow6/")]
        gaps = [after - before for before, after in zip(starts, starts[1:])]
        assert min(gaps) > 0.4, f"a delay of 0.5 s, requests after {gaps}"
    trial.checks.append(is_kept_to)


# Hosts that do not answer.

@kind
def silent(trial):
    host = trial.host("a", 12, lambda asked: Answer(then="silence"), most=6)
    trial.fails(all_of("a", 12), "timeout", "did not answer")

    def is_left_in_time(took):
        waited = max(entry.start for entry in host.log) - min(entry.start for entry in host.log)
        assert waited <= TIMEOUT, f"it was still asked after {waited:.1f} s"
        assert took <= trial.bench.alone + TIMEOUT + 1, f"the run took {took:.1f} s"
    trial.checks.append(is_left_in_time)


@kind
def several_silent(trial):
    """As many as there are jobs."""
    trial.options["--timeout"] = 8
    # OWED: requests that are not answered hold all jobs until they time out, and everybody waits.
    trial.owes_time = True
    for letter in "abcde":
        trial.host(letter, 6, lambda asked: Answer(then="silence"), most=6)
        trial.fails(all_of(letter, 6), "timeout", "did not answer")


@kind
def silent_to_connections(trial):
    trial.host("a", 12, is_deaf=True)
    trial.fails(all_of("a", 12), "timeout", "did not accept a connection|did not answer")
    trial.checks.append(lambda took: in_time(took, trial.bench.alone + TIMEOUT + 1))


def in_time(took, most):
    assert took <= most, f"the run took {took:.1f} s, not {most:.1f}"


@kind
def silent_after_some(trial):
    trial.options["--timeout"] = 6
    # OWED: one host holds all four jobs until its requests time out.
    trial.owes_time = True
    host = trial.host("a", 20, lambda asked: Answer(then="silence") if len(asked.host.log) >= 5 else None, most=12)
    trial.may_fail.update({name: ({"timeout"}, "did not answer") for name in all_of("a", 20)})

    def has_given(_):
        had = sum(name.startswith("a") for name in trial.had())
        assert had >= 5, f"{had} images of the first 5 answers"
        waited = max(entry.start for entry in host.log) - [entry for entry in host.log if entry.fault][0].start
        assert waited <= 2 * 6, f"it was still asked {waited:.1f} s after it fell silent"
    trial.checks.append(has_given)


@kind
def one_image_stalls(trial):
    def stalls(asked):
        return Answer(reply(asked.host.files[asked.path][1])[:600], "silence") if number(asked) == 2 else None
    trial.host("a", 16, stalls, most=16 + RETRIES)
    trial.fails(["a2"], "timeout", "no byte arrived|did not answer|bytes? arrived|stalled")


@kind
def all_images_stall(trial):
    """Two hosts that begin each answer and never end it."""
    def stalls(asked):
        return Answer(reply(asked.host.files[asked.path][1])[:600], "silence")
    hosts = [trial.host(letter, 4, stalls, most=4 * (1 + RETRIES)) for letter in "ab"]
    for letter in "ab":
        trial.fails(all_of(letter, 4), "timeout", "no byte arrived|did not answer|bytes? arrived|stalled")
    # OWED: only a head that does not come counts as silence; hosts like these hold the jobs for each of their images.
    trial.owes_time = True
    trial.checks.append(lambda took: trial.owed(took <= trial.bench.alone + TIMEOUT + 1, f"the run took {took:.1f} s"))
    asked = lambda: max(len(host.log) for host in hosts)
    trial.checks.append(lambda _: trial.owed(asked() <= 6, f"{asked()} requests to a host that answers none of them"))


@kind
def one_image_trickles(trial):
    def trickles(asked):
        body = asked.host.files[asked.path][1]
        return Answer(reply(body)[:-len(body) + 100], "endless", body[100:101], every=0.1) if number(asked) == 2 else None
    trial.host("a", 16, trickles, most=16 + RETRIES)
    trial.fails(["a2"], "timeout", "bytes? arrived in")


@kind
def resets(trial):
    trial.host("a", 5, lambda asked: Answer(then="reset"), most=5 * (1 + RETRIES))
    trial.fails(all_of("a", 5), "network", "closed the connection|reset")


@kind
def resets_some(trial):
    trial.host("a", 16, lambda asked: Answer(then="reset") if asked.before == 0 and number(asked) % 3 == 0 else None, most=22)


@kind
def nobody_listens(trial):
    trial.options["--backoff"] = 0.02
    host = trial.host("a", 12)
    trial.bench.hosts.loop.call_soon_threadsafe(host.server.close)
    host.is_deaf = True
    time.sleep(0.1)
    trial.fails(all_of("a", 12), "network", "cannot be reached|could not be reached")


# Answers that are no images, or have no end.

MP4 = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(4096)
WEBM = b"\x1a\x45\xdf\xa3\x9fB\x86\x81\x01B\xf7\x81\x01B\xf2\x81\x04B\xf3\x81\x08B\x82\x84webm" + bytes(4096)
ZIP = b"PK\x03\x04\x14\0\0\0\x08\0" + bytes(4096)
PAGE = b"<!doctype html><html><head><title>Log in to the reading room</title></head><body>" + b"<p>Please</p>" * 400


@kind
def bodies_without_end(trial):
    sound = picture("without end")
    frame = b"\r\n--frame\r\nContent-Type: image/jpeg\r\n\r\n" + sound
    # Image → (kind of content, its start, what goes on), kinds and words told, the most bytes sent.
    bodies = {
        1: (("multipart/x-mixed-replace; boundary=frame", frame, frame), "not-an-image unsupported", "", MIB),
        3: (("video/mp4", MP4, bytes(16384)), "not-an-image unsupported", "MP4|video", MIB),
        5: (("text/html", PAGE, b"<p>more</p>" * 1000), "not-an-image", "page", MIB),
        7: (("application/zip", ZIP, bytes(16384)), "not-an-image unsupported", "zip|archive", MIB),
        9: (("image/jpeg", b"\0" * 4096, bytes(16384)), "not-an-image unsupported", "", MIB),
        11: (("image/jpeg", sound[:-2], random.Random(1).randbytes(16384).replace(b"\xff", b"")), "unsupported",
             "larger than", 8 * MIB + MIB),
    }
    # OWED: of a page that is longer than 64 KiB no word is told.
    trial.owes_words("a5", "reading room")

    def fault(asked):
        if number(asked) not in bodies:
            return None
        media_type, start, more = bodies[number(asked)][0]
        return Answer(f"HTTP/1.1 200 OK\r\nContent-Type: {media_type}\r\n\r\n".encode() + start, "endless", more)
    host = trial.host("a", 16, fault, most=16 + len(bodies) * RETRIES)
    trial.options["--max-bytes"] = "1MB"
    for n, (_, kinds, words, _) in bodies.items():
        trial.fails([f"a{n}"], kinds, words)

    def is_given_up(_):
        for n, (_, _, _, most) in bodies.items():
            sent = max(entry.sent for entry in host.asked(f"/p/{n}.jpg"))
            assert sent <= most, f"image {n}: {sent / MIB:.1f} MiB were taken of a body without end"
        # OWED: all may be as large as TIFF until they are there, eight times what is said.
        sent = max(entry.sent for entry in host.asked("/p/11.jpg"))
        trial.owed(sent <= 2.5 * MIB, f"{sent / MIB:.1f} MiB were taken of a JPEG without end, --max-bytes is 1MB")
    trial.checks.append(is_given_up)


@kind
def no_images(trial):
    long = 24 * MIB
    packed = gzip.compress(random.Random(2).randbytes(100_000)) + bytes(long)
    answers = [
        ("video/mp4", MP4 + bytes(long), "unsupported not-an-image", "MP4|video", 1),
        ("video/webm", WEBM + bytes(long), "unsupported not-an-image", "WebM|Matroska|video", 1),
        ("text/html", PAGE, "not-an-image", "reading room", 3),
        ("application/zip", ZIP + bytes(long), "unsupported not-an-image", "zip|archive", 3),
        ("application/gzip", packed, "unsupported not-an-image", "gzip|archive", 3),
        ("application/pdf", b"%PDF-1.7\n" + bytes(4096), "unsupported not-an-image", "PDF", 3),
        ("application/json", b'{"error": "the ledger is lost"}', "not-an-image", "ledger is lost", 3),
        ("image/jpeg", b"", "not-an-image truncated", "", 3),
        ("image/avif", b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf" + bytes(4096), "unsupported", "AVIF", 1),
        ("image/heic", b"\0\0\0\x18ftypheic\0\0\0\0heicmif1" + bytes(4096), "unsupported", "HEI", 1),
        ("image/jxl", b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(4096), "unsupported", "JPEG XL|JXL", 1),
        ("image/svg+xml", b'<svg xmlns="http://www.w3.org/2000/svg"/>', "unsupported", "SVG", 1),
    ]
    host = trial.host("a", 16, lambda asked: Answer(reply(answers[number(asked)][1], "200 OK", answers[number(asked)][0]))
                      if 0 <= number(asked) < len(answers) else None)
    for n, (_, _, kinds, words, _) in enumerate(answers):
        trial.fails([f"a{n}"], kinds, words)

    def is_asked_little(_):
        for n, (media_type, *_, most) in enumerate(answers):
            asked = len(host.asked(f"/p/{n}.jpg"))
            assert asked <= most, f"{media_type}: {asked} requests, {most} are enough"
    trial.checks.append(is_asked_little)


# HTTP as it is.

@kind
def redirects(trial):
    moved = lambda where: Answer(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + where + b"\r\n\r\n")
    deep = {0: 7, 1: 10, 2: 11}

    def fault(asked):
        n = number(asked)
        if n in deep:
            return moved(b"/hop/%d/%d.jpg" % (n, deep[n] - 1) if deep[n] > 1 else b"/end/%d.jpg" % n)
        if found := re.fullmatch(r"/hop/(\d+)/(\d+)\.jpg", asked.path):
            n, left = int(found[1]), int(found[2])
            return moved(b"/hop/%d/%d.jpg" % (n, left - 1) if left > 1 else b"/end/%d.jpg" % n)
        special = {3: b"/p/3.jpg", 4: b"/back.jpg", 5: b"/caf\xe9.jpg", 6: b"/gone.jpg"}
        if n in special:
            return moved(special[n])
        return moved(b"/p/4.jpg") if asked.path == "/back.jpg" else None
    host = trial.host("a", 12, fault)
    for n in deep:
        host.files[f"/end/{n}.jpg"] = host.files[f"/p/{n}.jpg"]
    host.files["/caf%E9.jpg"] = host.files["/p/5.jpg"]
    trial.fails(["a2", "a3", "a4"], "protocol", "more redirects than 10")
    trial.fails(["a6"], "not-found", "404.*no such page.*redirected to .*/gone.jpg")

    def is_followed(_):
        asked = len(host.log)
        # 10 redirects are 11 requests; one retry is enough to see that they lead nowhere.
        assert asked <= 5 + 8 + 11 + 3 * 2 * 11 + 2 + 2, f"{asked} requests"
        journal = [json.loads(line) for line in (trial.folder / "images/downloads.jsonl").read_text().splitlines()]
        line = next(json.dumps(entry) for entry in journal if entry["id"] == "a0")
        assert "/end/0.jpg" in line, f"the journal does not say where redirects led: {line}"
    trial.checks.append(is_followed)


@kind
def malformed_headers(trial):
    lines = [b"no colon in this line", b"Bad Name: x", b"X-Caf\xe9: caf\xe9", b"X-Folded: one\r\n two", b"X-Empty:", b": no name",
             b"Set-Cookie: a=\x01\x02", b"Content-Length: LENGTH"]

    def fault(asked):
        n = number(asked)
        body = asked.host.files[asked.path][1]
        length = str(len(body)).encode()
        if n < len(lines):
            head = b"HTTP/1.1 200 OK\r\n" + lines[n].replace(b"LENGTH", length) + b"\r\nContent-Length: " + length + b"\r\n\r\n"
        else:
            head = [b"HTTP/1.1 200\r\nContent-Length: %s\r\n\r\n" % length, b"HTTP/1.1 200 OK\nContent-Length: %s\n\n" % length,
                    b"HTTP/1.0 200 OK\r\n\r\n"][n - len(lines)]
        return Answer(head + body, "close" if head.startswith(b"HTTP/1.0") else "keep")
    count = len(lines) + 3
    trial.host("a", count, fault, most=count)


@kind
def a_head_without_end(trial):
    host = trial.host("a", 12, lambda asked: Answer(b"HTTP/1.1 200 OK\r\n", "endless", b"X-More: and more\r\n" * 500)
                      if number(asked) == 2 else None, most=12 + 2 * (1 + RETRIES))
    trial.fails(["a2"], "protocol", "closed the connection|head|too large")
    trial.checks.append(lambda _: in_few(max(entry.sent for entry in host.log) // MIB, 2))


@kind
def stale_connections(trial):
    trial.options["--retries"] = 0
    for letter, fault in STALE.items():
        trial.host(letter, 24, fault, most=24 + 12)


@kind
def stale_connections_side_by_side(trial):
    """Several are open, and all are stale at once."""
    trial.options |= {"--retries": 0, "--rate": 0}
    for letter, fault in STALE.items():
        trial.host(letter, 80, fault, most=80 + 40, latency=0.03)
        trial.may_fail.update({name: ({"network"}, "closed the connection") for name in all_of(letter, 80)})
    # OWED: what is asked again at once may be asked on another stale connection, and fails.
    trial.checks.append(lambda _: trial.owed(not trial.failures(), f"lost at stale connections: {sorted(trial.failures())}"))


def ends(then):
    return lambda asked: Answer(then=then) if asked.before_here >= 3 else None


def ends_after_the_third(asked):
    return Answer(reply(asked.host.files[asked.path][1]), "close") if asked.before_here == 2 else None


# Hosts that close each connection after three answers, in silence: at the fourth request, by a reset there, or at once.
STALE = {"a": ends("close"), "b": ends("reset"), "c": ends_after_the_third}


@kind
def content_codings(trial):
    raw = zlib.compressobj(9, zlib.DEFLATED, -15)
    codings = {
        "gzip": gzip.compress, "x-gzip": gzip.compress, "GZIP": gzip.compress, "deflate": zlib.compress,
        "deflate ": lambda body: raw.compress(body) + raw.flush(), "br": brotli, "zstd": zstandard, "aws-chunked": bytes,
        # Said, and not done, or something else.
        "gzip ": bytes, "br ": bytes, "zstd ": bytes, "deflate  ": bytes, "identity": bytes, "utf-8": bytes,
        "br  ": gzip.compress,
    }
    packed = list(codings.items())

    def fault(asked):
        coding, pack = packed[number(asked)]
        return Answer(reply(pack(asked.host.files[asked.path][1]), "200 OK", "image/jpeg", f"Content-Encoding: {coding.strip()}"))
    trial.host("a", len(packed), fault, most=len(packed))


def brotli(body):
    """A block that is not compressed, and the last, empty one (RFC 7932 §9.2)."""
    head = (len(body) - 1) << 4 | 1 << 20
    return (head & 0xFFFFFF).to_bytes(3, "little") + body + b"\3"


def zstandard(body):
    """A frame of one block that is not compressed (RFC 8878 §3.1.1)."""
    return b"\x28\xb5\x2f\xfd\x60" + (len(body) - 256).to_bytes(2, "little") + (len(body) << 3 | 1).to_bytes(3, "little") + body


@kind
def cut_short(trial):
    def fault(asked):
        body = asked.host.files[asked.path][1]
        cut = {1: reply(body)[:-200], 4: reply(body[:-200])}
        return Answer(cut[number(asked)], "close") if number(asked) in cut else None
    trial.host("a", 12, fault, most=12 + 2 * RETRIES + 2)
    trial.fails(["a1"], "truncated", "cut short|ends|missing")
    # All the bytes that are announced came.
    trial.fails(["a4"], "damaged", "ends")


# Image services.

class Service:
    """An image with a service: `info` as it should be, the whole image, and any region."""

    def __init__(self, trial, host, name, width=320, height=240, own=False):
        self.host, self.name, self.path = host, name, f"/iiif/{name}"
        rough = random.Random(name)
        small = Image.new("RGB", (20, 15))
        small.putdata([tuple(rough.randrange(256) for _ in range(3)) for _ in range(300)])
        self.image = small.resize((width, height), Image.BICUBIC)
        self.body = encoded(self.image)
        self.info = {"@context": "http://iiif.io/api/image/2/context.json", "@id": host.url + self.path[1:],
                     "protocol": "http://iiif.io/api/image", "width": width, "height": height,
                     "profile": ["http://iiif.io/api/image/2/level2.json"]}
        self.tell(self.info)
        host.files[f"{self.path}/full/full/0/default.jpg"] = ("image/jpeg", self.body)
        host.files[f"{self.path}/full/max/0/default.jpg"] = ("image/jpeg", self.body)
        host.files[f"{self.path}.jpg"] = ("image/jpeg", self.body)
        where = {"service": {"id": self.info["@id"], "version": 2}, "width": width, "height": height}
        trial.wanted[name] = hashlib.sha256(self.body).hexdigest()
        if own:
            where["url"] = host.url + f"iiif/{name}.jpg"
        row = {"id": name, "group": "g", "image": where, "source": {"kind": "iiif"}}
        trial.rows.insert(sum(not row["id"].startswith("u") for row in trial.rows), row)

    def tell(self, info):
        self.host.files[self.path + "/info.json"] = ("application/json", json.dumps(info).encode())

    def asked(self):
        return [entry for entry in self.host.log if entry.path.startswith(self.path + "/") or entry.path == self.path + ".jpg"]


def services_of(trial, letter, count, fault=None, **more):
    host, trial.each = trial.host(letter, 0, fault), 2
    return host, [Service(trial, host, f"{letter}{n}", **more) for n in range(count)]


def infos(trial, answers, letter="a", **more):
    """A host of services, of which some have an info.json of another kind: number → answer, or what changes it."""
    def fault(asked):
        found = re.fullmatch(rf"/iiif/{letter}(\d+)/info\.json", asked.path)
        said = answers.get(int(found[1])) if found else None
        return said(asked) if callable(said) else said
    return services_of(trial, letter, 12, fault, **more)


@kind
def info_json_fails(trial):
    """The images have URLs of their own, which answer."""
    page = lambda status: Answer(reply(PAGE, status, "text/html"))
    answers = {0: page("404 Not Found"), 2: page("403 Forbidden"), 4: page("200 OK"), 5: page("500 Oh dear"),
               7: Answer(reply(b'{"width": 320, "hei', "200 OK", "application/json")),
               9: Answer(reply(b"", "200 OK", "application/json"))}
    host, services = infos(trial, answers, own=True)
    # Two requests where all is well; where not, at most the retries and the file.
    trial.most.append((host, 6 * 2 + 6 * (1 + RETRIES + 1)))
    trial.checks.append(lambda _: teaches_nothing(trial, services, answers))


@kind
def info_json_fails_for_good(trial):
    """Nothing else has these images: they fail, with the words of the server, and the others do not."""
    page = lambda status: Answer(reply(PAGE, status, "text/html"))
    answers = {0: page("404 Not Found"), 2: page("403 Forbidden"), 4: page("200 OK"), 5: page("500 Oh dear")}
    host, services = infos(trial, answers)
    trial.fails(["a0"], "not-found", "404.*reading room")
    trial.fails(["a2"], "forbidden", "403")
    # OWED: of an info.json that is forbidden the words are not told.
    trial.owes_words("a2", "reading room")
    trial.fails(["a4"], "info not-an-image", "info.json")
    trial.fails(["a5"], "server", "500.*Oh dear.*reading room")
    trial.most.append((host, 8 * 2 + 4 * (1 + RETRIES)))
    trial.checks.append(lambda _: teaches_nothing(trial, services, answers))


@kind
def info_json_off_by_a_pixel(trial):
    host, services = services_of(trial, "a", 12, lambda asked: outside(asked, services))
    for n, (more, higher) in {0: (1, 0), 3: (0, 1), 5: (2, 2), 7: (-1, 0)}.items():
        services[n].tell(services[n].info | {"width": 320 + more, "height": 240 + higher})
    # The whole twice, and a look at the edge.
    trial.most.append((host, 8 * 2 + 4 * 4))
    trial.checks.append(lambda _: teaches_nothing(trial, services, {0, 3, 5, 7}))


def outside(asked, services):
    """Regions, as a server of Image API 2.1 gives them: none that lies outside."""
    found = re.fullmatch(r"/iiif/[a-z](\d+)/(\d+),(\d+),(\d+),(\d+)/(?:full|max|(\d+),\d*)/0/default\.jpg", asked.path)
    if not found:
        return None
    n, x, y, width, height = (int(part) for part in found.groups()[:5])
    image = services[n].image
    if x >= image.width or y >= image.height:
        return refusal("400 Bad Request", "outside of the image")
    part = image.crop((x, y, min(x + width, image.width), min(y + height, image.height)))
    return Answer(reply(encoded(part)), fault=None)


@kind
def info_json_of_other_forms(trial):
    """Sizes at level 0, where only what is listed is there; tiles that are an object, or named by strings."""
    host, services = services_of(trial, "a", 12)
    sizes = [{"width": 320, "height": 240}]
    level_0 = {"profile": ["http://iiif.io/api/image/2/level0.json"], "sizes": sizes}
    forms = {1: level_0, 4: {"tiles": {"width": 256, "scaleFactors": [1, 2]}}, 6: {"tiles": []},
             8: {"width": "320", "height": "240"}, 10: level_0 | {"sizes": [{"width": 80, "height": 60}, *sizes]}}
    for n, form in forms.items():
        services[n].tell(services[n].info | form)
        if "sizes" in form:
            for size in ("320,", "320,240"):
                host.files[f"{services[n].path}/full/{size}/0/default.jpg"] = ("image/jpeg", services[n].body)
            for size in ("full", "max"):
                del host.files[f"{services[n].path}/full/{size}/0/default.jpg"]
    trial.most.append((host, 7 * 2 + 5 * 4))
    trial.checks.append(lambda _: teaches_nothing(trial, services, forms))


@kind
def one_image_is_restricted(trial):
    """Of one host an image is refused, of another one is given in small only, whatever is requested of it."""
    def refused(asked):
        return refusal("403 Forbidden", "For the curator") if "/a1/" in asked.path and "info" not in asked.path else None

    def smaller(asked):
        if "/b1/" in asked.path and "info" not in asked.path:
            return Answer(reply(encoded(of_b[1].image.resize((100, 75)))))
        return outside(asked, of_b)
    a, of_a = services_of(trial, "a", 12, refused)
    b, of_b = services_of(trial, "b", 12, smaller)
    trial.fails(["a1"], "forbidden", "403.*for the curator")
    trial.fails(["b1"], "wrong-size", "100 x 75")
    trial.most += [(a, 11 * 2 + 16), (b, 11 * 2 + 32)]
    trial.checks += [lambda _: teaches_nothing(trial, of_a, {1}), lambda _: teaches_nothing(trial, of_b, {1})]


def teaches_nothing(trial, services, odd):
    """The others are had in two requests each, in this run, and nothing is remembered for later ones."""
    for n, service in enumerate(services):
        asked = [entry.path for entry in service.asked()]
        assert n in odd or len(asked) == 2, f"an image of which nothing is wrong took {len(asked)} requests: {asked}"
    caps = trial.folder / "images/.recto/caps.json"
    assert not caps.exists() or json.loads(caps.read_text()) == {}, f"remembered for later runs: {caps.read_text()}"


@kind
def cookies_of_info_json(trial):
    """Images are given only to who shows the cookie that came with info.json."""
    def fault(asked):
        if asked.path.endswith("info.json"):
            return Answer(reply(asked.host.files[asked.path][1], "200 OK", "application/json", "Set-Cookie: visit=7; Path=/"))
        return None if "visit=7" in asked.headers.get("cookie", "") else refusal("403 Forbidden", "No visit")
    host, _ = services_of(trial, "a", 8, fault)
    trial.most.append((host, 16))


# Many hosts.

@kind
def many_hosts_few_files(trial):
    trial.files = 128
    # 600 images of others are work, too.
    trial.slack = 6
    for n in range(300):
        trial.host(f"m{n}-", 2, most=2)


@kind
def rows_sorted_by_host(trial):
    for n in range(10):
        trial.host(f"h{n}-", 14, most=14)

    def as_fast(took):
        mixed = Trial(trial.bench, "rows mixed", UNDISTURBED)
        for n in range(10):
            mixed.host(f"h{n}-", 14, most=14)
        random.Random(3).shuffle(mixed.rows)
        start = time.monotonic()
        mixed.run_first()
        other = time.monotonic() - start
        assert took <= 1.2 * other + SLACK, f"sorted by host {took:.1f} s, mixed {other:.1f} s"
    trial.checks.append(as_fast)


# All of it.

def menu(asked, body):
    """What may come in place of an answer, with the kinds of trouble that may be told of it. Not in it is what ends a host by
    its own word: pauses and delays without end."""
    packed = reply(gzip.compress(body), "200 OK", "image/jpeg", "Content-Encoding: x-gzip")
    plain = reply(body, "200 OK", "image/jpeg", "Content-Encoding: gzip")
    odd = b"HTTP/1.1 200 OK\r\nno colon\r\nContent-Length: %d\r\n\r\n" % len(body)
    to = f"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: {asked.path}\r\n\r\n".encode()
    return [
        ("silent", Answer(then="silence"), {"timeout"}),
        ("reset", Answer(then="reset"), {"network"}),
        ("close", Answer(then="close"), {"network"}),
        ("403", refusal("403 Forbidden", "Members only"), {"forbidden"}),
        ("404", refusal("404 Not Found", "Lost"), {"not-found"}),
        ("429", refusal("429 Slow", "Slower", "Retry-After: 1"), {"too-many"}),
        ("503", refusal("503 Busy", "Busy"), {"server"}),
        ("503 nan", refusal("503 Busy", "Busy", "Retry-After: nan"), {"server"}),
        ("500", refusal("500 Oh dear", "Broken"), {"server"}),
        ("cut", Answer(reply(body)[:-200], "close"), {"truncated"}),
        ("page", Answer(reply(PAGE, "200 OK", "text/html")), {"not-an-image"}),
        ("video", Answer(reply(MP4 + bytes(4 * MIB), "200 OK", "video/mp4")), {"unsupported", "not-an-image"}),
        ("endless", Answer(b"HTTP/1.1 200 OK\r\n\r\n" + ZIP, "endless", bytes(16384)), {"unsupported", "not-an-image"}),
        ("redirect", Answer(to), {"protocol"}),
        ("malformed", Answer(odd + body), set()),
        ("x-gzip", Answer(packed), set()),
        ("gzip said", Answer(plain), set()),
    ]


KINDS_OF = {name: kinds for name, _, kinds in menu(type("", (), {"path": "/"}), b"")}


def mixed(trial, seed):
    """A fifth of the answers of four hosts; two others are undisturbed."""
    trial.undisturbed.pop()
    trial.rows = [row for row in trial.rows if not row["id"].startswith(f"u{UNDISTURBED - 1}-")]
    trial.wanted = {name: digest for name, digest in trial.wanted.items() if not name.startswith(f"u{UNDISTURBED - 1}-")}

    def fault(letter):
        def of(asked):
            chance = random.Random(f"{seed} {letter} {asked.path} {asked.before}")
            if chance.random() >= 0.2:
                return None
            name, answer, _ = chance.choice(menu(asked, asked.host.files[asked.path][1]))
            answer.fault = name
            return answer
        return of
    hosts = {letter: trial.host(letter, 30, fault(letter), most=30 * 5) for letter in "abcd"}
    anything = set().union(*KINDS_OF.values())
    trial.may_fail.update({row["id"]: (anything, "") for row in trial.rows if row["id"][0] in hosts})

    def is_true(_):
        for name, row in trial.failures().items():
            asked = hosts[name[0]].asked(f"/p/{name[1:]}.jpg")
            last = asked[-1].fault if asked else None
            left = "not asked any more" in row["message"]
            assert left or last and row["kind"] in KINDS_OF[last], f"{name}: told `{row['kind']}`, met {last}: {row['message']}"
            assert int(row["attempts"]) == len(asked), f"{name}: {len(asked)} requests made: {row}"
        met = {entry.fault for host in hosts.values() for entry in host.log} - {None}
        assert len(met) >= 10, f"of the menu only {sorted(met)} were met"
    trial.checks.append(is_true)


for seed in (1, 2, 3):
    KINDS[f"all of it {seed}"] = lambda trial, seed=seed: mixed(trial, seed)


if __name__ == "__main__":
    sys.exit(main())
