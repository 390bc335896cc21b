#!/usr/bin/env bash
# Mirador and OpenSeadragon on a running recto-serve: scripts/judge_viewers.mjs against a small set drawn here, with and without
# rules about who may see it.
#
#   scripts/judge_viewers.sh [BIN]      BIN: folder with recto-serve and draw-scrolls [default: target/release]
#
# What it needs is in scripts/in_browser.sh. Screenshots stay in build/judges/viewers.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=${1:-target/release}
. scripts/in_browser.sh
shots=build/judges/viewers
mkdir -p "$shots"
need mirador@4.0.0 openseadragon@6.1.1
scrolls
serve "$set/localizations.json" --image-map "$set/image_map.json"
look 300 scripts/judge_viewers.mjs "$address" "$PWD/$home/node_modules" "$shots"

# The same where images are open in the house alone, so that manifests and info.json name where to log in.
cat >"$work/recto.toml" <<TOML
[auth]
[[auth.rules]]
who = ["address:127.0.0.0/8"]
may = "full"
TOML
mkdir -p "$shots/house"
serve "$set/localizations.json" --image-map "$set/image_map.json" -c "$work/recto.toml"
look 300 scripts/judge_viewers.mjs "$address" "$PWD/$home/node_modules" "$shots/house"
