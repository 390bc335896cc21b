#!/usr/bin/env bash
# The same review in recto-serve, by keyboard and by mouse (scripts/judge_reviewers.mjs), and in a page with Annotorious, by
# mouse (scripts/compare_annotators.mjs): 50 images, 500 boxes, 40 errors, in real Chromium. For each: keys, clicks, drags, a
# person's seconds by the Keystroke-Level Model (`effort` in scripts/reviewer.mjs) and the program's seconds. Not part of CI.
#
#   scripts/compare_annotators.sh [BIN]      BIN: folder with recto-serve [default: target/release]
#
# Same rules for all: a decision for each correction and one for each image; that each box is looked at is counted for
# none. Needs what scripts/in_browser.sh needs, and @annotorious/annotorious 3.7.19 from npm.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=${1:-target/release}
. scripts/in_browser.sh
need @annotorious/annotorious@3.7.19

node scripts/review_set.mjs "$work/set"
for way in keys mouse; do
  rm -f "$work/review.jsonl"
  serve "$work/set/localizations.json" --image-map "$work/set/image_map.json" --review "$work/review.jsonl"
  look 200 scripts/judge_reviewers.mjs "$address" "$work/set" "$way"
done
NODE_PATH=$PWD/$home/node_modules timeout 200 node scripts/compare_annotators.mjs "$work/set"
