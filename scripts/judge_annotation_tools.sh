#!/usr/bin/env bash
# Sets for annotation tools as these tools read them: label-studio-sdk checks tasks against their interface and converts them,
# labelme opens its documents, supervision loads the layout of Roboflow, datumaro imports CVAT's XML.
#
#   scripts/judge_annotation_tools.sh [BIN]    BIN: folder with the programs [default: target/release]
#
# The tools take more than a gigabyte from PyPI, in virtual environments under build/, so that this is not a part of CI.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/needs.sh
bin=$(realpath "${1:-target/release}")
need_commands python3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tools=build/judges/tools
# datumaro holds numpy and pandas back.
importer=build/judges/datumaro
"$tools/bin/python" -c 'import label_studio_sdk, labelme, supervision, yaml' 2>/dev/null ||
  python_packages "$tools" label-studio-sdk==2.1.2 labelme==6.3.1 supervision==0.31.2 pyyaml==6.0.4
"$importer/bin/python" -c 'import datumaro' 2>/dev/null || python_packages "$importer" datumaro==1.13.12
export QT_QPA_PLATFORM=offscreen
"$tools/bin/python" scripts/judge_annotation_tools.py "$work/set" draw "$bin"
"$tools/bin/python" scripts/judge_annotation_tools.py "$work/set" tools
"$importer/bin/python" scripts/judge_annotation_tools.py "$work/set" cvat
