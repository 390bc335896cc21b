#!/usr/bin/env python3
"""Ten thousand connections that ask for nothing, and clients that do: see scripts/judge_idle.sh.

  judge_idle.py PROGRAM FOLDER [CONNECTIONS]      PROGRAM: recto-serve; FOLDER: of images, one of them a.png

Opens CONNECTIONS [default: 10000], a tenth of which send half a request and then a byte now and then, to a server with
its defaults, to one with places for all, and to one that may open few files. Meanwhile a new client asks over and over.
"""
import asyncio, os, pathlib, resource, socket, subprocess, sys, time

SLOWEST = 2.0  # seconds that a new client may wait, on a busy machine
MEMORY = 32  # KiB for each connection that is open


class Server:
    def __init__(self, program, folder, *options, files=None):
        limited = lambda: files and resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
        words = [program, folder, "--listen", "127.0.0.1:0", *options]
        self.child = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=limited)
        self.host, self.port = self.child.stdout.readline().split("http://")[1].strip().rsplit(":", 1)

    def told(self, key):
        for line in open(f"/proc/{self.child.pid}/status"):
            if line.startswith(key):
                return int(line.split()[1])

    def ticks(self):
        fields = pathlib.Path(f"/proc/{self.child.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def files(self):
        return len(os.listdir(f"/proc/{self.child.pid}/fd"))

    def end(self):
        self.child.terminate()
        _, err = self.child.communicate(timeout=60)
        return self.child.returncode, err


def asked(server, path):
    """Status and seconds of one request on a connection of its own."""
    begun = time.monotonic()
    try:
        with socket.create_connection((server.host, int(server.port)), 30) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
            body = connection.makefile("rb").read()
        status = int(body.split(b" ", 2)[1]) if body else 0
    except (OSError, ValueError, IndexError):
        status = 0
    return status, time.monotonic() - begun


async def ask(server, path):
    """The same on a thread, so that it asks as soon as it is connected, however busy the others keep this one."""
    return await asyncio.to_thread(asked, server, path)


async def idle(server, count):
    """So many connections, the tenth of them with half a request."""
    opened = []

    async def one(n):
        try:
            _, writer = await asyncio.open_connection(server.host, server.port)
        except OSError:
            return
        if n % 10 == 0:
            writer.write(b"GET /health HTTP/1.1\r\nhost: x\r\nx-slow: ")
        opened.append((n, writer))

    for first in range(0, count, 200):
        await asyncio.gather(*(one(n) for n in range(first, min(first + 200, count))))
    return opened


async def drip(opened):
    for n, writer in opened:
        if n % 10 == 0 and not writer.is_closing():
            writer.write(b"x")


async def judge(name, server, count):
    await ask(server, "/iiif/3/a/full/max/0/default.jpg")
    before = server.told("VmRSS")
    stop, during = asyncio.Event(), []

    async def watch():
        while not stop.is_set():
            during.append(await ask(server, "/health"))
            await asyncio.sleep(0.02)

    watching = asyncio.create_task(watch())
    opened = await idle(server, count)
    after = []
    for n in range(40):
        await drip(opened)
        after.append(await ask(server, f"/iiif/3/a/full/{50 + n},/0/default.jpg"))
    stop.set()
    await watching
    spent, begun = server.ticks(), time.monotonic()
    await asyncio.sleep(2)
    share = (server.ticks() - spent) / (time.monotonic() - begun)
    files, peak = server.files(), server.told("VmHWM")
    for _, writer in opened:
        writer.transport.abort()
    last = await ask(server, "/health")
    code, err = server.end()
    answers = during + after + [last]
    slowest, wrong = max(took for _, took in answers), [status for status, _ in answers if status != 200]
    # Besides the connections there are pictures.
    each = max(peak - before - 8192, 0) / max(min(len(opened), files), 1)
    faults = []
    if wrong:
        faults.append(f"{len(wrong)} of {len(answers)} were not answered 200: {sorted(set(wrong))}")
    if slowest > SLOWEST:
        faults.append(f"a client waited {slowest:.1f} s")
    if each > MEMORY:
        faults.append(f"{each:.0f} KiB for each connection")
    if share > 0.5:
        faults.append(f"{share:.0%} of a processor for nothing")
    if code != 0 or "panicked" in err:
        faults.append(f"ended with {code}: {err.strip()[-200:]}")
    told = f"{len(opened)} opened, {files} files, {len(answers)} asked beside, slowest {1000 * slowest:.0f} ms, "
    told += f"{before / 1024:.0f} to {peak / 1024:.0f} MiB, {share:.0%} of a processor at rest"
    print(f"{'FAIL' if faults else 'PASS'}   {name}: {told}{''.join(f'; {fault}' for fault in faults)}", flush=True)
    return not faults


async def main():
    program, folder = sys.argv[1:3]
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 10_000
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    room = count + 200 if hard == resource.RLIM_INFINITY else hard - 200
    if room < count:
        print(f"only {room} connections: the system lets a process open {hard} files", file=sys.stderr)
        count = room
    cases = [
        ("as it is started", [], None),
        ("with places for all", ["--max-connections", str(2 * count)], None),
        ("with 256 files", [], 256),
    ]
    passed = 0
    for name, options, files in cases:
        passed += await judge(name, Server(program, folder, *options, files=files), count)
    print(f"idle connections: {passed} passed, {len(cases) - passed} failed, with {count} connections each")
    sys.exit(passed < len(cases))


asyncio.run(main())
