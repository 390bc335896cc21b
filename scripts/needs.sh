# Sourced by the scripts that need more than this repository: what happens when a tool or an input is missing.
#
# On a developer's machine a check that cannot run says "skipped: …" and counts as passed. With CI=true it fails, so that
# a green run means that everything was checked.

# skip WHY: ends the script, or the subshell, that calls it.
skip() {
  local name
  name=$(basename "$0")
  if [[ ${CI:-} == true ]]; then
    echo "error: ${name%.*} cannot run: $1; with CI=true nothing is skipped" >&2
    exit 1
  fi
  echo "skipped: ${name%.*}: $1" >&2
  exit 0
}

# skip_without_shared WHY: the same for what lies in the folder SHARED, which is not part of this repository. Who runs CI
# without that folder says so: RECTO_WITHOUT_SHARED=1.
skip_without_shared() {
  if [[ ${RECTO_WITHOUT_SHARED:-} == 1 ]]; then
    echo "skipped: $1 (RECTO_WITHOUT_SHARED=1)" >&2
    exit 0
  fi
  skip "$1"
}

# need_commands COMMAND...
need_commands() {
  local name
  for name in "$@"; do
    command -v "$name" >/dev/null || skip "there is no $name"
  done
}

# install_packages PACKAGE...: from Debian, where this is Debian and the user is root; one call at a time, whoever else calls. The
# caller then tests what it needs.
install_packages() {
  [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null || return 0
  # RUNLEVEL=1: no service is started.
  (
    flock -w 600 9
    apt-get update -qq && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y -qq "$@"
  ) 9>"${TMPDIR:-/tmp}/recto-install-packages" >/dev/null 2>&1 || :
}

# python_packages FOLDER REQUIREMENT...: a virtual environment with packages from PyPI.
python_packages() {
  local folder=$1
  shift
  [[ -x $folder/bin/python ]] || python3 -m venv "$folder" >&2 || skip "python3 makes no virtual environment (Debian: python3-venv)"
  "$folder/bin/python" -m pip install --quiet --no-cache-dir --disable-pip-version-check "$@" >&2 || skip "PyPI's packages cannot be installed: $*"
}
