#!/usr/bin/env bash
# Measures the built Worker, its peer and the bare runtime under bare workerd; prints a table and keeps it in
# bench-results/. Arguments go on to benches/run.ts.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

export WASM_BINDGEN_BIN="$TOOLS/bin/wasm-bindgen"
export WASM_OPT_BIN="$ROOT/node_modules/.bin/wasm-opt"
export ESBUILD_BIN="$ROOT/node_modules/.bin/esbuild"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$ROOT/target}"

floor=benches/floor
sources="$(checksum_of "$floor/src" "$floor/Cargo.toml" "$floor/Cargo.lock")"
if [ "$(cat "$floor/build/.stamp" 2>/dev/null)" != "$sources" ]; then
  step "build the bare Rust Worker it is measured against" "$TOOLS/bin/worker-build" --release "$floor"
  echo "$sources" >"$floor/build/.stamp"
fi

exec node benches/run.ts "$@"
