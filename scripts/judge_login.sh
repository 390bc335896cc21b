#!/usr/bin/env bash
# Logging in to recto-serve in a real browser: scripts/judge_login.mjs against a small set drawn here.
#
#   scripts/judge_login.sh [BIN]      BIN: folder with recto-serve and examples/draw-scrolls [default: target/release]
#
# Needs Debian's chromium and npm, which brings playwright-core into build/; where they cannot be had it says SKIPPED
# and ends with 0. Screenshots stay in build/judges/pages.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=${1:-target/release}
home=build/judges/browser
shots=build/judges/pages
work=$(mktemp -d)
server=
trap 'if [[ -n $server ]]; then kill "$server" 2>/dev/null || :; fi; rm -rf "$work"' EXIT

skip() { echo "SKIPPED judge_login: $1" >&2; exit 0; }
[[ -x /usr/bin/chromium ]] || skip "there is no chromium (Debian: chromium)"
command -v npm >/dev/null || skip "there is no npm"
mkdir -p "$home" "$shots"
[[ -d $home/node_modules/playwright-core ]] ||
  npm install --silent --prefix "$home" playwright-core@1.65.1 >&2 || skip "playwright-core cannot be installed"

mkdir "$work/pictures"
set=build/demo/origin
if [[ ! -f $set/localizations.json ]]; then
  set=$work/origin
  "$bin/examples/draw-scrolls" "$set" >&2
fi
cp "$(find "$set" -name '*.jpg' -o -name '*.tif' -o -name '*.png' | sort | head -n 1)" "$work/pictures/"
file=$(basename "$work"/pictures/*)
token=$(head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n')
hash=$(printf '%s\n' "$token" | "$bin/recto-serve" --hash-token --quiet)
cat >"$work/recto.toml" <<TOML
[auth]
label = "the reading room"
[[auth.rules]]
who = ["known"]
may = "full"
[[auth.accounts]]
user = "anna"
token = '$hash'
TOML
"$bin/recto-serve" "$work/pictures" -c "$work/recto.toml" --listen 127.0.0.1:0 --quiet >"$work/log" &
server=$!
for _ in $(seq 200); do
  address=$(sed -n 's|^listening on ||p' "$work/log")
  [[ -z $address ]] || break
  kill -0 "$server"
  sleep 0.1
done
NODE_PATH=$PWD/$home/node_modules timeout 200 node scripts/judge_login.mjs "$address" "$token" "${file%.*}" "$shots"
kill "$server"
wait "$server" || { echo "recto-serve ended with $?" >&2; exit 1; }
server=
