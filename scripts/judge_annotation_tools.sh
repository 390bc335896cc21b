#!/usr/bin/env bash
# Sets for annotation tools as these tools read them: label-studio-sdk checks tasks against their interface and converts them,
# labelme opens its documents, datumaro imports CVAT's XML, supervision loads the layout of Roboflow.
#
#   scripts/judge_annotation_tools.sh [BIN] [light|all]    BIN: folder with the programs [default: target/release]
#
# The readers are installed from PyPI in a virtual environment under build/, the first three without what their programs need for
# windows and models. supervision, which takes hundreds of megabytes, judges only with `all`, the default; CI runs `light`.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/needs.sh
bin=$(realpath "${1:-target/release}")
need_commands python3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
light=build/judges/annotation
"$light/bin/python" -c 'import PIL, attrs, ijson, loguru, nltk, pycocotools, tifffile; from importlib.util import find_spec as f; exit(not (f("label_studio_sdk") and f("labelme") and f("datumaro")))' 2>/dev/null || {
  python_packages "$light" numpy==2.4.6 pillow==13.0.0 lxml==6.1.3 attrs==26.1.0 defusedxml==0.7.1 httpx==0.28.1 ijson==3.6.0 \
    jsonschema==4.26.0 loguru==0.7.3 nltk==3.10.4 pycocotools==2.0.11 pydantic==2.14.4 pyyaml==6.0.4 requests==2.34.2 tifffile==2026.3.3 \
    tqdm==4.70.1 typing_extensions==4.16.0 ujson==6.1.0 xmljson==0.2.1
  "$light/bin/python" -m pip install --quiet --no-cache-dir --disable-pip-version-check --no-deps label-studio-sdk==2.1.2 labelme==6.3.1 \
    datumaro==1.13.12 || skip "the readers of annotation tools cannot be installed"
}
"$light/bin/python" scripts/judge_annotation_tools.py "$work/set" draw "$bin"
"$light/bin/python" scripts/judge_annotation_tools.py "$work/set" light
if [[ ${2:-all} == all ]]; then
  tools=build/judges/tools
  "$tools/bin/python" -c 'import supervision' 2>/dev/null || python_packages "$tools" supervision==0.31.2
  "$tools/bin/python" scripts/judge_annotation_tools.py "$work/set" roboflow
fi
