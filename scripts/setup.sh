#!/usr/bin/env bash
# Installs what is missing and nothing else, from the package registries alone.
#   scripts/setup.sh        what building and serving needs
#   scripts/setup.sh test   that, and what the tests need
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

PURPOSE="${1:-build}"
WASM_BINDGEN_VERSION="$(locked_version wasm-bindgen)"
SETUP_STARTED="$(now_ms)"

need() {
  command -v "$1" >/dev/null 2>&1 || fail "$1 is missing. $2"
}

check_machine() {
  need rustup "Install Rust with rustup; your system's packages or its installer have it."
  need cargo "Install Rust with rustup."
  need npm "Install Node.js 18 or newer with npm, for example: apt-get install nodejs npm"
  need cc "A C compiler links the native tests, for example: apt-get install gcc libc6-dev"
  local major
  major="$(node -p 'process.versions.node.split(".")[0]')"
  [ "$major" -ge 18 ] || fail "Node.js $major is too old: 18 or newer is needed to install Node 24 from npm."
}

has_rust_target() { [ -d "$(rustc --print sysroot)/lib/rustlib/wasm32-unknown-unknown" ]; }

has_tool() {
  [ -x "$TOOLS/bin/$1" ] && "$TOOLS/bin/$1" --version 2>/dev/null | grep -qwF "$2"
}

# The tools are built outside the project's target folder, so that `make clean` keeps them and they never mix; and without
# optimization: that takes a third of the time, and each runs for a second or so.
install_cargo_tool() {
  env CARGO_TARGET_DIR="$TOOLS/build" CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_LTO=off \
    CARGO_PROFILE_RELEASE_CODEGEN_UNITS=256 cargo install "$@" --root "$TOOLS"
}

npm_stamp() { checksum_of package.json package-lock.json .npmrc; }
has_npm_tools() {
  [ -x node_modules/.bin/wrangler ] && [ "$(cat node_modules/.stamp 2>/dev/null)" = "$(npm_stamp)" ]
}
lock_agrees() {
  node -e '
    const wanted = require("./package.json"), locked = require("./package-lock.json").packages[""];
    for (const kind of ["devDependencies", "optionalDependencies"])
      if (JSON.stringify(wanted[kind]) !== JSON.stringify(locked[kind])) {
        console.error(`package.json and package-lock.json differ in ${kind}: run npm install and commit both`);
        process.exit(1);
      }'
}
# Not `npm ci`: it refuses a lock file without the builds for other systems that a registry does not carry.
install_npm_tools() {
  lock_agrees && npm install --no-save --no-progress && npm_stamp >node_modules/.stamp
}

secret() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }
make_dev_vars() {
  (
    umask 077
    {
      echo '# Local settings, made by scripts/setup.sh and ignored by git. Delete the file to get new secrets.'
      echo 'PUBLIC_ORIGIN="http://127.0.0.1:8787"'
      echo 'TEST_CLOCK="true"'
      echo 'ALLOW_LOOPBACK_TARGETS="true"'
      local name
      for name in TOKEN_SIGNING_SEED CHALLENGE_SECRET SEAL_SECRET CSRF_SECRET; do
        echo "$name=\"$(secret)\""
      done
    } >.dev.vars.new && mv .dev.vars.new .dev.vars
  )
}

has_rust_component() { "$1" --version >/dev/null 2>&1; }

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null 2>&1; then
    sudo -n "$@"
  else
    echo "not root and no sudo: run as root: $*"
    return 1
  fi
}
install_packages() {
  as_root apt-get update && as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
}

# Python's own installer of packages is a package of its own on Debian.
can_make_venv() { python3 -c 'import ensurepip, venv' >/dev/null 2>&1; }
python_stamp() { checksum_of tests/fuzz/requirements.txt; }
has_python_packages() {
  [ -x .venv/bin/python ] && [ -x .venv/bin/schemathesis ] && [ "$(cat .venv/.stamp 2>/dev/null)" = "$(python_stamp)" ]
}
install_python_packages() {
  python3 -m venv --clear .venv &&
    .venv/bin/python -m pip install --no-input --disable-pip-version-check --requirement tests/fuzz/requirements.txt &&
    python_stamp >.venv/.stamp
}
check_python() {
  python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail "$(python3 --version) is too old: the tests need Python 3.11 or newer."
}

check_machine
has_rust_target || step "add the wasm32 target to Rust" rustup target add wasm32-unknown-unknown
has_tool wasm-bindgen "$WASM_BINDGEN_VERSION" ||
  step "build wasm-bindgen $WASM_BINDGEN_VERSION (about 1 min, once)" install_cargo_tool wasm-bindgen-cli --version "=$WASM_BINDGEN_VERSION" --force
has_tool worker-build "$WORKER_BUILD_VERSION" ||
  step "build worker-build $WORKER_BUILD_VERSION (about 1 min, once)" install_cargo_tool worker-build --version "=$WORKER_BUILD_VERSION" --locked --force
rm -rf "$TOOLS/build"
has_npm_tools || step "install Node 24, wrangler, workerd and the other npm tools" install_npm_tools
hash -r # bash remembers where it found the machine's own node
node_major="$(node -p 'process.versions.node.split(".")[0]')"
[ "$node_major" -ge 24 ] || fail "Node 24 is not among the npm packages of this system and the one found is $node_major: install Node.js 24."
[ -f .dev.vars ] || step "write local settings and fresh secrets to .dev.vars" make_dev_vars

if [ "$PURPOSE" = test ]; then
  has_rust_component cargo-fmt || step "add rustfmt" rustup component add rustfmt
  has_rust_component cargo-clippy || step "add clippy" rustup component add clippy
  command -v chromium >/dev/null 2>&1 || [ -n "${CHROMIUM_BIN:-}" ] ||
    step "install Chromium for the browser tests" install_packages chromium fonts-dejavu-core
  command -v curl >/dev/null 2>&1 || step "install curl for the calls of the documents" install_packages curl
  if ! has_python_packages; then
    can_make_venv || step "install Python for the fuzzing of the API" install_packages python3 python3-venv
    check_python
    step "install Schemathesis and the webhook verifiers into .venv" install_python_packages
  fi
fi
printf '  %-62s %s\n' "everything that is needed is in place" "$(seconds_since "$SETUP_STARTED")"
