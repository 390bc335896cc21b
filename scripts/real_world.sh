#!/usr/bin/env bash
# Real documents, real servers, other people's readers. A check whose input is missing is skipped (scripts/needs.sh).
#
#   scripts/real_world.sh PROGRAMS [SHARED] [WORK]
#
# PROGRAMS: folder of the five programs. SHARED: folder with corpus/, servers/ and judges/ (default ../shared).
# WORK: scratch folder (default build/real-world). Installs what it needs: Debian's iipimage-server, nginx-light and
# libvips-tools; from PyPI what the servers' and the judge's requirements name. Servers listen on loopback only and
# are stopped at the end.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/needs.sh
PROGRAMS=$(realpath "$1")
SHARED=$(realpath -m "${2:-../shared}")
WORK=$(realpath -m "${3:-build/real-world}")
mkdir -p "$WORK"
failed=0

main() {
  step "published documents" corpus
  step "real servers" servers
  step "other readers" readers
  [ "$failed" -eq 0 ] || { echo "real-world checks: $failed of 3 FAILED"; exit 1; }
  echo "real-world checks: all that could run passed"
}

step() { # TITLE FUNCTION
  echo "== $1"
  # A failed check must not hide the next one. Not `(…) || …`: within such a list bash ignores `set -e`.
  local code
  set +e
  (set -e; "$2")
  code=$?
  set -e
  [ "$code" -eq 0 ] || failed=$((failed + 1))
}

corpus() {
  [ -d "$SHARED/corpus" ] || skip_without_shared "there is no corpus in $SHARED"
  python3 scripts/check_corpus.py "$SHARED/corpus" "$PROGRAMS/recto-digest"
}

servers() {
  [ -x "$SHARED/servers/iipsrv.sh" ] || skip_without_shared "there are no server scripts in $SHARED/servers"
  install_servers
  export PATH="$WORK/venv/bin:$PATH" LIFE=1800
  local data="$WORK/data"
  [ -f "$data/src/manuscript.tif" ] || python "$SHARED/servers/gen_data.py" "$data" manuscript
  [ -f "$WORK/source.raw" ] || vips rawsave "$data/src/manuscript.tif[page=0]" "$WORK/source.raw"
  trap stop_servers EXIT
  DATA=$data MAX_CVT=1000 PORT=18101 "$SHARED/servers/iipsrv.sh" start "$WORK/iipsrv"
  PORT=18200 "$SHARED/servers/faultproxy.sh" start "$WORK/proxy" --upstream 127.0.0.1:18101 --strip-limits --latency-ms 0
  DATA=$data VENV="$WORK/venv" PORT=18130 WHAT=static "$SHARED/servers/zimeon.sh" start "$WORK/static" >"$WORK/static.log" 2>&1
  cat > "$WORK/servers.json" <<JSON
{"capped": "http://127.0.0.1:18101/iiif/manuscript.tif", "secret": "http://127.0.0.1:18200/iiif/manuscript.tif",
 "static": "http://127.0.0.1:18130/manuscript", "source": "$WORK/source.raw", "width": 7216, "height": 5412}
JSON
  rm -rf "$WORK/runs"
  python scripts/check_servers.py "$PROGRAMS" "$SHARED" "$WORK/runs" "$WORK/servers.json"
}

stop_servers() {
  "$SHARED/servers/iipsrv.sh" stop "$WORK/iipsrv"
  "$SHARED/servers/faultproxy.sh" stop "$WORK/proxy"
  "$SHARED/servers/zimeon.sh" stop "$WORK/static"
}

install_servers() {
  if ! command -v vips >/dev/null || [ ! -x /usr/lib/iipimage-server/iipsrv.fcgi ] || [ ! -x /usr/sbin/nginx ]; then
    install_packages iipimage-server nginx-light libvips-tools curl
  fi
  need_commands vips curl /usr/lib/iipimage-server/iipsrv.fcgi /usr/sbin/nginx
  python_packages "$WORK/venv" numpy opencv-python-headless pillow iiif "setuptools==70"
}

readers() {
  local judge="$SHARED/judges/formats"
  [ -f "$judge/verify.py" ] || skip_without_shared "there is no judge in $judge"
  python_packages "$WORK/judge" -r "$judge/requirements-light.txt"
  rm -rf "$WORK/hard" "$WORK/marine" && mkdir -p "$WORK/hard"
  "$WORK/judge/bin/python" scripts/hard_dataset.py "$WORK/hard"
  "$WORK/judge/bin/python" scripts/marine_set.py "$PROGRAMS" "$WORK/marine"
  local set format bad=0
  for set in "$WORK/hard" "$WORK/marine"; do
    for format in csv coco vgg voc tf yolo; do
      # A set for YOLO without images for validation is one by request.
      write "$set" "$format" "$format" $([ "$format" != yolo ] || echo --no-val) || bad=1
      write "$set" "$format" "$format-split" --split train=0.6,val=0.2,test=0.2 --seed 1 || bad=1
    done
    write "$set" voc voc-inclusive --voc-inclusive || bad=1
    "$WORK/judge/bin/python" scripts/judge_formats.py "$set/localizations.json" "$set/image_map.json" "$set/out" \
      --judge "$judge" --need coco,csv,tf,vgg,voc,yolo --datasets 13 || bad=1
  done
  return "$bad"
}

# The judges want every image, those that are only labelled as a whole too.
write() { # SET FORMAT NAME OPTION...
  local set=$1 format=$2 name=$3; shift 3
  "$PROGRAMS/recto-reformat" "$set/localizations.json" --image-map "$set/image_map.json" -f "$format" -o "$set/out/$name" \
    --partial-ok -q --unboxed keep "$@"
}

main
