#!/usr/bin/env bash
# recto-serve before the official validator of the Image API (PyPI package iiif-validator): every test to level 2 and
# every optional one, for 2.x and 3.0.
#
#   scripts/judge_serve.sh [BIN]      BIN: folder with recto-serve [default: target/debug]
#
# Manifests, collections and annotation pages are then read by the models of PyPI's iiif-prezi3.
#
# The packages are installed into a virtual environment of its own under build/. Without them or the system library
# libmagic it is skipped (scripts/needs.sh). Its test picture, a hundred coloured squares, is drawn
# from the table of colours in the package.
#
# Three of its tests can pass on no server under Python 3 (format_jp2, format_pdf, format_webp): they are done here.
# `size_noup` of 3.0 wants an error where the specification (3.0 §4.2) wants a picture: it is run against the
# server's default, where it must fail, and against --strict-within, where it must pass. jp2 is not offered, as
# info.json says: its test is that the answer is 501.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/needs.sh
bin=${1:-target/debug}
venv=build/judges/iiif-validator
work=$(mktemp -d)
server=
trap 'if [[ -n $server ]]; then kill "$server" 2>/dev/null || :; fi; rm -rf "$work"' EXIT

"$venv/bin/python" -c 'import iiif_validator, iiif_prezi3, PIL' 2>/dev/null ||
  python_packages "$venv" iiif-validator==1.0.5 iiif-prezi3==3.1.1 pillow
"$venv/bin/python" -c 'import magic' 2>/dev/null || install_packages libmagic1
"$venv/bin/python" -c 'import magic' 2>/dev/null || skip "python-magic finds no libmagic (Debian: libmagic1)"

mkdir "$work/pictures"
"$venv/bin/python" -W ignore - "$work/pictures/squares.png" <<'PY'
import sys
from PIL import Image
from iiif_validator.validator import ValidationInfo
picture = Image.new("RGB", (1000, 1000))
for x, column in enumerate(ValidationInfo().colorInfo):
    for y, colour in enumerate(column):
        picture.paste(tuple(colour), (x * 100, y * 100, x * 100 + 100, y * 100 + 100))
picture.save(sys.argv[1])
PY

what=("$work/pictures")
start() { # options of the server
  : >"$work/log"
  "$bin/recto-serve" "${what[@]}" --listen 127.0.0.1:0 --quiet "$@" >"$work/log" &
  server=$!
  for _ in $(seq 100); do
    address=$(sed -n 's|^listening on http://||p' "$work/log")
    [[ -z $address ]] || return 0
    kill -0 "$server" || exit 1
    sleep 0.1
  done
  echo "recto-serve does not listen" >&2
  exit 1
}

stop() { kill "$server"; wait "$server" || :; server=; }

tests() { # version
  "$venv/bin/python" -W ignore - "$1" <<'PY' | sed -n 's/^TEST //p'
import sys
from iiif_validator.validator import TestSuite, ValidationInfo
known = TestSuite(ValidationInfo()).list_tests(sys.argv[1])
for level, name in sorted((test["level"], name) for name, test in known.items() if test):
    print("TEST", name)
PY
}

official() { # version test
  "$venv/bin/python" -W ignore "$venv/bin/iiif-validate.py" --scheme=http -s "$address" -p "iiif/${1%%.*}" \
    -i squares --version="$1" --test="$2" -v 2>&1
}

ours() { # version format: status, media type and first bytes
  "$venv/bin/python" - "http://$address/iiif/${1%%.*}/squares" "$2" "$1" <<'PY'
import sys, urllib.error, urllib.request
base, format, version = sys.argv[1:]
url = f"{base}/full/{'full' if version == '2.0' else 'max'}/0/default.{format}"
try:
    with urllib.request.urlopen(url, timeout=60) as reply:
        got = reply.status, reply.headers.get_content_type(), reply.read()
except urllib.error.HTTPError as error:
    got = error.code, "", b""
wanted = {
    "pdf": lambda s, t, b: s == 200 and t == "application/pdf" and b[:5] == b"%PDF-" and b.rstrip().endswith(b"%%EOF"),
    "webp": lambda s, t, b: s == 200 and t == "image/webp" and b[:4] == b"RIFF" and b[8:12] == b"WEBP",
    "jp2": lambda s, t, b: s == 501,
}[format]
print(url, got[:2])
sys.exit(not wanted(*got))
PY
}

