#!/usr/bin/env python3
"""Prints a port of 127.0.0.1 that nobody listens on, for a server that is about to start.

It is one that the system gives to no client: between the look and the start of the server a connection of somebody
else would take such a port away.
"""
import pathlib
import random
import socket

LOWEST = 20000


def free_port():
    ports = pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range")
    clients = int(ports.read_text().split()[0]) if ports.exists() else 32768
    for port in random.sample(range(LOWEST, max(clients, LOWEST + 2000)), 100):
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise OSError("no port is free")


if __name__ == "__main__":
    print(free_port())
