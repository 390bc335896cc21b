#!/usr/bin/env python3
"""Prints a port of 127.0.0.1 that nobody listens on, for a server that is about to start.

It is one that the system gives to no client, wherever there are such: between the look and the start of the server a
connection of somebody else would take it away.
"""
import pathlib
import random
import socket

# Below lie the ports that scripts of servers derive from the one they are given.
LOWEST = 30100


def free_port():
    ports = pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range")
    clients = int(ports.read_text().split()[0]) if ports.exists() else 32768
    apart = random.sample(range(LOWEST, clients), 100) if clients >= LOWEST + 100 else []
    for port in [*apart, 0]:
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return s.getsockname()[1]
            except OSError:
                continue
    raise OSError("no port is free")


if __name__ == "__main__":
    print(free_port())