passed=0 failed=0
say() { # outcome version test words
  printf '%-6s %s %s %s\n' "$1" "$2" "$3" "${4:-}"
  case $1 in PASS) passed=$((passed + 1)) ;; *) failed=$((failed + 1)) ;; esac
}

judge() { # version number: all tests but those that are done apart; the validator has so many for this version
  local names name out
  names=$(tests "$1")
  if [[ $(wc -w <<<"$names") != "$2" ]]; then say FAIL "$1" "list of tests" "is not of $2: $names"; fi
  for name in $names; do
    case $name in
      format_jp2 | format_pdf | format_webp) out=$(ours "$1" "${name#format_}" 2>&1) && ok=1 || ok=0 ;;
      size_noup) out=$(official "$1" "$name") && ok=0 || ok=1 ;;
      *) out=$(official "$1" "$name") && ok=1 || ok=0 ;;
    esac
    if [[ $ok == 1 ]]; then say PASS "$1" "$name"; else
      say FAIL "$1" "$name" "$(grep -E 'url|got|expected|message|exception' <<<"$out" | tr -s ' \n' ' ' | cut -c1-300)"
    fi
  done
}

presentation() { # every document that the collection leads to
  "$venv/bin/python" -W ignore - "http://$address/iiif/presentation/3/collection.json" <<'PY'
import json, sys, urllib.request
from iiif_prezi3 import AnnotationPage, Collection, Manifest
models = {"Collection": Collection, "Manifest": Manifest, "AnnotationPage": AnnotationPage}
waiting, read = [sys.argv[1]], 0
while waiting:
    document = json.load(urllib.request.urlopen(waiting.pop(), timeout=60))
    models[document["type"]](**document)
    read += 1
    if document["type"] == "Collection":
        waiting += [item["id"] for item in document["items"]]
    if document["type"] == "Manifest":
        waiting += [page["id"] for canvas in document["items"] for page in canvas.get("annotations", [])]
print(read, "documents")
sys.exit(read < 3)
PY
}

start
judge 2.0 42
judge 3.0 45
stop
mkdir "$work/set"
cat >"$work/set/localizations.json" <<'JSON'
{"contract": "recto/localizations", "version": 1, "images": [{"id": "squares", "image": {}, "group": "g", "frame": [1000, 1000],
 "source": {"kind": "x", "rights": "http://creativecommons.org/licenses/by/4.0/", "attribution": "Someone"},
 "metadata": {"Side": ["recto"]}, "labels": ["squares"], "localizations": [
 {"id": "a", "concept": "red", "bbox": [0, 0, 100, 100], "attributes": {"text": "word", "creator": "Someone"}},
 {"id": "b", "concept": "blue", "bbox": [0, 0, 100, 100], "polygon": [[0, 0], [100, 0], [0, 100]]}]}]}
JSON
echo '{"squares": "../pictures/squares.png"}' >"$work/set/image_map.json"
what=("$work/set/localizations.json" --image-map "$work/set/image_map.json")
start
if out=$(presentation 2>&1); then say PASS presentation-3 "$out"; else say FAIL presentation-3 documents "$(tail -3 <<<"$out")"; fi
stop
what=("$work/pictures")
start --strict-within
if official 3.0 size_noup >/dev/null; then say PASS 3.0 "size_noup with --strict-within"; else
  say FAIL 3.0 "size_noup with --strict-within"; fi
stop
echo "image validator: $passed passed, $failed failed"
[[ $failed == 0 ]]
