#!/usr/bin/env bash
# Builds the Worker for the edge.
#   scripts/build.sh              the build that is deployed, into build/
#   scripts/build.sh test         the same with the route that panics on purpose, into .test/worker/
# Skipped when nothing it is made of has changed.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

KIND="${1:-deploy}"
case "$KIND" in
  deploy) out=build features=() options=() ;;
  # Not optimized: it is there to panic, and optimizing takes as long as compiling.
  test) out=.test/worker features=(--features panic-route) options=(--no-opt) ;;
  *) fail "unknown kind of build: $KIND" ;;
esac

# worker-build fetches the tools it is not given from places other than the package registries.
export WASM_BINDGEN_BIN="$TOOLS/bin/wasm-bindgen"
export WASM_OPT_BIN="$ROOT/scripts/wasm-opt.sh"
export ESBUILD_BIN="$ROOT/node_modules/.bin/esbuild"
for tool in "$WASM_BINDGEN_BIN" "$WASM_OPT_BIN" "$ESBUILD_BIN" "$TOOLS/bin/worker-build"; do
  [ -x "$tool" ] || fail "$tool is missing: run scripts/setup.sh"
done

sources="$(checksum_of src schema/objects Cargo.toml Cargo.lock .cargo scripts/build.sh scripts/wasm-opt.sh package-lock.json) $KIND"
if [ -f "$out/index.js" ] && [ -f "$out/index_bg.wasm" ] && [ "$(cat "$out/.stamp" 2>/dev/null)" = "$sources" ]; then
  exit 0
fi

rm -f "$out/.stamp"
step "build the Worker ($KIND)" "$TOOLS/bin/worker-build" --release --out-dir "$out" "${options[@]}" --locked "${features[@]}"

# src/entry.js stands before what worker-build made; both become one module again.
cp src/entry.js "$out/entry.js"
(cd "$out" && "$ESBUILD_BIN" entry.js --bundle --format=esm --minify --external:./index_bg.wasm '--external:cloudflare:*' \
  --outfile=index.js --allow-overwrite --log-level=error)
rm "$out/entry.js"
echo "$sources" >"$out/.stamp"
printf '  %-62s %s\n' "size of the bundle" "$(node scripts/bundle.ts "$out")"
