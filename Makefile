SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
PYTHON := $(BIN)/python
LOCK := requirements/dev.txt
STAMP := $(VENV)/.installed
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.13 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

# Byte code is kept, but out of the tree: what lies in it is deployed.
export PYTHONDONTWRITEBYTECODE :=
export PYTHONPYCACHEPREFIX := $(CURDIR)/$(VENV)/bytecode
export SAM_CLI_TELEMETRY := 0

.PHONY: help up down clean code logs check test fuzz bench openapi browser lock

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: $(STAMP) ## Build, start the embedded cloud, deploy, create two demo workspaces
	@$(PYTHON) -m local up

down: ## Stop the embedded cloud; its data stays
	@if [ -x $(PYTHON) ]; then $(PYTHON) -m local down; fi

clean: down ## Stop it and forget its data
	@rm -rf .local

code: $(STAMP) ## A code for a demo workspace's second factor: make code [WORKSPACE=harbour]
	@$(PYTHON) -m local code $(WORKSPACE)

logs: $(STAMP) ## Follow one request through every function: make logs REQUEST=<id> [FOLLOW=1]
	@$(PYTHON) -m local logs "$(REQUEST)" $(if $(FOLLOW),--follow)

check: $(STAMP) ## Lint, types, import rules, template
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	PYTHONPATH=layers/misentinel $(BIN)/lint-imports
	AWS_DEFAULT_REGION=eu-west-2 $(BIN)/sam validate --lint
	$(BIN)/cfn-lint template.yaml

test: $(STAMP) browser ## Run every suite
	$(BIN)/pytest tests/unit tests/template --ignore tests/unit/test_budgets.py --numprocesses auto
	$(BIN)/pytest tests/unit/test_budgets.py
	$(BIN)/pytest tests/stack --numprocesses 2 --dist loadfile

fuzz: $(STAMP) ## Try the API as each role with much more than the tests do, and otherwise each time
	FUZZ_EXAMPLES=$${FUZZ_EXAMPLES:-20} FUZZ_CHAINS=$${FUZZ_CHAINS:-60} FUZZ_EDGES=1 FUZZ_SEED=$${FUZZ_SEED:-$$RANDOM} \
		$(BIN)/pytest tests/stack/test_schemathesis.py -s

browser: ## See that there is a Chromium for the tests of the docs page
	@command -v chromium chromium-browser google-chrome > /dev/null || { \
		echo "Installing Chromium, which the tests of the docs page look at it with"; \
		if [ "$$(id -u)" = 0 ]; then run=; else run=sudo; fi; \
		$$run apt-get update -qq && $$run apt-get install --yes -qq --no-install-recommends chromium fonts-liberation > /dev/null; \
	} || { echo "No Chromium: install it as your system does (chromium, google-chrome), then try again." >&2; exit 1; }

bench: $(STAMP) ## Measure against the bare calls
	$(PYTHON) -m benchmarks

openapi: $(STAMP) ## Write the API's document anew: docs/openapi.json, docs/problems.md
	@PYTHONPATH=layers/misentinel $(PYTHON) -m openapi

lock: $(STAMP) ## Resolve both requirements files anew, with hashes
	$(COMPILE) --upgrade --overrides requirements/overrides.txt requirements/dev.in --output-file $(LOCK)
	$(COMPILE) --upgrade --constraints $(LOCK) layers/dependencies/requirements.in \
		--output-file layers/dependencies/requirements.txt

$(STAMP): $(LOCK)
	@python3.13 -c '' 2>/dev/null || { echo "Python 3.13 is needed: no python3.13 on the PATH works here." >&2; exit 1; }
	@if [ -x $(PYTHON) ]; then $(PYTHON) -m local down > /dev/null 2>&1 || true; fi
	@echo "Installing the developer's tools into $(VENV)"
	@rm -rf $(VENV)
	@python3.13 -m venv $(VENV)
	@awk '/^uv==/ {on = 1; print; next} /^[^ ]/ {on = 0} on' $(LOCK) > $(VENV)/uv.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $(VENV)/uv.txt
	@$(BIN)/uv pip install --quiet --python $(PYTHON) --no-deps --require-hashes -r $(LOCK)
	@touch $@
