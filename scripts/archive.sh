#!/usr/bin/env bash
# Packs the programs with licence, notices, man pages and completions: archive.sh BIN OUT makes OUT.tar.gz, with one folder in it.
set -euo pipefail
bin=$(realpath "$1")
out=$(realpath -m "$2")
cd "$(dirname "$0")/.."
mkdir -p "$(dirname "$out")"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
name=$(basename "$out")
mkdir -p "$folder/$name/completions"
programs=(recto recto-digest recto-extract recto-download recto-reformat recto-serve recto-shard)
for program in "${programs[@]}"; do
  cp "$bin/$program" "$folder/$name/"
  for shell in bash zsh fish; do
    "$bin/recto" completions "$shell" --program "$program" >"$folder/$name/completions/$program.$shell"
  done
done
"$bin/recto" man "$folder/$name/man" 2>/dev/null
cp LICENSE THIRD-PARTY.md README.md CHANGELOG.md "$folder/$name/"
tar -C "$folder" -czf "$out.tar.gz" "$name"
echo "$out.tar.gz"
