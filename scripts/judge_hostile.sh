#!/usr/bin/env bash
# Damaged files of every type that recto-serve reads, each served and asked for: every request is answered, and the server
# neither ends nor takes more memory than it should (tests/mutations/served.rs). Says for each type how many were shown.
#
#   scripts/judge_hostile.sh [COUNT [TYPE]]    COUNT: files of each type [default: 100000]
#
# Needs nothing but cargo. RECTO_SEED says with which seed it begins; a failure names its own.
set -euo pipefail
cd "$(dirname "$0")/.."
export RECTO_CASES=${1:-100000} RECTO_SEED=${RECTO_SEED:-0}
cargo test --locked --quiet -p recto --test mutations --no-run
for type in ${2:-jpeg png gif webp bmp tiff jpeg_2000 avif pdf}; do
  cargo test --locked --quiet -p recto --test mutations -- --exact "served::$type" --nocapture | grep 'damaged files'
done
