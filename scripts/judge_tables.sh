#!/usr/bin/env bash
# Images and boxes as a Parquet table: what DuckDB, polars and pyarrow find in what recto-extract --parquet writes is what is in
# localizations.json (scripts/judge_tables.py).
#
#   scripts/judge_tables.sh [BIN]    BIN: folder with the programs [default: target/release]
#
# The readers are installed from PyPI into a virtual environment of their own under build/. Without them it is skipped
# (scripts/needs.sh).
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/needs.sh
bin=$(realpath "${1:-target/release}")
venv=build/judges/tables
need_commands python3
"$venv/bin/python" -c 'import duckdb, polars, pyarrow' 2>/dev/null ||
  python_packages "$venv" duckdb==2.0.1 polars==2.1.0 pyarrow==26.0.1
"$venv/bin/python" scripts/judge_tables.py "$bin"
