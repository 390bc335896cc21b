#!/usr/bin/env python3
"""A set downloaded by four workers is the set that one downloads, for as many requests, whoever starts the workers.

    judge_cluster.py PROGRAMS WORK [--only NAME]

PROGRAMS: folder of recto-download, recto-shard and recto-reformat. WORK: scratch, with what judge_cluster.sh puts there.

Each engine has an archive of its own on loopback (faulty_hosts.py): five hosts, of which one has more than a shard's share, and
two images are gone. One worker downloads the set first. Then the engine does, as examples/cluster/ shows it, and meets what
happens on clusters: a worker is killed, preempted, or ends early because a host refuses its first requests. Of each: every image
was asked for exactly once, but for what a killed worker had in hand and what is gone; no host was asked faster or more at a time
than by one worker; and the files, image_map.json and failures.csv are byte for byte those of one worker.
"""
import argparse
import collections
import concurrent.futures
import io
import json
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import sys
import tarfile
import time
import urllib.request
import zlib
from xml.etree import ElementTree

from faulty_hosts import Answer, Hosts, reply
from free_port import free_port
from small_kubernetes import Cluster

EXAMPLES = pathlib.Path(__file__).resolve().parent.parent / "examples" / "cluster"
# Images of each host, in groups of four: the first host is divided among shards.
HOSTS, GROUP, SHARDS = (24, 9, 9, 9, 9), 4, 4
GONE = {(0, 4), (3, 4)}
# The last host refuses its first requests, where an engine is to try again.
BUSY, REFUSED = 4, 2
# Requests in a second, and at a time, to a host.
RATE, AT_ONCE = 5, 4
OPTIONS = ["--rate", str(RATE), "--contact", "judge@example.org"]
# What fails is left to the engine.
NO_RETRIES = ["--retries", "0"]
LONGEST = 150
ENGINES = {}
# Snakemake asks Slurm only now and then: it begins first.
LONG = ["snakemake on slurm", "slurm"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("programs", type=pathlib.Path)
    parser.add_argument("work", type=pathlib.Path)
    parser.add_argument("--only", help="one engine")
    args = parser.parse_args()
    tools = Tools(args.programs.resolve(), args.work.resolve())
    shutil.rmtree(tools.runs, ignore_errors=True)
    names = [args.only] if args.only else sorted(ENGINES, key=lambda name: name not in LONG)
    if not args.only and not (tools.venv / "ray").exists():
        # A large download, made where judge_cluster.sh is told to.
        names.remove("ray")
    hosts = Hosts()
    trials = [Trial(tools, name, hosts) for name in names]
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        outcomes = collections.Counter(pool.map(Trial.judged, trials))
    print(f"{len(trials)} ways to start workers: {outcomes['ok']} as one worker, {outcomes['skipped']} skipped, "
          f"{outcomes['FAIL']} with faults")
    return 1 if outcomes["FAIL"] or not outcomes["ok"] else 0


class Missing(Exception):
    """A tool is not there."""


class Tools:
    """What engines run with."""

    def __init__(self, programs, work):
        self.runs, self.venv, self.slurm = work / "runs", work / "venv" / "bin", work / "slurm" / "bin"
        self.path = f"{programs}:{self.slurm}:{self.venv}:{os.environ['PATH']}"
        self.env = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        self.env.update(PATH=self.path, PYTHONDONTWRITEBYTECODE="1")

    def need(self, *names):
        for name in names:
            if not shutil.which(name, path=self.path):
                raise Missing(f"there is no {name}")

    def need_slurm(self):
        # Not whatever else this machine submits jobs to.
        if not (self.slurm / "sbatch").exists():
            raise Missing("there is no Slurm of its own: slurmctld, slurmd and munged are needed")


def engine(run):
    """A way to start workers: a function of a trial, which leaves what recto-shard merge makes of their folders."""
    ENGINES[run.__name__.replace("_", " ")] = run
    return run


class Trial:
    """An engine, and an archive that nobody else asks."""

    def __init__(self, tools, name, hosts):
        self.tools, self.name, self.folder = tools, name, tools.runs / name.replace(" ", "-")
        # The shard of a worker that is killed: what it had in hand is asked for again.
        self.killed, self.rows, self.hosts, self.told = None, [], [], []
        self.most_again = AT_ONCE
        (self.folder / "alone").mkdir(parents=True)
        for number, count in enumerate(HOSTS):
            host = hosts.start(busy if number == BUSY else None)
            self.hosts.append(host)
            for n in range(count):
                if (number, n) not in GONE:
                    host.files[f"/p/{n}.png"] = ("image/png", picture(100 * number + n))
                self.rows.append({"id": f"{number}-{n}", "group": f"volume {number}-{n // GROUP}",
                                  "image": {"url": f"{host.url}p/{n}.png"}, "source": {"kind": "table"}})
        contract = {"contract": "recto/localizations", "version": 1, "images": self.rows}
        for folder in (self.folder, self.folder / "alone"):
            (folder / "localizations.json").write_text(json.dumps(contract))

    def judged(self):
        """What came of it, in a word."""
        try:
            print(f"ok    {self.name}: {self.judge()}", flush=True)
            return "ok"
        except Missing as missing:
            # As scripts/needs.sh: a green run of CI means that everything was checked.
            word = "FAIL" if os.environ.get("CI") == "true" else "skipped"
            print(f"{word}  {self.name}: {missing}", flush=True)
            return word
        except (AssertionError, subprocess.SubprocessError, OSError, KeyError, ValueError) as fault:
            print(f"FAIL  {self.name}: {type(fault).__name__}: {fault}", flush=True)
            return "FAIL"

    def judge(self):
        self.begin(is_faulty=False)
        self.run(["recto-download", "localizations.json", "images", *OPTIONS], cwd=self.folder / "alone", codes=[3])
        self.hold_requests()
        self.begin(is_faulty=True)
        start = time.monotonic()
        ENGINES[self.name](self)
        took = time.monotonic() - start
        asked = self.hold_requests()
        refused = sum(entry.fault is not None for entry in self.hosts[BUSY].log)
        assert refused, "no request was refused"
        self.hold_files()
        told = "".join(f"; {what}" for what in self.told)
        return f"{asked} requests for {len(self.rows)} images, {took:.0f} s{told}"

    def begin(self, is_faulty):
        for host in self.hosts:
            host.mend()
            host.is_faulty, host.most_in_flight = is_faulty, 0

    def run(self, command, codes=(0,), env=(), **more):
        ran = self.start(command, env=env, **more)
        try:
            said, _ = ran.communicate(timeout=LONGEST)
        except subprocess.TimeoutExpired:
            os.killpg(ran.pid, signal.SIGKILL)
            raise
        assert ran.returncode in codes, f"exit code {ran.returncode} of {command[0]}: {said[-600:]}"
        return said

    def start(self, command, env=(), **more):
        more = {"cwd": self.folder, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True} | more
        return subprocess.Popen([str(part) for part in command], env=self.tools.env | dict(env), start_new_session=True, **more)

    def plan(self):
        self.run(["recto-shard", "plan", "localizations.json", "-n", SHARDS, "-o", "plan"])

    def merge(self):
        self.run(["recto-shard", "merge", "images"], codes=[3])

    def waiting(self):
        """Numbers of the shards that another run may complete, as schedulers take them."""
        return self.run(["recto-shard", "status", "plan", "images", "--failed"], stderr=subprocess.DEVNULL).strip()

    def shards_of(self, number):
        """Numbers of the shards with images of a host."""
        shards = json.loads((self.folder / "plan" / "plan.json").read_text())["shards"]
        name = self.hosts[number].url.split("/")[2]
        return [n for n, shard in enumerate(shards) if name in [host["host"] for host in shard["hosts"]]]

    def images_of(self, shard):
        """Number of the host, and path, of the images of a shard."""
        rows = json.loads((self.folder / "plan" / f"shard-{shard:05}.json").read_text())["images"]
        return {(int(number), f"/p/{n}.png") for number, n in (row["id"].split("-") for row in rows)}

    def until(self, holds, what):
        end = time.monotonic() + LONGEST
        while not (found := holds()):
            assert time.monotonic() < end, f"waited in vain: {what}"
            time.sleep(0.02)
        return found

    def has_begun(self, shard, images=3):
        journal = self.folder / "images" / f"shard-{shard:05}" / "downloads.jsonl"
        return journal.exists() and journal.read_bytes().count(b"\n") >= images

    def hold_requests(self):
        """Every image given once, and no host asked for more than one worker may."""
        given = collections.Counter()
        for number, host in enumerate(self.hosts):
            given.update((number, entry.path) for entry in host.asked() if not entry.fault)
            assert host.most_in_flight <= AT_ONCE, f"{host.most_in_flight} requests at a time to {host.url}"
            starts = sorted(entry.start for entry in host.asked())
            # A worker begins with a few at once; over three seconds that weighs less.
            most = max((sum(start <= other < start + 3 for other in starts) for start in starts), default=0)
            assert most <= RATE * 3 + AT_ONCE, f"{most} requests within 3 s to {host.url}"
        wanted = {(number, f"/p/{n}.png") for number, count in enumerate(HOSTS) for n in range(count)}
        assert set(given) == wanted, f"asked for by nobody: {sorted(wanted - set(given))}"
        # What a host says is gone is asked for once more, by the worker that is begun again.
        gone = {(number, f"/p/{n}.png") for number, n in GONE}
        assert all(given[image] <= 2 for image in gone), "asked for again and again, although it is gone"
        again = {image for image, count in given.items() if count > 1 and image not in gone}
        in_hand = self.images_of(self.killed) if self.killed is not None else set()
        assert again <= in_hand and len(again) <= self.most_again, f"asked for again: {sorted(again)}"
        return sum(given.values())

    def hold_files(self):
        alone = self.folder / "alone"
        for name in ("image_map.json", "failures.csv"):
            assert (self.folder / name).read_bytes() == (alone / name).read_bytes(), f"{name} is not that of one worker"
        found, wanted = contents(self.folder / "images"), contents(alone / "images")
        differ = [path for path in found.keys() | wanted if found.get(path) != wanted.get(path)]
        assert len(wanted) == len(self.rows) - len(GONE) and not differ, f"not the files of one worker: {sorted(differ)}"
        assert journal(self.folder / "images") == journal(alone / "images"), "the journal is not that of one worker"


def busy(asked):
    """Refuses the first request of some images."""
    is_refused = asked.before == 0 and asked.path in [f"/p/{n}.png" for n in range(REFUSED)]
    return Answer(reply(b"", "503 Service Unavailable"), fault="503") if is_refused else None


def contents(folder):
    """The images of a folder, without those of its workers."""
    files = [path for path in folder.rglob("*.png") if not path.relative_to(folder).parts[0].startswith("shard-")]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def journal(folder):
    """What the journal says last of each image, without when and after how many tries."""
    lines = [json.loads(line) for line in (folder / "downloads.jsonl").read_text().splitlines()]
    return {line["id"]: {key: value for key, value in line.items() if key not in ("when", "attempts")} for line in lines}


def picture(seed):
    """A small PNG that differs from all others."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    width, height = 40, 30
    rows = b"".join(b"\0" + bytes((x * 5 + y * 3 + seed) % 256 for x in range(3 * width)) for y in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"tEXt", b"n\0%d" % seed) + \
        chunk(b"IEND", b"")


# Engines.

@engine
def processes(trial):
    """Four processes, of which one is killed and none is told that a host comes back: people who type."""
    trial.plan()
    command = ["recto-download", "plan", "images", *OPTIONS, *NO_RETRIES, "--progress", "none"]
    workers = [trial.start([*command, "--shard", f"{n}/{SHARDS}"]) for n in range(SHARDS)]
    killed, busy = trial.shards_of(0)[0], trial.shards_of(BUSY)[0]
    trial.until(lambda: trial.has_begun(killed), f"shard {killed} begins")
    workers[killed].kill()
    trial.killed = killed
    codes = [worker.wait(LONGEST) for worker in workers]
    for worker in workers:
        worker.stdout.close()
    assert codes[killed] == -signal.SIGKILL and codes[busy] == 75, f"exit codes {codes}"
    waiting = trial.waiting()
    assert waiting == ",".join(map(str, sorted({killed, busy}))), f"status --failed: {waiting}"
    for shard in waiting.split(","):
        trial.run([*command, "--shard", f"{shard}/{SHARDS}"], codes=[0, 3])
    assert not trial.waiting(), f"status --failed: {trial.waiting()}"
    trial.merge()
    trial.told.append("one killed, one begun again after 75")


@engine
def parallel(trial):
    trial.tools.need("parallel")
    trial.run([EXAMPLES / "parallel.sh", "localizations.json", "images", SHARDS, *OPTIONS, *NO_RETRIES], env={"PAUSE": "1"})
    trial.told.append("one begun again after 75")


@engine
def slurm(trial):
    """An array of which one task is preempted, one killed, and one puts itself back into the queue."""
    trial.tools.need_slurm()
    trial.plan()
    preempted, killed = trial.shards_of(0)
    submit = ["sbatch", "--parsable", "--time=5", "--mem=100", "--output=task-%a.log"]
    script = [EXAMPLES / "slurm.sh", "plan", "images", *OPTIONS, *NO_RETRIES]
    job = trial.run([*submit, f"--array=0-{SHARDS - 1}", *script]).strip()
    trial.until(lambda: trial.has_begun(preempted) and trial.has_begun(killed), "two tasks begin")
    trial.run(["scontrol", "requeue", f"{job}_{preempted}"])
    os.kill(process_of(trial.folder, "SLURM_ARRAY_TASK_ID", killed), signal.SIGKILL)
    trial.killed = killed
    requeued = ended(trial, job)
    assert requeued == {str(preempted), str(trial.shards_of(BUSY)[0])}, f"back in the queue: {sorted(requeued)}"
    assert trial.waiting() == str(killed), f"status --failed: {trial.waiting()}"
    ended(trial, trial.run([*submit, f"--array={trial.waiting()}", *script]).strip())
    assert not trial.waiting(), f"status --failed: {trial.waiting()}"
    trial.merge()
    trial.told.append("one task preempted, one killed and submitted again, one put itself back after 75")
    training_set(trial)


def training_set(trial):
    """A training set by an array and the job after it: byte for byte that of one machine."""
    options = ["localizations.json", "-f", "voc,yolo", "--split", "train=0.7,val=0.3"]
    trial.run(["recto-reformat", *options, "-o", "set-alone"], codes=[3])
    limits = {"SBATCH_TIMELIMIT": "5", "SBATCH_MEM_PER_NODE": "100", "SBATCH_OUTPUT": "reformat-%j.log"}
    trial.run([EXAMPLES / "reformat.sh", SHARDS, *options, "-o", "set"], env=limits)
    trial.until(lambda: (trial.folder / "set" / "dataset.json").exists(), "the set is there")
    found, wanted = (files_of(trial.folder / name) for name in ("set", "set-alone"))
    differ = sorted(name for name in found.keys() | wanted.keys() if found.get(name) != wanted.get(name))
    assert wanted and not differ, f"a training set by workers: {differ} differ"
    trial.until(lambda: not (trial.folder / "set.shards").exists(), "its parts are removed")
    trial.told.append(f"a training set by {SHARDS} tasks")


def files_of(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def ended(trial, job):
    """Waits until a job has ended, and does not let what is back in the queue wait for two minutes; which tasks that were."""
    since = {}

    def has_ended():
        rows = trial.run(["squeue", "--noheader", "--array", "--format=%K %T", "--jobs", job], codes=[0, 1])
        tasks = dict(row.split() for row in rows.splitlines() if row[:1].isdigit())
        for task in (task for task, state in tasks.items() if state == "PENDING"):
            # A node refuses what begins in the second in which the same task was ended.
            if time.monotonic() - since.setdefault(task, time.monotonic()) > 3:
                trial.run(["scontrol", "update", f"jobid={job}_{task}", "starttime=now"], codes=[0, 1])
        time.sleep(0.5)
        return not tasks

    trial.until(has_ended, f"job {job} ends")
    return set(since)


def process_of(folder, name, value):
    """The recto-download that works in a folder with this in its environment."""
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            # Where recto is one program, recto-download is one of its commands.
            is_there = (process / "comm").read_text().strip() in ("recto", "recto-download") and (process / "cwd").resolve() == folder
            if is_there and f"{name}={value}".encode() in (process / "environ").read_bytes().split(b"\0"):
                return int(process.name)
        except OSError:
            continue
    raise AssertionError(f"no recto-download with {name}={value} is at work in {folder}")


def snakemake_command(profile, *more, config=()):
    options = " ".join([*OPTIONS, *NO_RETRIES])
    return ["snakemake", "--snakefile", EXAMPLES / "Snakefile", "--profile", EXAMPLES / "profiles" / profile, *more,
            "--config", f"shards={SHARDS}", "minutes=10", "pause=1", f"options={options}", *config]


def snakemake(trial, profile, *more, config=(), env=()):
    trial.tools.need("snakemake")
    trial.run(snakemake_command(profile, *more, config=config), env=env)
    dataset = json.loads((trial.folder / "coco" / "dataset.json").read_text())
    assert dataset["contract"] == "recto/dataset", dataset
    trial.told.append("one job begun again after 75; a COCO dataset")


@engine
def snakemake_here(trial):
    snakemake(trial, "local")


@engine
def snakemake_on_slurm(trial):
    trial.tools.need_slurm()
    # This Slurm keeps no accounts, and all is seen at once.
    snakemake(trial, "slurm", "--slurm-no-account", "--slurm-init-seconds-before-status-checks", 3, "--slurm-status-command",
              "squeue", "--latency-wait", 5, "--default-resources", "mem_mb=100", "runtime=5", "slurm_partition=short",
              "--set-resources", "download:mem_mb=100", "reformat:mem_mb=100")


class Bucket:
    """The bucket of the profile for Kubernetes, in a store that is moto's S3."""

    def __init__(self, trial):
        trial.tools.need("moto_server")
        self.trial, port = trial, free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.env = {"AWS_ACCESS_KEY_ID": "judge", "AWS_SECRET_ACCESS_KEY": "sesame", "AWS_REGION": "us-east-1",
                    "AWS_ENDPOINT_URL": self.url, "AWS_ALLOW_HTTP": "true"}
        self.server = trial.start(["moto_server", "-H", "127.0.0.1", "-p", port], stdout=subprocess.DEVNULL)

    def __enter__(self):
        self.trial.until(self.is_open, "the store answers")
        self.ask("PUT", "")
        return self

    def __exit__(self, *_):
        self.server.terminate()
        self.server.wait()

    def is_open(self):
        try:
            return self.ask("GET", "", at=self.url)
        except OSError:
            return False

    def ask(self, method, key, body=None, at=None):
        # moto looks whether a request is signed, and not how.
        headers = {"Authorization": "AWS judge:sesame", "Content-Type": "application/octet-stream"}
        request = urllib.request.Request(at or f"{self.url}/bucket/{key}", body, headers, method=method)
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
            return answer.read()

    def keys(self, prefix):
        listed = ElementTree.fromstring(self.ask("GET", f"?list-type=2&prefix={prefix}"))
        return [key.text for key in listed.iter("{http://s3.amazonaws.com/doc/2006-03-01/}Key")]

    def fetch(self):
        """What is in the store, as a folder here would have it."""
        folder = self.trial.folder / "images"
        segments = [self.ask("GET", key) for key in self.keys("images/.recto/journal/")]
        folder.mkdir()
        (folder / "downloads.jsonl").write_bytes(b"".join(segments))
        for key in self.keys("images/"):
            if key.endswith(".png") and not key.startswith("images/shard-"):
                (self.trial.folder / key).parent.mkdir(exist_ok=True)
                (self.trial.folder / key).write_bytes(self.ask("GET", key))
        image_map = self.trial.folder / "image_map.json"
        image_map.write_bytes(image_map.read_bytes().replace(b"s3://bucket/", b""))
        assert not self.keys("images/.recto/lock"), "the store is locked"


@engine
def snakemake_in_a_store(trial):
    with Bucket(trial) as bucket:
        snakemake(trial, "local", config=["out=s3://bucket/images"], env=bucket.env)
        bucket.fetch()
    trial.told.append("images in a store")


@engine
def snakemake_on_kubernetes(trial):
    """The profile, the executor and the store's plugin are Snakemake's own; the cluster is small_kubernetes.py."""
    trial.tools.need("snakemake")
    image = trial.folder / "image"
    image.mkdir()
    # What an image of one's own has in it is not installed for each pod.
    (image / "pip").write_text("#!/bin/sh\n")
    (image / "pip").chmod(0o755)
    # Without a disk in common the Snakefile is one of the working directory.
    shutil.copy(EXAMPLES / "Snakefile", trial.folder)
    with Bucket(trial) as bucket, Cluster(trial.folder / "pods", f"{image}:{trial.tools.path}") as cluster:
        bucket.ask("PUT", "set/localizations.json", (trial.folder / "localizations.json").read_bytes())
        command = snakemake_command("kubernetes", "--envvars", *bucket.env, "--seconds-between-status-checks", 1,
                                    config=["out=s3://bucket/images"])
        command[2] = "Snakefile"
        running = trial.start(command, env={**bucket.env, "KUBECONFIG": str(cluster.config)})
        plan = trial.folder / "plan"
        plan.mkdir()
        trial.until(lambda: len(bucket.keys("set/plan/")) > SHARDS or running.poll() is not None, "the set is planned")
        assert running.poll() is None, f"exit code {running.returncode}: {running.communicate()[0][-2600:]}"
        for key in bucket.keys("set/plan/"):
            (trial.folder / key.removeprefix("set/")).write_bytes(bucket.ask("GET", key))
        killed = next(n for n in trial.shards_of(0) if n not in trial.shards_of(BUSY))
        shard = f"images/shard-{killed:05}"
        trial.until(lambda: sum(key.endswith(".png") for key in bucket.keys(shard)) >= 3, f"shard {killed} begins")
        cluster.kill(cluster.pod_with(f"{killed}/{SHARDS}"))
        # The disk is gone too, with lines that were not sent: for up to five seconds they wait.
        trial.killed, trial.most_again = killed, AT_ONCE + 5 * RATE
        said, _ = running.communicate(timeout=LONGEST)
        assert running.returncode == 0, f"exit code {running.returncode}: {said[-2600:]}"
        for key in ("image_map.json", "failures.csv"):
            (trial.folder / key).write_bytes(bucket.ask("GET", f"set/{key}"))
        with tarfile.open(fileobj=io.BytesIO(bucket.ask("GET", "set/coco.tar"))) as tar:
            dataset = json.load(tar.extractfile("coco/dataset.json"))
        assert dataset["contract"] == "recto/dataset", dataset
        bucket.fetch()
        assert len(cluster.pods) == SHARDS + 2, f"{len(cluster.pods)} pods"
        trial.told.append(f"one pod killed with its disk, one worker begun again after 75; {len(cluster.pods)} pods, and no cluster")


def mapped(trial, name):
    trial.plan()
    script = [trial.tools.venv / "python", EXAMPLES / f"{name}_map.py", "plan", "images"]
    trial.run([*script, *OPTIONS, *NO_RETRIES], env={"PAUSE": "1"})
    trial.merge()
    trial.told.append("one begun again after 75")


@engine
def dask(trial):
    trial.tools.need("dask")
    mapped(trial, "dask")


@engine
def ray(trial):
    trial.tools.need("ray")
    mapped(trial, "ray")


def ended_with(process):
    process.communicate(timeout=LONGEST)
    return process.returncode


@engine
def kubernetes(trial):
    """No cluster is here: the manifest is validated, and a pod is its command with what Kubernetes puts into its environment."""
    trial.tools.need("kubernetes-validate")
    manifest = EXAMPLES / "kubernetes.yaml"
    trial.run(["kubernetes-validate", "--strict", "-k", "1.34", manifest])
    trial.plan()
    read = "import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1]))['spec']['template']['spec']['containers'][0]))"
    container = json.loads(trial.run([trial.tools.venv / "python", "-c", read, manifest]))

    def start(pod):
        return trial.start([*container["command"], *OPTIONS, *NO_RETRIES], env={"JOB_COMPLETION_INDEX": str(pod)})

    pods = {n: start(n) for n in range(SHARDS)}
    drained, busy = trial.shards_of(0)[0], trial.shards_of(BUSY)[0]
    trial.until(lambda: trial.has_begun(drained), f"shard {drained} begins")
    pods[drained].terminate()
    codes = {n: ended_with(pod) for n, pod in pods.items()}
    assert codes == dict.fromkeys(pods, 0) | {drained: 130, busy: 75}, f"exit codes {codes}"
    codes = [ended_with(start(n)) for n in (drained, busy)]
    assert codes == [0, 0], f"exit codes of pods begun again: {codes}"
    trial.merge()
    trial.told.append("one pod drained, one begun again after 75; a valid manifest, and no cluster")


if __name__ == "__main__":
    sys.exit(main())
