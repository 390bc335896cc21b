#!/usr/bin/env bash
# The pages of recto-serve in a real browser: scripts/judge_pages.mjs against a small set drawn here.
#
#   scripts/judge_pages.sh [BIN]      BIN: folder with recto-serve and draw-scrolls [default: target/release]
#
# What it needs is in scripts/in_browser.sh. Screenshots stay in build/judges/pages.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=${1:-target/release}
. scripts/in_browser.sh
shots=build/judges/pages
mkdir -p "$shots"
need
scrolls
serve "$set/localizations.json" --image-map "$set/image_map.json" --review "$work/review.jsonl"
look 300 scripts/judge_pages.mjs "$address" "$shots"
