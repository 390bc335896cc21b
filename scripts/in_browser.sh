# Sourced by the judges that look at recto-serve through a real browser: Chromium, npm's packages, a set to serve, and
# the server itself.
#
# Needs Debian's chromium and npm, which brings playwright-core into build/; where they cannot be had it says SKIPPED
# and ends with 0. Expects $bin, the folder with recto-serve and draw-scrolls.
home=build/judges/browser
work=$(mktemp -d)
server=
trap 'if [[ -n $server ]]; then kill "$server" 2>/dev/null || :; fi; rm -rf "$work"' EXIT

skip() { echo "SKIPPED $(basename "$0" .sh): $1" >&2; exit 0; }

# need PACKAGE@VERSION...: the browser, playwright-core, and further packages of npm.
need() {
  if [[ ! -x /usr/bin/chromium && $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium; } >/dev/null 2>&1 || :
  fi
  [[ -x /usr/bin/chromium ]] || skip "there is no chromium (Debian: chromium)"
  command -v npm >/dev/null || skip "there is no npm"
  mkdir -p "$home"
  local package
  for package in playwright-core@1.65.1 "$@"; do
    [[ -d $home/node_modules/${package%@*} ]] ||
      npm install --silent --ignore-scripts --legacy-peer-deps --prefix "$home" "$package" >&2 ||
      skip "$package cannot be installed"
  done
}

# Sets $set to the folder of a set of scrolls: that of `make demo`, else one drawn now.
scrolls() {
  set=build/demo/origin
  if [[ ! -f $set/localizations.json ]]; then
    set=$work/origin
    "$bin/draw-scrolls" "$set" >&2
  fi
}

# serve ARGUMENT...: starts recto-serve and sets $address.
serve() {
  "$bin/recto-serve" "$@" --listen 127.0.0.1:0 --quiet >"$work/log" &
  server=$!
  for _ in $(seq 200); do
    address=$(sed -n 's|^listening on ||p' "$work/log")
    [[ -z $address ]] || break
    kill -0 "$server"
    sleep 0.1
  done
}

# look SECONDS SCRIPT ARGUMENT...: runs a script of Node on the server, then stops the server, which has to end well.
look() {
  NODE_PATH=$PWD/$home/node_modules timeout "$1" node "${@:2}"
  kill "$server"
  wait "$server" || { echo "recto-serve ended with $?" >&2; exit 1; }
  server=
}
