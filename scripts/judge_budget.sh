#!/usr/bin/env bash
# Four workers that share the pace of a host through a real redis-server, which goes away and comes back: scripts/judge_budget.py.
#
#   scripts/judge_budget.sh PROGRAMS [WORK]
#
# PROGRAMS: folder of recto-download and recto-digest. WORK: scratch folder (default build/budget). Needs redis-server, which it
# installs (Debian, as root); without it the check is skipped (scripts/needs.sh). Server and hosts listen on loopback only and
# end with it.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/needs.sh
programs=$(realpath "$1")
work=$(realpath -m "${2:-build/budget}")
mkdir -p "$work"
command -v redis-server >/dev/null || install_packages redis-server
need_commands redis-server python3
python3 scripts/judge_budget.py "$programs" "$work/runs"
