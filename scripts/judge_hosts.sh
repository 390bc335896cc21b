#!/usr/bin/env bash
# Downloads from hosts of which one misbehaves, beside undisturbed ones: scripts/judge_hosts.py.
#
#   scripts/judge_hosts.sh PROGRAMS [WORK]
#
# PROGRAMS: folder of recto-download. WORK: scratch folder (default build/hosts). Needs Pillow of PyPI, which it installs;
# without it the check is skipped (scripts/needs.sh). The hosts are its own, listen on loopback only and end with it.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/needs.sh
programs=$(realpath "$1")
work=$(realpath -m "${2:-build/hosts}")
mkdir -p "$work"
python="$work/venv/bin/python"
python_packages "$work/venv" pillow
"$python" scripts/judge_hosts.py "$programs" "$work/runs"
