#!/usr/bin/env bash
# Runs the pages of docs/tutorials and the snippets of docs/python.md as they are written, each in an empty folder, with the programs
# given and the module of python/recto. No network but PyPI, for pandas, polars and pycocotools.
#
#   scripts/judge_tutorials.sh BIN      BIN: the folder of the programs
set -euo pipefail
bin=$(realpath "$1")
cd "$(dirname "$0")/.."
. scripts/needs.sh
need_commands python3 curl
root=$PWD
venv=$root/build/judges/tutorials
python_packages "$venv" numpy==2.4.6 pandas==3.1.1 polars==2.1.0 pycocotools==2.0.11
work=$(mktemp -d)
# Servers that a page starts in the background end with it.
trap 'rm -rf "$work"' EXIT

# blocks LANGUAGE FILE: the blocks of a language, one after the other.
blocks() {
  awk -v mark="\`\`\`$1" '$0 == mark { inside = 1; next } /^```/ { inside = 0 } inside' "$2"
}

# PATH has what the page may use: recto alone.
mkdir "$work/bin"
ln -s "$bin/recto" "$work/bin/recto"
for page in docs/tutorials/*.md; do
  name=$(basename "$page" .md)
  mkdir "$work/$name"
  {
    echo "set -euo pipefail"
    echo "trap 'kill \$(jobs -p) 2>/dev/null || :' EXIT"
    blocks sh "$page"
  } >"$work/$name.sh"
  [[ $(grep -c '^recto ' "$work/$name.sh") -gt 3 ]] || { echo "$page has no commands"; exit 1; }
  (cd "$work/$name" && PATH="$work/bin:$PATH" bash "$work/$name.sh") >"$work/$name.log" 2>&1 ||
    { cat "$work/$name.log"; echo "$page does not run as it is written"; exit 1; }
  echo "$page: runs"
done

mkdir "$work/python"
cd "$work/python"
PATH="$work/bin:$PATH" recto demo demo 2>/dev/null
PATH="$work/bin:$PATH" PYTHONPATH="$root/python" "$venv/bin/python" - "$root/docs/python.md" <<'PY'
import re, sys

text = open(sys.argv[1], encoding="utf-8").read()
blocks = [block for block in re.findall(r"```python\n(.*?)```", text, re.S) if block.startswith("# runs\n")]
assert len(blocks) >= 3, "docs/python.md has no snippets that run"
for block in blocks:
    exec(compile(block, "docs/python.md", "exec"), {"__name__": "snippet"})
# The others are Python at least.
for block in re.findall(r"```python\n(.*?)```", text, re.S):
    compile(block, "docs/python.md", "exec")
print(f"docs/python.md: {len(blocks)} snippets run")
PY
