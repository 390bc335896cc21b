"""Hosts on loopback that answer as they are told to: each has an address, a port and a log of its own.

A host has files, by path. Its `fault` is asked first, with the request and how often the same was asked before; it returns an
`Answer`, or None where the request is answered as it should be. Without `is_faulty` it is not asked.
"""
import asyncio
import dataclasses
import itertools
import os
import socket
import struct
import threading
import time

# Addresses of loopback; where several judges run at once, none asks for the host of another.
ADDRESSES = (f"127.{os.getpid() % 200 + 20}.{n // 250 + 1}.{n % 250 + 1}" for n in itertools.count())
LATENCY = 0.005


@dataclasses.dataclass
class Asked:
    """A request."""
    path: str
    # Requests of the same path before this one, and requests before this one on its connection.
    before: int
    before_here: int
    headers: dict
    host: "Host"


@dataclasses.dataclass
class Answer:
    """What is sent, byte for byte, and what becomes of the connection then: keep, close, reset, silence (nothing more comes,
    and it stays open) or endless (`more` is sent until the client has had enough)."""
    raw: bytes = b""
    then: str = "keep"
    more: bytes = b""
    # Seconds between pieces of it: others have their turn, and no disk is filled before somebody looks.
    every: float = 0.002
    # What a log calls it.
    fault: str = "fault"


@dataclasses.dataclass
class Entry:
    """A request in the log."""
    path: str
    fault: str | None
    start: float
    end: float = 0.0
    sent: int = 0


def reply(body=b"", status="200 OK", kind="image/jpeg", *headers):
    """An answer in HTTP/1.1, as it should be."""
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


class Host:
    """A host."""

    def __init__(self, loop, fault=None, is_deaf=False, latency=LATENCY):
        self.loop, self.fault, self.is_deaf, self.latency = loop, fault, is_deaf, latency
        self.files, self.log, self.counts = {}, [], {}
        self.is_faulty, self.in_flight, self.most_in_flight = True, 0, 0
        self.address, self.server, self.crowd = next(ADDRESSES), None, []
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind((self.address, 0))
        self.port = self.socket.getsockname()[1]
        self.url = f"http://{self.address}:{self.port}/"
        if is_deaf:
            self.go_deaf()
        else:
            self.listen()

    def listen(self):
        starting = asyncio.run_coroutine_threadsafe(asyncio.start_server(self.serve, sock=self.socket, backlog=512), self.loop)
        self.server = starting.result(30)

    def go_deaf(self):
        """Its queue is full: whoever wants to connect receives no answer at all."""
        self.socket.listen(0)
        for _ in range(4):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex((self.address, self.port))
            self.crowd.append(one)

    def mend(self):
        """From now on it answers as it should, and its log begins again."""
        self.is_faulty, self.log, self.counts = False, [], {}
        if self.is_deaf:
            for one in [*self.crowd, self.socket]:
                one.close()
            self.is_deaf, self.crowd, self.socket = False, [], socket.socket()
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.socket.bind((self.address, self.port))
            self.listen()

    def asked(self, path=None):
        """The log of the requests of a path, or of all but those for what a host declares of itself."""
        rules = ("/robots.txt", "/.well-known/")
        return [entry for entry in self.log if (entry.path == path if path else not entry.path.startswith(rules))]

    async def serve(self, reader, writer):
        try:
            for before_here in itertools.count():
                head = await reader.readuntil(b"\r\n\r\n")
                if not await self.answer(head, before_here, reader, writer):
                    return
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()

    async def answer(self, head, before_here, reader, writer):
        """Answers a request; whether the connection stays open."""
        first, *lines = head.decode("latin-1").split("\r\n")
        target = first.split(" ")[1]
        path = "/" + target.split("://", 1)[1].partition("/")[2] if "://" in target else target
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        asked = Asked(path, self.counts.get(path, 0), before_here, headers, self)
        self.counts[path] = asked.before + 1
        said = self.fault(asked) if self.fault and self.is_faulty else None
        entry = Entry(path, said and said.fault, time.monotonic())
        self.log.append(entry)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await asyncio.sleep(self.latency)
            return await self.send(said or self.sound(path), entry, reader, writer)
        finally:
            self.in_flight -= 1
            entry.end = time.monotonic()

    def sound(self, path):
        kind, body = self.files.get(path, (None, None))
        if kind is None:
            return Answer(reply(b"no such page", "404 Not Found", "text/plain"))
        return Answer(body if kind == "raw" else reply(body, "200 OK", kind))

    async def send(self, answer, entry, reader, writer):
        entry.sent = len(answer.raw)
        writer.write(answer.raw)
        await writer.drain()
        if answer.then == "endless":
            while True:
                writer.write(answer.more)
                await writer.drain()
                entry.sent += len(answer.more)
                await asyncio.sleep(answer.every)
        if answer.then == "silence":
            # Until the client has had enough.
            await reader.read(1)
        if answer.then == "reset":
            # With a linger of 0 s a connection is not closed, but reset.
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        return answer.then == "keep"


class Hosts:
    """Starts hosts; they are served by one thread."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self.loop.set_exception_handler(lambda *_: None)
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    def start(self, fault=None, **more):
        return Host(self.loop, fault, **more)
