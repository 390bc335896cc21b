#!/usr/bin/env python3
"""Ten thousand idle connections to a running recto-serve, and whether others are still answered.

  judge_idle.py PROGRAMS [--connections N]

PROGRAMS: folder with recto-serve. Standard library only, on loopback only. Opens the connections from several
addresses, a tenth of them with half a request, to a server with its usual limit and to one that may keep them all; asks
for health and for a picture throughout; at last ends the server. Prints memory and waits; ends with 1 if a request took
longer than two seconds or failed.
"""
import argparse, pathlib, resource, selectors, socket, struct, subprocess, sys, tempfile, time, urllib.request, zlib

MOST_WAIT = 2.0


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1].strip())
    parser.add_argument("programs", type=lambda text: pathlib.Path(text).resolve())
    parser.add_argument("--connections", type=int, default=10_000)
    options = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    count = min(options.connections, hard - 200)
    if count < options.connections:
        print(f"the system lets a process open {hard} files: {count} connections", file=sys.stderr)
    faults = []
    for most in (None, count + 100):
        faults += held(options.programs, count, most)
    print(f"{2 - len(faults)} passed, {len(faults)} failed")
    sys.exit(1 if faults else 0)


def held(programs, count, most):
    """What went wrong with `count` connections to a server for at most `most` of them."""
    name = f"{count} connections, " + (f"--max-connections {most}" if most else "the usual limit")
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "grey.png").write_bytes(picture(256))
        limit = ["--max-connections", str(most)] if most else []
        command = [programs / "recto-serve", folder, "--listen", "127.0.0.1:0", *limit]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        connections = []
        try:
            base = server.stdout.readline().split()[-1]
            before, longest, told = memory(server), 0.0, None
            for n in range(count):
                connections.append(connect(base, n))
                if n % 500 == 0:
                    longest = max(longest, asked(base, n))
            for n in range(5):
                time.sleep(0.2)
                longest = max(longest, asked(base, n))
            after, gone = memory(server), ended(connections)
            print(f"      {name}: longest wait {longest:.2f} s, {before} to {after} MiB, {gone} ended by the server")
            if longest > MOST_WAIT:
                told = f"a request took {longest:.2f} s"
        except OSError as fault:
            told = str(fault)
        finally:
            for connection in connections:
                connection.close()
            server.terminate()
            try:
                code = server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()
                code = server.wait()
        told = told or (f"it ended with {code}" if code else None)
    print("FAIL  " if told else "PASS  ", name, f": {told}" if told else "")
    return [told] if told else []


def connect(base, n):
    host, port = base.removeprefix("http://").split(":")
    connection = socket.socket()
    # Ports of one address would not suffice on every system.
    connection.bind((f"127.0.0.{2 + n % 4}", 0))
    connection.settimeout(10)
    connection.connect((host, int(port)))
    if n % 10 == 0:
        connection.sendall(b"GET /iiif/3/grey/info.json HTTP/1.1\r\nHost: loc")
    return connection


def asked(base, n):
    """How long the two answers took."""
    begun = time.monotonic()
    for path in ("/health", f"/iiif/3/grey/full/{100 + n % 100},/0/default.jpg"):
        with urllib.request.urlopen(base + path, timeout=15) as reply:
            reply.read()
    return time.monotonic() - begun


def ended(connections):
    with selectors.DefaultSelector() as watch:
        for connection in connections:
            watch.register(connection, selectors.EVENT_READ)
        return len(watch.select(0))


def memory(server):
    status = pathlib.Path(f"/proc/{server.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) // 1024


def picture(side):
    """A grey PNG."""
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = b"".join(b"\0" + bytes((x ^ y) & 255 for x in range(side)) for y in range(side))
    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


if __name__ == "__main__":
    main()
