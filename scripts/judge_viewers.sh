#!/usr/bin/env bash
# Mirador and OpenSeadragon on a running recto-serve: scripts/judge_viewers.mjs against a small set drawn here.
#
#   scripts/judge_viewers.sh [BIN]      BIN: folder with recto-serve and examples/draw-scrolls [default: target/release]
#
# Needs Debian's chromium and npm, which brings playwright-core and the viewers into build/; where they cannot be had it
# says SKIPPED and ends with 0. Screenshots stay in build/judges/viewers.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=${1:-target/release}
home=build/judges/browser
shots=build/judges/viewers
work=$(mktemp -d)
server=
trap 'if [[ -n $server ]]; then kill "$server" 2>/dev/null || :; fi; rm -rf "$work"' EXIT

skip() { echo "SKIPPED judge_viewers: $1" >&2; exit 0; }
if [[ ! -x /usr/bin/chromium && $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium; } >/dev/null 2>&1 || :
fi
[[ -x /usr/bin/chromium ]] || skip "there is no chromium (Debian: chromium)"
command -v npm >/dev/null || skip "there is no npm"
mkdir -p "$home" "$shots"
for package in playwright-core@1.65.1 mirador@4.0.0 openseadragon@6.1.1; do
  [[ -d $home/node_modules/${package%@*} ]] ||
    npm install --silent --ignore-scripts --legacy-peer-deps --prefix "$home" "$package" >&2 ||
    skip "$package cannot be installed"
done

set=build/demo/origin
if [[ ! -f $set/localizations.json ]]; then
  set=$work/origin
  "$bin/examples/draw-scrolls" "$set" >&2
fi
"$bin/recto-serve" "$set/localizations.json" --image-map "$set/image_map.json" --listen 127.0.0.1:0 --quiet \
  >"$work/log" &
server=$!
for _ in $(seq 200); do
  address=$(sed -n 's|^listening on ||p' "$work/log")
  [[ -z $address ]] || break
  kill -0 "$server"
  sleep 0.1
done
NODE_PATH=$PWD/$home/node_modules timeout 300 node scripts/judge_viewers.mjs "$address" "$PWD/$home/node_modules" "$shots"
kill "$server"
wait "$server" || { echo "recto-serve ended with $?" >&2; exit 1; }
server=
