"""A map over the shards of a plan, on a cluster of Dask.

    python dask_map.py PLAN OUTPUT_DIR [OPTION OF recto-download]...

The workers' address is in DASK_SCHEDULER_ADDRESS; without it they run here.
"""
import json
import os
import subprocess
import sys
import time

from dask.distributed import Client


def download(shard, command, pause):
    for _ in range(6):
        code = subprocess.run([*command, "--shard", shard]).returncode
        # 75: a host was down or busy, and the same command may get further.
        if code != 75:
            break
        time.sleep(pause)
    return code


if __name__ == "__main__":
    plan, images, *options = sys.argv[1:]
    shards = len(json.load(open(f"{plan}/plan.json"))["shards"])
    command = ["recto-download", plan, images, "--progress", "none", *options]
    pause = float(os.environ.get("PAUSE", 60))
    with Client() as client:
        tasks = client.map(download, [f"{n}/{shards}" for n in range(shards)], command=command, pause=pause, pure=False)
        codes = client.gather(tasks)
    # 3: done, and failures.csv says what could not be downloaded.
    sys.exit(0 if set(codes) <= {0, 3} else f"these shards did not end: {[n for n, code in enumerate(codes) if code not in (0, 3)]}")
