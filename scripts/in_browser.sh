# Sourced by the judges that look at recto-serve through a real browser: Chromium, npm's packages, a set to serve, and
# the server itself.
#
# Needs Debian's chromium, nodejs and npm, which brings playwright-core into build/; without them the judge is skipped
# (scripts/needs.sh). Expects $bin, the folder with recto-serve and draw-scrolls.
. scripts/needs.sh
home=build/judges/browser
work=$(mktemp -d)
server=
trap 'if [[ -n $server ]]; then kill "$server" 2>/dev/null || :; fi; rm -rf "$work"' EXIT

# need PACKAGE@VERSION...: the browser, playwright-core, and further packages of npm.
need() {
  [[ -x /usr/bin/chromium ]] || install_packages chromium
  [[ -x /usr/bin/chromium ]] || skip "there is no chromium (Debian: chromium)"
  { command -v node && command -v npm; } >/dev/null || install_packages nodejs npm
  need_commands node npm
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
  : >"$work/log"
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
