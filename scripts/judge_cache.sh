#!/usr/bin/env bash
# recto-serve with a real redis-server as its shared cache: two servers share answers, the server goes on while Redis
# is killed and takes it up again when it is back, entries have an end, and DELETE /cache/ID empties it.
#
#   scripts/judge_cache.sh [BIN]      BIN: folder with recto-serve [default: target/debug]
#
# Needs curl, python3 and redis-server, which it installs (Debian, as root); without them it is skipped (scripts/needs.sh).
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/needs.sh
bin=${1:-target/debug}
work=$(mktemp -d)
redis= one= other=
trap 'kill $redis $one $other 2>/dev/null || :; rm -rf "$work"' EXIT

command -v redis-server >/dev/null || install_packages redis-server
need_commands redis-server redis-cli curl python3

port=$(python3 scripts/free_port.py)
mkdir "$work/pictures"
python3 - "$work/pictures/a.png" <<'PY'
import struct, sys, zlib
side = 600
rows = b"".join(b"\0" + bytes((x * y) % 256 if c else x % 256 for x in range(side) for c in range(3)) for y in range(side))
chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
with open(sys.argv[1], "wb") as file:
    file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
PY
cat >"$work/cache.toml" <<TOML
[cache]
redis = "redis://127.0.0.1:$port/3"
redis_retry = "100 ms"
purge_from = ["127.0.0.1"]
TOML

start_redis() {
  redis-server --port "$port" --bind 127.0.0.1 --save '' --appendonly no --dir "$work" >>"$work/redis.log" &
  redis=$!
  for _ in $(seq 100); do
    [[ $(redis-cli -p "$port" ping 2>/dev/null) == PONG ]] && return 0
    sleep 0.05
  done
  echo "redis-server does not answer" >&2
  exit 1
}

start() { # name: starts a server, its address in $address, its process in $server
  "$bin/recto-serve" "$work/pictures" -c "$work/cache.toml" --listen 127.0.0.1:0 >"$work/$1" 2>"$work/$1.err" &
  server=$!
  for _ in $(seq 100); do
    address=$(sed -n 's|^listening on http://||p' "$work/$1")
    [[ -z $address ]] || return 0
    sleep 0.1
  done
  cat "$work/$1.err" >&2
  exit 1
}

metric() { curl -s "http://$1/metrics" | sed -n "s/^recto_$2 //p"; }
redis_metric() { metric "$1" "cache_$2_total{tier=\"redis\"}"; }
ask() { curl -sf -o "$work/got" "http://$1/iiif/3/a/full/$2,/0/default.jpg"; }
until_holds() { # words, command
  for _ in $(seq 100); do
    if "${@:2}"; then say PASS "$1"; return; fi
    sleep 0.05
  done
  say FAIL "$1"
}
failed=0
say() { printf '%-6s %s\n' "$1" "$2"; [[ $1 == PASS ]] || failed=$((failed + 1)); }
holds() { if "${@:2}"; then say PASS "$1"; else say FAIL "$1"; fi; }
equal() { [[ $1 == "$2" ]]; }
holds_keys() { [[ $(redis-cli -p "$port" -n 3 dbsize) == "$1" ]]; }

start_redis
start one; one=$server a=$address
start other; other=$server b=$address
ask "$a" 200 && cp "$work/got" "$work/first"
until_holds "an answer is put into Redis" holds_keys 1
key=$(redis-cli -p "$port" -n 3 --scan --pattern 'recto:*')
left=$(redis-cli -p "$port" -n 3 ttl "$key")
holds "it has two days" test "$left" -gt 172700 -a "$left" -le 172800
ask "$b" 200
holds "another server is given the same bytes" cmp -s "$work/got" "$work/first"
holds "which it has not rendered" equal "$(metric "$b" answers_rendered_total)$(redis_metric "$b" hits)" 01
kill -9 "$redis"; wait "$redis" 2>/dev/null || :
for width in 201 202 203; do
  holds "answered without Redis: $width" ask "$a" "$width"
done
holds "which is counted" test "$(redis_metric "$a" errors)" -ge 1
holds "and said" grep -q "Redis at 127.0.0.1:$port does not answer" "$work/one.err"
start_redis
again() { width=$((width + 1)); ask "$a" "$width"; sleep 0.1; [[ $(redis-cli -p "$port" -n 3 dbsize) -ge 1 ]]; }
until_holds "taken up again when it is back" again
holds "and said" grep -q "answers again" "$work/one.err"
kill -STOP "$redis"
holds "answered while Redis hangs" ask "$a" 150
kill -CONT "$redis"
until_holds "and again with it" again
redis-cli -p "$port" -n 3 set recto:other 1 >/dev/null
curl -sf -X DELETE "http://$a/cache/a" >"$work/purged"
holds "purged but for what is not of that image" holds_keys 1
redis-cli -p "$port" config set maxmemory 1 >/dev/null
holds "answered while Redis is out of memory" ask "$a" 90
skips() { [[ $(redis_metric "$a" skipped) -ge 1 ]]; }
until_holds "which is counted" skips
kill "$one" "$other"
wait "$one" && say PASS "ends well" || say FAIL "ends well"
one= other=
echo "cache: $failed failed"
[[ $failed == 0 ]]
