#!/usr/bin/env bash
# Sets as trainers read them: Ultralytics checks yolo, yolo-seg and yolo-obb with its own functions, torchvision loads crops and
# coco, and batches go through a data loader.
#
#   scripts/judge_trainers.sh [BIN]    BIN: folder with the programs [default: target/release]
#
# PyTorch and Ultralytics are large, so that this is not a part of CI. PyTorch for CPUs alone comes from Debian; PyPI's
# brings CUDA. Without them it is skipped (scripts/needs.sh).
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/needs.sh
bin=$(realpath "${1:-target/release}")
venv=build/judges/trainers
need_commands python3
python=/usr/bin/python3
"$python" -c 'import torch, torchvision' 2>/dev/null || install_packages python3-torch python3-torchvision python3-venv
"$python" -c 'import torch, torchvision' 2>/dev/null || skip "there is no PyTorch (Debian: python3-torch, python3-torchvision)"
if ! "$venv/bin/python" -c 'import ultralytics, yaml' 2>/dev/null; then
  "$python" -m venv --system-site-packages "$venv" >&2 || skip "python3 makes no virtual environment (Debian: python3-venv)"
  # Debian's PyTorch was built for NumPy 1.
  python_packages "$venv" --no-deps ultralytics==8.3.253 ultralytics-thop==2.0.18 opencv-python-headless==4.11.0.86 pycocotools==2.0.8
  python_packages "$venv" 'numpy<2' pyyaml requests psutil polars matplotlib scipy py-cpuinfo pillow
fi
export YOLO_CONFIG_DIR=build/judges/trainers YOLO_OFFLINE=true
"$venv/bin/python" scripts/judge_trainers.py "$bin"
