# The commands of the house. `make help` lists them. Each installs what it lacks and says how long that took.
.DEFAULT_GOAL := help
.PHONY: help setup build dev demo check test sim fuzz documents soak bench operator deploy clean
MAKEFLAGS += --no-print-directory

help: ## List the commands.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install what building and serving need (the other commands do it by themselves).
	@scripts/setup.sh

build: setup ## Build the Worker that is deployed, into build/.
	@scripts/build.sh

dev: build ## Build, migrate and serve on http://127.0.0.1:8787; build anew when a source changes. PORT=8787
	@scripts/node.sh scripts/serve.ts --watch --port $(or $(PORT),8787)

demo: setup ## Walk three journeys against a running server, printing every request; its clock moves two days. URL=http://127.0.0.1:8787
	@scripts/node.sh scripts/demo.ts $(or $(URL),http://127.0.0.1:8787)

check: ## The inner loop: format, lints, types, native tests.
	@scripts/setup.sh test
	@scripts/node.sh scripts/test.ts check

test: ## Everything, as CI runs it; ends with 'N passed, N failed'.
	@scripts/setup.sh test
	@scripts/node.sh scripts/test.ts

sim: ## The simulation alone. SIM_SEEDS, SIM_OPS make it longer; SIM_SEED replays one seed.
	@scripts/setup.sh
	cargo test --locked --test sim -- --nocapture

fuzz: build ## Call all that /openapi.json shows, each check held. CASES=5000 SEED=1 ONLY=createWallet
	@scripts/setup.sh test
	@scripts/node.sh tests/fuzz/fuzz.ts

documents: ## Make the documents anew that are kept in the tree but made from the source.
	@scripts/setup.sh
	WRITE_DOCUMENTS=1 cargo test --locked --test house -- --nocapture

soak: build ## The long simulation, storms, kill -9 under load, the API fuzzed, a flood of webhooks. SIM_SEEDS=10000 ROUNDS=20 KILLS=50 EVENTS=10000 CASES=5000 SEED=1
	@scripts/setup.sh test
	SIM_SEEDS=$(or $(SIM_SEEDS),10000) cargo test --locked --test sim -- --nocapture
	@scripts/node.sh tests/soak/storm.ts
	@scripts/node.sh tests/soak/kill.ts
	@scripts/node.sh tests/soak/webhook.ts
	@scripts/node.sh tests/fuzz/fuzz.ts

bench: build ## Measure the built Worker against its peer and the bare runtime; prints a table. ONLY=poll,market QUICK=1 ORDERS=1000000 DUE=10000
	@scripts/bench.sh $(if $(ONLY),--only $(ONLY)) $(if $(QUICK),--quick)

operator: ## Make a user an operator. EMAIL=somebody@example.com [REMOTE=1]
	@scripts/setup.sh
	@scripts/node.sh scripts/operator.ts '$(EMAIL)' $(if $(REMOTE),--remote)

deploy: build ## Put Guildhall into a real account. PUBLIC_ORIGIN=https://... [PLAN=1 only says what it would do]
	@scripts/node.sh scripts/deploy.ts '$(PUBLIC_ORIGIN)' $(if $(PLAN),--plan)

clean: ## Remove what was built; tools, packages and local state stay.
	rm -rf build .test
	cargo clean
