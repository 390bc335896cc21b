#!/usr/bin/env bash
# Holds `recto export git-annex` against git-annex itself: an annex without pixels is made of what recto wrote, and gets every image
# from its server, with the SHA-256 that recto saw.
#
#   scripts/judge_export.sh BIN      BIN: the folder of the programs
#
# The archive is that of the demo, served on loopback; git-annex is Debian's.
set -euo pipefail
bin=$(realpath "$1")
cd "$(dirname "$0")/.."
. scripts/needs.sh
need_commands python3 git
command -v git-annex >/dev/null || install_packages git-annex
need_commands git-annex
work=$PWD/build/judges/export
rm -rf "$work"
mkdir -p "$work/site"
for n in 1 2 3; do
  python3 - "$work/site/$n.png" "$n" <<'PY'
import struct, sys, zlib
path, seed = sys.argv[1], int(sys.argv[2])
rows = b"".join(b"\0" + bytes((x * seed + y) % 256 for x in range(64)) for y in range(48))
def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
header = struct.pack(">IIBBBBB", 64, 48, 8, 0, 0, 0, 0)
open(path, "wb").write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
PY
done
port=$(python3 scripts/free_port.py)
python3 -m http.server "$port" --bind 127.0.0.1 --directory "$work/site" >/dev/null 2>&1 &
server=$!
trap 'kill "$server"' EXIT
cd "$work"
printf 'url\n' >list.csv
for n in 1 2 3; do printf 'http://127.0.0.1:%s/%s.png\n' "$port" "$n" >>list.csv; done
"$bin/recto" digest table list.csv --url-column url -o digest.json
"$bin/recto" extract digest.json
"$bin/recto" download localizations.json images --rate 0
"$bin/recto" export git-annex images -o annex
export HOME=$work GIT_AUTHOR_NAME=recto GIT_AUTHOR_EMAIL=recto@localhost GIT_COMMITTER_NAME=recto GIT_COMMITTER_EMAIL=recto@localhost
sh annex/publish.sh repository
# A clone has references only.
git clone -q repository clone
cd clone
git annex init -q clone
[[ -z $(git annex find --in here) ]] || { echo "the clone has pixels before it got them"; exit 1; }
git remote rm origin
git -c annex.security.allowed-ip-addresses=all annex get .
git annex fsck --quiet
for image in $(cd ../images && find . -name '*.png' -not -path './.recto/*'); do
  cmp "../images/$image" "$image"
done
echo "export: git-annex got every image back, byte for byte"
