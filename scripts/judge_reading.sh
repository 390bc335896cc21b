#!/usr/bin/env bash
# Documents of archives from end to end into COCO: scripts/judge_reading.py draws a newspaper volume with ALTO, a manuscript
# with lines and a multispectral set, serves their images with recto-serve, and judges boxes and texts by the colours in the
# downloaded images.
#
#   scripts/judge_reading.sh [BIN]    BIN: folder with the programs [default: target/release]
#
# numpy, Pillow and pycocotools are installed from PyPI into a virtual environment of its own under build/. Without them it is
# skipped (scripts/needs.sh). With KEEP=FOLDER all documents and outputs stay in that folder.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/needs.sh
bin=$(realpath "${1:-target/release}")
venv=build/judges/reading
need_commands python3
"$venv/bin/python" -c 'import numpy, PIL, pycocotools' 2>/dev/null || python_packages "$venv" numpy pillow pycocotools
"$venv/bin/python" scripts/judge_reading.py "$bin" ${KEEP:+"$(realpath -m "$KEEP")"}
