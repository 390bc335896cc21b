#!/usr/bin/env bash
# Builds the wheel: the program `recto` for glibc 2.17 and later (manylinux2014: every Linux since 2014), the names recto-digest,
# recto-extract, … for its commands, man pages, completions, notices of third parties, and a thin Python module.
#
#   scripts/wheel.sh [OUT]      OUT: folder for the wheel [default: build/wheels]
#
# All names are then in target/x86_64-unknown-linux-gnu/release too (CARGO_TARGET_DIR counts). maturin and zig, which brings an
# old glibc to link with, are installed from PyPI into an environment of their own under build/. TARGET: another target of Rust.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/needs.sh
out=$(realpath -m "${1:-build/wheels}")
target=${TARGET:-$(uname -m)-unknown-linux-gnu}
venv=$PWD/build/judges/wheel
need_commands python3 cargo
python_packages "$venv" maturin==1.16.0 ziglang==0.17.1 wheel==0.48.0
export PATH="$venv/bin:$PATH"
built=${CARGO_TARGET_DIR:-target}/$target/release
parts=$(mktemp -d)
trap 'rm -rf "$parts"' EXIT
rm -f "$out"/recto-*.whl
maturin build --release --zig --compatibility manylinux2014 --target "$target" --out "$parts" --quiet
# Without the program there is nothing that could write its man pages: what it writes is added to the wheel that has it.
wheel unpack --dest "$parts" "$parts"/recto-*.whl
wheel=$(ls -d "$parts"/recto-*/)
data=$wheel$(basename "$wheel").data
share=$data/data/share
mkdir -p "$data/scripts"
for command in digest extract download reformat serve shard; do
  # Where it lies, also if it is called by a link, as tools for Python programs make them.
  printf '#!/bin/sh\nexec "$(dirname "$(readlink -f "$0")")/recto" %s "$@"\n' "$command" >"$data/scripts/recto-$command"
  chmod 755 "$data/scripts/recto-$command"
done
cp --remove-destination "$data"/scripts/recto-* "$built"
"$built/recto" man "$share/man/man1" 2>/dev/null
mkdir -p "$share/bash-completion/completions" "$share/zsh/site-functions" "$share/fish/vendor_completions.d" "$share/doc/recto"
for program in recto recto-digest recto-extract recto-download recto-reformat recto-serve recto-shard; do
  complete() { "$built/recto" completions "$1" --program "$program"; }
  complete bash > "$share/bash-completion/completions/$program"
  complete zsh > "$share/zsh/site-functions/_$program"
  complete fish > "$share/fish/vendor_completions.d/$program.fish"
done
python3 scripts/licences.py "$target" > "$share/doc/recto/licences.txt"
mkdir -p "$out"
wheel pack --dest-dir "$out" "$wheel"
ls "$out"/recto-*.whl
