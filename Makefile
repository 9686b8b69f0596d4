# The commands of the house. `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help setup build check bench clean
MAKEFLAGS += --no-print-directory

help: ## List the commands.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install what is missing to build and serve (every command does it by itself).
	@scripts/setup.sh

build: setup ## Build the Worker that is deployed, into build/.
	@scripts/build.sh

check: ## The inner loop: format, lints, native tests.
	@scripts/setup.sh test
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings
	cargo clippy --lib --target wasm32-unknown-unknown -- -D warnings
	cargo test

bench: build ## Measure the built Worker against its peer and the bare runtime; prints a table.
	@scripts/bench.sh

clean: ## Remove what was built; tools and local state stay.
	rm -rf build .test
	cargo clean
