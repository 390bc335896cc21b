#!/usr/bin/env bash
# Sets, maps, lists and images in an object store: scripts/judge_stores.py, against moto's S3, behind a gateway that refuses,
# breaks off and waits now and then.
#
#   scripts/judge_stores.sh PROGRAMS [WORK]
#
# PROGRAMS: folder of the programs. WORK: scratch folder (default build/stores). Needs moto and boto3 of PyPI, which it installs;
# without them the check is skipped (scripts/needs.sh). All servers listen on loopback only and end with it.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/needs.sh
programs=$(realpath "$1")
work=$(realpath -m "${2:-build/stores}")
mkdir -p "$work"
need_commands python3
"$work/venv/bin/python" -c 'import boto3, moto.server' 2>/dev/null ||
  python_packages "$work/venv" 'moto[s3,server]==5.2.5' boto3
"$work/venv/bin/python" scripts/judge_stores.py "$programs" "$work/runs"
