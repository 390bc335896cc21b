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
python_packages "$venv" maturin==1.16.0 ziglang==0.17.1
export PATH="$venv/bin:$PATH"
built=${CARGO_TARGET_DIR:-target}/$target/release
build() {
  maturin build --release --zig --compatibility manylinux2014 --target "$target" --out "$out" --quiet "$@"
}
# Without the programs there is nothing that could write their man pages; packing twice takes seconds.
rm -rf recto.data "$out"/recto-*.whl
build
share=recto.data/data/share
mkdir -p recto.data/scripts
for command in digest extract download reformat serve shard; do
  # Where it lies, also if it is called by a link, as tools for Python programs make them.
  printf '#!/bin/sh\nexec "$(dirname "$(readlink -f "$0")")/recto" %s "$@"\n' "$command" >"recto.data/scripts/recto-$command"
  chmod 755 "recto.data/scripts/recto-$command"
done
cp --remove-destination recto.data/scripts/* "$built"
"$built/recto" man "$share/man/man1" 2>/dev/null
mkdir -p "$share/bash-completion/completions" "$share/zsh/site-functions" "$share/fish/vendor_completions.d" "$share/doc/recto"
for program in recto recto-digest recto-extract recto-download recto-reformat recto-serve recto-shard; do
  complete() { "$built/recto" completions "$1" --program "$program"; }
  complete bash > "$share/bash-completion/completions/$program"
  complete zsh > "$share/zsh/site-functions/_$program"
  complete fish > "$share/fish/vendor_completions.d/$program.fish"
done
python3 scripts/licences.py "$target" > "$share/doc/recto/licences.txt"
rm -f "$out"/recto-*.whl
build
rm -rf recto.data
ls "$out"/recto-*.whl
