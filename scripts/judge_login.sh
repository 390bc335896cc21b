#!/usr/bin/env bash
# Logging in to recto-serve in a real browser: scripts/judge_login.mjs against a small set drawn here.
#
#   scripts/judge_login.sh [BIN]      BIN: folder with recto-serve and draw-scrolls [default: target/release]
#
# What it needs is in scripts/in_browser.sh. Screenshots stay in build/judges/pages.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=${1:-target/release}
. scripts/in_browser.sh
shots=build/judges/pages
mkdir -p "$shots" "$work/pictures"
need
scrolls
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
serve "$work/pictures" -c "$work/recto.toml"
look 400 scripts/judge_login.mjs "$address" "$token" "${file%.*}" "$shots"
