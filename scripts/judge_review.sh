#!/usr/bin/env bash
# The review of recto-serve in a real browser: two reviewers of 50 images with 500 boxes of which 40 are wrong
# (scripts/judge_reviewers.mjs), then what they rely on (scripts/judge_review.mjs) and how smooth it is
# (scripts/judge_smooth.mjs), against sets drawn by scripts/review_set.mjs.
#
#   scripts/judge_review.sh [BIN]      BIN: folder with recto-serve [default: target/release]
#
# What it needs is in scripts/in_browser.sh. Screenshots stay in build/judges/review.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=${1:-target/release}
. scripts/in_browser.sh
shots=build/judges/review
mkdir -p "$shots"
need axe-core@4.10.3

# judge SECONDS SET SCRIPT ARGUMENT...: a script on a server of a set, with a new file of reviews.
judge() {
  rm -f "$work/review.jsonl"
  serve "$2/localizations.json" --image-map "$2/image_map.json" --review "$work/review.jsonl"
  look "$1" "$3" "$address" "${@:4}"
}

node scripts/review_set.mjs "$work/set"
judge 200 "$work/set" scripts/judge_reviewers.mjs "$work/set" keys
judge 200 "$work/set" scripts/judge_reviewers.mjs "$work/set" mouse
judge 300 "$work/set" scripts/judge_review.mjs "$shots"
node scripts/review_set.mjs "$work/large" large
judge 100 "$work/large" scripts/judge_smooth.mjs
