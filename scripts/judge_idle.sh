#!/usr/bin/env bash
# recto-serve under ten thousand connections that ask for nothing, some of which send half a request byte by byte: who
# does ask is answered at once, memory stays small, and the end of the files is no end of the server.
#
#   scripts/judge_idle.sh [BIN] [CONNECTIONS]      BIN: folder with recto-serve [default: target/release]
#
# Needs Linux and Python's standard library; without them it is skipped (scripts/needs.sh).
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/needs.sh
bin=${1:-target/release}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
need_commands python3
[[ -d /proc/self/fd ]] || skip "there is no /proc"
mkdir "$work/pictures"
python3 - "$work/pictures/a.png" <<'PY'
import struct, sys, zlib
side = 300
chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
rows = b"".join(b"\0" + bytes((x + y * c) % 256 for x in range(side) for c in (1, 2, 3)) for y in range(side))
header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
open(sys.argv[1], "wb").write(png)
PY
timeout 300 python3 scripts/judge_idle.py "$bin/recto-serve" "$work/pictures" "${2:-10000}"
