#!/usr/bin/env bash
# The wheel as its users get it: installed into a new environment, in a folder without sources and without other programs on the
# path, where it runs the demo; scripts/judge_wheel.py looks into it: the glibc that its programs need, notices, metadata, the
# Python module.
#
#   scripts/judge_wheel.sh WHEEL
#
# Says how long installing and the demo took: both together are meant to take less than a minute.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/needs.sh
wheel=$(realpath "$1")
judge=$(realpath scripts/judge_wheel.py)
need_commands python3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
begun=$(date +%s.%N)
python3 -m venv env >&2 || skip "python3 makes no virtual environment (Debian: python3-venv)"
env/bin/python -m pip install --quiet --disable-pip-version-check --no-index "$wheel"
installed=$(date +%s.%N)
env -i HOME="$work" PATH="$work/env/bin" recto demo demo
ended=$(date +%s.%N)
env/bin/python "$judge" "$wheel" demo
awk -v a="$begun" -v b="$installed" -v c="$ended" 'BEGIN { printf "wheel: installed in %.1f s, from nothing to the first training set in %.1f s\n", b - a, c - a; exit (c - a > 60) }'
