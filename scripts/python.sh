#!/usr/bin/env bash
# Runs Python with the packages of the tests: scripts/python.sh tests/edge/support/verify_webhook.py
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
[ -x .venv/bin/python ] || fail "the Python packages are missing: run scripts/setup.sh test"
exec .venv/bin/python "$@"
