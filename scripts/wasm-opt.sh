#!/usr/bin/env bash
# wasm-opt as worker-build calls it, but without function names in the result: they are a tenth of the bundle, and a
# panic tells its file and line all the same.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

args=()
for arg in "$@"; do
  [ "$arg" = --debuginfo ] || args+=("$arg")
done
exec "$ROOT/node_modules/.bin/wasm-opt" "${args[@]}" --strip-debug
