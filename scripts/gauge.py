#!/usr/bin/env python3
"""Runs a command and tells what it took: wall and CPU seconds, and the peak memory of its largest process in MiB.

  gauge.py NOTE LOG COMMAND...

NOTE is written as JSON, the command's output is appended to LOG. A process of its own: what it starts would else begin with the
memory of the benchmark.
"""
import json
import os
import sys
import time


def main():
    note, log, *command = sys.argv[1:]
    start = time.monotonic()
    child = os.fork()
    if not child:
        for there in (1, 2):
            os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND), there)
        os.execvp(command[0], command)
    _, status, used = os.wait4(child, 0)
    took = {"wall": time.monotonic() - start, "cpu": used.ru_utime + used.ru_stime, "user": used.ru_utime, "rss": used.ru_maxrss / 1024,
            "code": os.waitstatus_to_exitcode(status)}
    with open(note, "w") as file:
        json.dump(took, file)


if __name__ == "__main__":
    main()
