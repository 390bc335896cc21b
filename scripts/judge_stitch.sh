#!/usr/bin/env bash
# Tiles joined without decoding, before decoders that are not recto's: scripts/judge_stitch.py.
#
#   scripts/judge_stitch.sh STITCH [WORK]
#
# STITCH: the example of that name in crates/jpeg. WORK: scratch folder (default build/judges/stitch). Installs what it needs: from
# PyPI numpy, Pillow, tifffile and imagecodecs; Debian's libjpeg-turbo-progs and libvips-tools. Skipped with a word
# where they cannot be had.
set -euo pipefail
cd "$(dirname "$0")/.."
stitch=$(realpath "$1")
work=$(realpath -m "${2:-build/judges/stitch}")
skip() { echo "SKIPPED judge_stitch: $1"; exit 0; }
if ! command -v djpeg >/dev/null || ! command -v jpegtran >/dev/null || ! command -v vips >/dev/null; then
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq libjpeg-turbo-progs libvips-tools; } >/dev/null 2>&1 ||
        skip "no libjpeg-turbo-progs and libvips-tools"
fi
mkdir -p "$work"
[ -x "$work/venv/bin/python" ] || python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check numpy pillow tifffile imagecodecs || skip "the packages cannot be installed"
"$work/venv/bin/python" scripts/judge_stitch.py "$stitch"
