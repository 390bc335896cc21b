#!/usr/bin/env bash
# Tiles joined without decoding, before decoders that are not recto's: scripts/judge_stitch.py.
#
#   scripts/judge_stitch.sh STITCH [WORK]
#
# STITCH: the example of that name in crates/jpeg. WORK: scratch folder (default build/judges/stitch). Installs what it needs: from
# PyPI numpy, Pillow, tifffile and imagecodecs; Debian's libjpeg-turbo-progs and libvips-tools. Without them it is skipped
# (scripts/needs.sh).
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/needs.sh
stitch=$(realpath "$1")
work=$(realpath -m "${2:-build/judges/stitch}")
{ command -v djpeg && command -v jpegtran && command -v vips; } >/dev/null || install_packages libjpeg-turbo-progs libvips-tools
need_commands djpeg jpegtran vips
mkdir -p "$work"
python_packages "$work/venv" numpy pillow tifffile imagecodecs
"$work/venv/bin/python" scripts/judge_stitch.py "$stitch"
