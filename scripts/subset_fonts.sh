#!/usr/bin/env bash
# Makes the fonts of contact sheets again (crates/pixels/src/contact_sheet/fonts/) from the Noto fonts of Debian's fonts-noto-core: the
# characters that classes and captions are written in, with what joins them, and without hints.
#
#   scripts/subset_fonts.sh NOTO PYTHON    NOTO: folder with NotoSans-Regular.ttf and others; PYTHON: one with fonttools
set -euo pipefail
noto=$1 python=$2
cd "$(dirname "$0")/../crates/pixels/src/contact_sheet/fonts"

subset() {
  "$python" -m fontTools.subset "$noto/$1-Regular.ttf" --unicodes="$2" --layout-features='*' --no-hinting --notdef-outline \
    --name-IDs=0,1,2,3,4,5,6,13,14 --output-file="$1.ttf"
}
common=U+0020,U+00A0,U+200C-200F,U+25CC
subset NotoSans U+0020-007E,U+00A0-052F,U+1E00-209F,U+20A0-20BF,U+2100-214F,U+2190-2193,U+2212,U+25CC
subset NotoSansHebrew "U+0590-05FF,U+FB1D-FB4F,U+20AA,$common"
subset NotoSansArabic "U+0600-06FF,U+0750-077F,U+08A0-08FF,$common"
subset NotoSansDevanagari "U+0900-097F,U+A8E0-A8FF,U+1CD0-1CFF,$common"
