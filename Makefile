# Convene. `make run` serves the page on http://127.0.0.1:7880, `make test` runs everything.
# Nothing is installed outside the `setup` section.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

CARGO  ?= cargo
NPM    ?= npm
PYTHON ?= python3
# Extra flags for `make run`, for example ARGS="--data-dir /tmp/convene".
ARGS   ?=

PAGE_SOURCES := $(shell find web-demo -type f -not -path '*/node_modules/*' -not -path '*/dist/*' -not -path '*/coverage/*' 2>/dev/null)

.PHONY: help
help: ## Show this list
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

# ---- setup: the only place that installs anything -------------------------------------------------

# Needed by the tests only; the program itself needs Rust, Node 20 and a C compiler.
APT_PACKAGES := chromium coturn firefox-esr libnss3-tools postgresql prometheus python3-venv valgrind

.PHONY: setup setup-page setup-tests
setup: setup-page setup-tests ## Install what the build and the tests need (skips what is there)

setup-page: web-demo/node_modules/.package-lock.json

setup-tests: target/.stamps/system tests/browser/node_modules/.package-lock.json .venv/.ready

target/.stamps/system: tests/missing-tools.sh
	@mkdir -p $(@D)
	@missing="$$(tests/missing-tools.sh)"; \
	if [ -n "$$missing" ]; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $(APT_PACKAGES); \
	    if [ -d /run/systemd/system ]; then systemctl disable --now coturn.service postgresql.service prometheus.service 2>/dev/null || true; fi; \
	  else \
	    echo "setup: these tools are missing and need root to install: $$missing"; \
	    echo "setup: apt-get install $(APT_PACKAGES)"; exit 1; \
	  fi; \
	fi
	@touch $@

%/node_modules/.package-lock.json: %/package-lock.json
	$(NPM) --prefix $* ci --no-audit --no-fund
	@touch $@

.venv/.ready: tests/interop/requirements.txt
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet --disable-pip-version-check -r $<
	@touch $@

# ---- build and run -------------------------------------------------------------------------------

.PHONY: page build run
page: web-demo/dist/index.html ## Build the web page

web-demo/dist/index.html: $(PAGE_SOURCES) | setup-page
	$(NPM) --prefix web-demo run build
	@touch $@

build: page ## Release build of the binary with the page inside
	$(CARGO) build --release --locked

run: build ## Serve the page with demo accounts on http://127.0.0.1:7880
	target/release/convene serve --dev $(ARGS)

.PHONY: schemas
schemas: setup-page ## Write the API's documents and the SDK's types made from them
	WRITE_SCHEMAS=1 $(CARGO) test --locked --test docs
	$(NPM) --prefix web-demo run types

# ---- test ----------------------------------------------------------------------------------------

.PHONY: test test-rust test-page-unit test-page test-browser bench check fuzz-check
test: setup page ## Every test: Rust, page, real browsers, other people's clients
	tests/run.sh

test-rust: page
	$(CARGO) test --locked --no-fail-fast

test-page-unit: setup-page
	$(NPM) --prefix web-demo test

# Long, and timed in parts: not in `make test`. Wants a machine that does nothing else.
test-page: setup page ## The page at length: every view in every width, theme and direction, its speed, ten minutes of coming and going
	$(NPM) --prefix web-demo run look -- --matrix --out "$(CURDIR)/tests/browser/out/matrix"
	$(CARGO) build --locked
	LIGHTHOUSE_PERFORMANCE=1 TEST_BINARY="$(CURDIR)/target/debug/convene" node --test --test-concurrency=1 --test-reporter=spec tests/browser/lighthouse.test.mjs tests/browser/long/*.test.mjs

test-browser: setup page
	tests/run.sh browser

bench: page ## Every benchmark beside the limit of this machine; rewrites docs/benchmarks.md
	$(PYTHON) benches/run.py

check: page ## What a change must pass before it is pushed: format, lints, unit tests, house rules
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	$(CARGO) test --locked --lib --bins --test house_rules --test fuzz_corpus
	$(NPM) --prefix web-demo run check

fuzz-check: ## Compile the fuzz targets (running them needs nightly and cargo-fuzz, see fuzz/README.md)
	$(CARGO) check --manifest-path fuzz/Cargo.toml
