# `make` lists the targets. Each target sets up its own needs, never prompts, and can be repeated.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
.NOTPARALLEL:

TARGET := $(abspath $(or $(CARGO_TARGET_DIR),target))
TOOLS := $(TARGET)/tools
JELOU := $(TARGET)/debug/jelou

# A data folder that contains only the engine. Tests and the demo copy its two binaries, so that the engine is
# downloaded only once.
ENGINE_DATA := $(TARGET)/engine
DENO = $(or $(lastword $(sort $(wildcard $(ENGINE_DATA)/engine/deno-*))),$(error the engine is not installed: run `make demo` or `make test` once))

CARGO_DENY_VERSION := 0.20.2
CARGO_FUZZ_VERSION := 0.13.2

# Seconds per fuzz target.
FUZZ_SECONDS ?= 60
# 1 stops `make demo` after its call.
ONCE ?=

# Keep Deno's cache in the build folder.
export DENO_DIR := $(TARGET)/deno
export DENO_NO_UPDATE_CHECK := 1

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: build engine ## Start a server, deploy a function and call it; ONCE=1 stops after the call
	@ONCE=$(ONCE) JELOU=$(JELOU) ENGINE_DATA=$(ENGINE_DATA) scripts/demo.sh

.PHONY: test
test: build-tests packages ## Run every test and check the generated pages
	JELOU_TEST_DATA=$(ENGINE_DATA) cargo test --workspace --locked --no-fail-fast
	scripts/test-unprivileged.sh $(ENGINE_DATA) hostile sandbox serve
	cd sdk && $(DENO) task --quiet test
	tests/mcp/run.sh $(JELOU) $(ENGINE_DATA)
	tests/http/schemathesis.sh $(JELOU) $(ENGINE_DATA)
	tests/http/metrics.sh $(JELOU) $(ENGINE_DATA)
	tests/http/identity.sh $(JELOU) $(ENGINE_DATA)

.PHONY: lint
lint: build-tests packages $(TOOLS)/bin/cargo-deny ## Check format, lints, types, licences and sdk/dist
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	$(TOOLS)/bin/cargo-deny --locked check bans licenses sources
	cd sdk && $(DENO) fmt --check
	cd sdk && $(DENO) lint --quiet
	cd sdk && $(DENO) task --quiet check
	cd sdk && $(DENO) task --quiet build:check
	$(DENO) fmt --check examples/*/*.ts examples/*/*.json bench/*.ts bench/*/
	$(DENO) lint --quiet bench/
	$(DENO) lint --quiet --rules-exclude=require-await examples/
	$(DENO) fmt --check --line-width 110 crates/jelou/tests/it/{hostile,packages}/ crates/jelou/tests/it/reference/*.ts
	$(DENO) lint --quiet --rules-exclude=require-await crates/jelou/tests/it/packages/ crates/jelou/tests/it/reference/*.ts
	cd tests && $(DENO) fmt --check mcp/ http/
	cd tests && $(DENO) lint --quiet mcp/ http/
	cd tests/mcp && $(DENO) check --frozen --quiet *.ts clients/*.ts schemas/*.ts
	cd tests/http && $(DENO) check --frozen --quiet *.ts
	for folder in examples/*/ tests/mcp/{fixture,tools}/ tests/http/{fixture,identity}/; do (cd $$folder && $(DENO) check --no-lock --quiet index.ts); done

.PHONY: bench
bench: setup ## Measure the token check, the logs, and the server against its peers
	cargo bench --locked -p jelou-token
	cargo bench --locked -p jelou-logs
	bench/run

.PHONY: soak
soak: build-tests engine ## Run the tests with their long series
	JELOU_SOAK=1 JELOU_TEST_DATA=$(ENGINE_DATA) cargo test --workspace --locked --no-fail-fast
	JELOU_SOAK=1 scripts/test-unprivileged.sh $(ENGINE_DATA) packages

.PHONY: fuzz
fuzz: setup $(TOOLS)/bin/cargo-fuzz ## Fuzz each parser of callers' input for FUZZ_SECONDS (60); needs a nightly toolchain
	cd crates/jelou-fuzz && for target in $(notdir $(basename $(wildcard crates/jelou-fuzz/fuzz/fuzz_targets/*.rs))); do \
		PATH="$(TOOLS)/bin:$$PATH" cargo +nightly fuzz run $$target -- -max_total_time=$(FUZZ_SECONDS); \
	done

.PHONY: docs
docs: build-tests packages ## Write the generated pages of docs/reference
	UPDATE_DOCS=1 JELOU_TEST_DATA=$(ENGINE_DATA) cargo test --workspace --locked --test it -- reference::

.PHONY: sdk
sdk: build packages ## Build sdk/dist from sdk/src
	cd sdk && $(DENO) task --quiet build

# Targets that the targets above depend on.

.PHONY: setup
setup:
	@scripts/setup.sh

.PHONY: build
build: setup
	cargo build --locked -p jelou

# Also builds the binary. Does not depend on `build`, because tests enable other features of dependencies, so that most
# crates would be compiled twice.
.PHONY: build-tests
build-tests: setup
	cargo test --workspace --locked --no-run

# Needs the binary of `build` or `build-tests`.
.PHONY: engine
engine:
	@$(JELOU) engine install --human --data $(ENGINE_DATA)

# Installs the npm packages of the SDK's tools and tests, in the versions of sdk/deno.lock. No other target installs
# them, because tests would then print more lines and take longer in their first run.
.PHONY: packages
packages: engine
	cd sdk && $(DENO) install --frozen --quiet

$(TOOLS)/bin/cargo-%: | setup
	cargo install --locked --root $(TOOLS) cargo-$* --version $(if $(filter deny,$*),$(CARGO_DENY_VERSION),$(CARGO_FUZZ_VERSION))
