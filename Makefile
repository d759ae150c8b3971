# finlab: `make report`, `make test`, `make lab`, `make bench NAME=...`. `make` alone says what there is.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help report test test-all lab bench bench-peer bench-name readme lock quality notebooks clean setup-core setup-all

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOCK := $(shell sha256sum requirements.lock | cut -c1-12)
CORE := $(VENV)/.core-$(LOCK)
ALL := $(VENV)/.all-$(LOCK)
PEER := .venv-peer/.made-$(shell sha256sum benchmarks/peer/requirements.txt | cut -c1-12)
WORKERS ?= 2
PYTEST := $(BIN)/python -m pytest -q -n $(WORKERS) --dist loadfile

help:  ## what can be typed here
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## */\1|/' | awk -F'|' '{printf "  make %-12s %s\n", $$1, $$2}'

report: $(CORE)  ## an honest forecast of real series, as one HTML page in reports/
	@$(BIN)/finlab run forecast

test: $(ALL)  ## everything but the slow tier: export, notebooks, lint, types, layers, tests
	@PATH="$(CURDIR)/$(BIN):$$PATH" bash .ci/quality.sh
	@$(PYTEST) -m "not slow and not browser"

test-all: $(ALL)  ## `make test`, then sktime conformance and the pages in a real browser
	@$(MAKE) --no-print-directory test
	@$(PYTEST) -m "slow or browser"

lab: $(ALL)  ## JupyterLab in this workbench, opening the quickstart
	@$(BIN)/finlab lab

bench: bench-name $(ALL)  ## one benchmark: make bench NAME=forecast [ARGS=--quick]
	@$(BIN)/python benchmarks/$(NAME).py $(ARGS)

bench-peer: $(PEER)  ## the environment of statsforecast, for `make bench NAME=forecast`

bench-name:
	@if [ -z "$(NAME)" ]; then echo "make bench NAME=...: one of $$(cd benchmarks && ls *.py | grep -v -e harness | sed 's/\.py//' | xargs)" >&2; exit 2; fi
	@if [ ! -f "benchmarks/$(NAME).py" ]; then echo "NAME=$(NAME): no benchmarks/$(NAME).py; expected one of $$(cd benchmarks && ls *.py | grep -v -e harness | sed 's/\.py//' | xargs)" >&2; exit 2; fi

readme: $(ALL)  ## write README.md from nbs/index.ipynb
	@$(BIN)/python .ci/readme.py --write

lock: $(ALL)  ## write requirements.lock and environment.yml from what is installed
	@$(BIN)/python .ci/lock.py --write

clean:  ## remove the environment and what tests left behind
	rm -rf $(VENV) .venv-peer test-artefacts build dist *.egg-info

# --- the environment: one .venv, made once, filled again when the lock changes -------------------------------------
setup-core: $(CORE)
setup-all: $(ALL)

$(CORE):
	@PYTHON="$(PYTHON)" bash .ci/setup.sh core "$@"

$(PEER):
	@rm -rf .venv-peer
	@$(PYTHON) -m venv .venv-peer
	@.venv-peer/bin/python -m pip install --quiet -r benchmarks/peer/requirements.txt
	@touch "$@"

$(ALL):
	@PYTHON="$(PYTHON)" bash .ci/setup.sh all "$@"
