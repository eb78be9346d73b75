# Postroom: `make up` runs it here, `make test` proves it. Everything lives in .venv.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: help up setup test check format bench clean

help: ## These lines
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

up: setup ## Run everything on this machine; Ctrl-C stops it
	@$(BIN)/postroom up

setup: .venv/.installed ## Make the environment that `make up` needs

.venv/.installed: requirements/gateway.txt local/setup.sh
	@PYTHON="$(PYTHON)" sh local/setup.sh
	@touch $@

.venv/.installed-tests: .venv/.installed requirements/development.txt requirements/sam.txt requirements/emulator.txt tests/setup.sh
	@sh tests/setup.sh
	@touch $@

check: .venv/.installed-tests ## Format, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

test: check ## Install what the tests need, then run them all in parallel
	$(BIN)/pytest -n auto --dist worksteal -q

format: .venv/.installed-tests ## Put the code into its form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: .venv/.installed-tests ## Measure against Postfix and Dovecot, write docs/BENCHMARKS.md
	$(BIN)/python -m bench

clean: ## Remove the environments and what was built; never the data in var/
	rm -rf .venv .venv-* .aws-sam .mypy_cache .ruff_cache .hypothesis
