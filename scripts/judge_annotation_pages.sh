#!/usr/bin/env bash
# Annotation pages of recto-reformat as the IIIF community's packages read them: @iiif/parser takes them apart, @iiif/helpers
# finds the boxes and outlines of their targets (linkedom parses SVG for it).
#
#   scripts/judge_annotation_pages.sh [BIN]    BIN: folder with recto-reformat [default: target/release]
#
# The packages come from npm into build/. Without them it is skipped (scripts/needs.sh).
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/needs.sh
bin=${1:-target/release}
home=build/judges/iiif
{ command -v node && command -v npm; } >/dev/null || install_packages nodejs npm
need_commands node npm
mkdir -p "$home"
[[ -d $home/node_modules/linkedom ]] ||
  npm install --silent --ignore-scripts --prefix "$home" @iiif/parser@2.2.10 @iiif/helpers@1.6.1 linkedom@0.18.15 >&2 || skip "@iiif/parser cannot be installed"
node scripts/judge_annotation_pages.mjs "$bin" "$home/node_modules"
