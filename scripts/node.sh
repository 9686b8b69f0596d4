#!/usr/bin/env bash
# Runs a script of this project on Node 24: scripts/node.sh scripts/serve.ts --port 8787
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
exec node "$@"
