#!/usr/bin/env bash
# Downloads through a proxy that misbehaves: scripts/judge_faults.py, over plain files, static tiles and iipsrv.
#
#   scripts/judge_faults.sh PROGRAMS [SHARED] [WORK]
#
# PROGRAMS: folder of recto-download. SHARED: folder with servers/ (default ../shared). WORK: scratch folder (default
# build/faults). Needs a proxy in SHARED, Debian's iipimage-server and nginx-light, and packages of PyPI, which it installs;
# without the proxy or the packages it is skipped (scripts/needs.sh), without iipsrv only its part. Everything listens on
# loopback only and is stopped at the end.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/needs.sh
programs=$(realpath "$1")
servers=$(realpath -m "${2:-../shared}")/servers
work=$(realpath -m "${3:-build/faults}")
mkdir -p "$work"
[ -f "$servers/faultproxy.py" ] || skip_without_shared "there is no faultproxy.py in $servers"
python="$work/venv/bin/python"
python_packages "$work/venv" pillow numpy tifffile

iiif=()
has_iipsrv() { [ -x /usr/lib/iipimage-server/iipsrv.fcgi ] && [ -x /usr/sbin/nginx ]; }
has_iipsrv || install_packages iipimage-server nginx-light curl
if has_iipsrv; then
  mkdir -p "$work/data/src"
  [ -f "$work/data/src/picture.tif" ] || "$python" - "$work/data/src/picture.tif" <<'PY'
import sys
import numpy
import tifffile
y, x = numpy.mgrid[0:1500, 0:2200]
planes = [128 + 70 * numpy.sin(x / (9 + c)) * numpy.cos(y / 13) + 40 * ((x // 37 + y // 29) % 3 == c) for c in range(3)]
picture = numpy.stack(planes, -1).clip(0, 255).astype(numpy.uint8)
tifffile.imwrite(sys.argv[1], picture, tile=(256, 256), photometric="rgb")
PY
  port=$("$python" scripts/free_port.py)
  trap '"$servers/iipsrv.sh" stop "$work/iipsrv" >/dev/null' EXIT
  DATA="$work/data" MAX_CVT=1000 PORT=$port LIFE=1800 "$servers/iipsrv.sh" start "$work/iipsrv" >/dev/null
  iiif=(--iiif "http://127.0.0.1:$port/iiif/picture.tif")
else
  # Ends the script with CI=true only.
  (skip "there is no iipsrv (Debian: iipimage-server, nginx-light): plain files and static tiles only")
fi
"$python" scripts/judge_faults.py "$programs" "$servers/faultproxy.py" "$work/runs" "${iiif[@]}"
