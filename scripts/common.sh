# Sourced by the other scripts: where things are, and how a step tells what it does and how long it took.
# shellcheck shell=bash
set -euo pipefail

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$ROOT"
TOOLS="$ROOT/.tools"
WORKER_BUILD_VERSION=0.8.7

# Node 24 and the npm tools come before whatever the machine has.
export PATH="$ROOT/node_modules/.bin:$TOOLS/bin:$PATH"
# Neither sends usage figures nor asks for its own newest version.
export WRANGLER_SEND_METRICS=false WRANGLER_HIDE_BANNER=true NO_UPDATE_NOTIFIER=1
# Large npm tools start in a third of the time when Node keeps what it compiled.
export NODE_COMPILE_CACHE="$TOOLS/node-cache"

fail() {
  printf '\n%s\n' "$*" >&2
  exit 1
}

now_ms() { date +%s%3N; }

# seconds_since START_MS: elapsed time with one decimal, as text.
seconds_since() {
  local ms=$(($(now_ms) - $1))
  printf '%d.%d s' $((ms / 1000)) $((ms % 1000 / 100))
}

# step "what it does" COMMAND...: runs the command with its output in .tools/log, shown only when it fails.
# A function given as COMMAND runs without errexit (bash): it joins its commands with &&.
step() {
  local what="$1" started log
  shift
  started="$(now_ms)"
  log="$TOOLS/log/$(printf '%s' "$what" | tr -c 'a-zA-Z0-9' '-' | cut -c1-60).txt"
  mkdir -p "$TOOLS/log"
  printf '  %-62s ' "$what"
  if "$@" >"$log" 2>&1 </dev/null; then
    printf '%s\n' "$(seconds_since "$started")"
  else
    printf 'failed after %s\n' "$(seconds_since "$started")"
    sed 's/^/    | /' "$log" | tail -n 60 >&2
    fail "'$what' failed: $*"
  fi
}

# locked_version CRATE: the version Cargo.lock holds.
locked_version() {
  awk -v crate="$1" '$1 == "name" && $3 == "\"" crate "\"" { hit = 1; next } hit && $1 == "version" { gsub(/"/, "", $3); print $3; exit }' Cargo.lock
}

# checksum_of PATH...: one hash over the contents and names of files and folders.
checksum_of() {
  local path
  for path in "$@"; do
    [ ! -e "$path" ] || find "$path" -type f -print0
  done | sort -z | xargs -0 sha256sum | sha256sum | cut -d' ' -f1
}
