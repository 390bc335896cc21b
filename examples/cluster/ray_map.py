"""A map over the shards of a plan, on a cluster of Ray.

    python ray_map.py PLAN OUTPUT_DIR [OPTION OF recto-download]...

The cluster's address is in RAY_ADDRESS; without it the workers run here.
"""
import json
import os
import subprocess
import sys
import time

import ray


# A worker waits for archives, and needs little of a core.
@ray.remote(num_cpus=0.25, max_retries=0)
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
    codes = ray.get([download.remote(f"{n}/{shards}", command, pause) for n in range(shards)])
    # 3: done, and failures.csv says what could not be downloaded.
    sys.exit(0 if set(codes) <= {0, 3} else f"these shards did not end: {[n for n, code in enumerate(codes) if code not in (0, 3)]}")
