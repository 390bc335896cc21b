#!/usr/bin/env bash
# The documentation as a site in build/site/html: README, docs/ and what they link to, by mkdocs from PyPI. Fails where a link of a
# page leads nowhere, and where a page would load anything from elsewhere.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/needs.sh
need_commands python3
venv=build/judges/site
python_packages "$venv" mkdocs==1.6.1 click==8.5.1 ghp-import==2.1.0 Jinja2==3.1.6 Markdown==3.11.3 MarkupSafe==3.0.4 \
  mergedeep==1.3.4 mkdocs-get-deps==0.2.2 packaging==26.4 pathspec==1.1.1 platformdirs==4.14.8 python-dateutil==4.0.0 \
  PyYAML==6.0.4 pyyaml_env_tag==1.1 tzdata==2026.6 watchdog==7.1.0
pages=build/site/pages
rm -rf build/site
mkdir -p "$pages"
# As they lie in the tree. A fence names its language alone: other readers of Markdown know no names of files there. A folder has no
# page.
find ./*.md docs examples crates -name '*.md' | while read -r file; do
  mkdir -p "$pages/$(dirname "$file")"
  sed -E -e 's/^(```[a-z]+) [^ ]+$/\1/' -e 's/\[([^]]+)\]\((\.\.\/)?(schemas|examples)\)/\1/' "$file" >"$pages/$file"
done
cp -r schemas LICENSE "$pages/"
find docs -name '*.png' -o -name '*.jpg' | while read -r file; do cp "$file" "$pages/$file"; done
# Not --quiet: with it warnings are not counted.
"$venv/bin/mkdocs" build --strict --config-file docs/site.yml 2>build/site/log || { grep -v '^INFO' build/site/log; exit 1; }
if grep -rlE '<(script|link|img|iframe)[^>]+(src|href)="?(https?:)?//' build/site/html --include='*.html'; then
  echo "a page loads something from elsewhere"
  exit 1
fi
echo "build/site/html: $(find build/site/html -name '*.html' | wc -l) pages, every link leads somewhere"
