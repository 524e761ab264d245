# Every target sets up what it needs: python3 >= 3.11 with venv, and make, are all that a machine must have.

PYTHON ?= python3
BIN := .venv/bin
SOURCES := $(wildcard src tests benchmarks)

.DEFAULT_GOAL := help
.PHONY: help demo test check bench soak browser litellm lock clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-6s %s\n", $$1, $$2}' Makefile

demo: .venv/ready ## see a waterfall at work
	$(BIN)/python -m spillover.demo

test: .venv/ready ## run all tests but the long ones
	$(BIN)/python -m pytest

check: .venv/ready ## format, lint, types, layers, tests and documentation examples
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest

bench: .venv/ready ## measure, beside other libraries
	$(BIN)/python -m benchmarks

soak: .venv/ready ## run the long tests
	$(BIN)/python -m pytest -m soak -o faulthandler_timeout=7200

browser: .venv/ready ## test pages in a real browser: Chromium, which must be there
	$(BIN)/python -m pytest -m browser tests/browser

litellm: .venv/ready .venv-litellm/ready ## test the hook in LiteLLM's own proxy, and openai 2
	$(BIN)/python -m pytest -m litellm tests/integrations
	.venv-litellm/bin/python -m pytest --noconftest tests/integrations/test_openai.py tests/integrations/test_openai_async.py

lock: .venv/ready ## pin the dependencies anew, from pyproject.toml
	$(LOCK) --output-file requirements/core.txt
	$(LOCK) --output-file requirements/dev.txt --group dev --constraint requirements/core.txt
	$(LOCK) --output-file requirements/litellm.txt --group litellm --extra client

clean: ## remove what these targets made
	rm -rf .venv .venv-litellm build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find src tests $(wildcard benchmarks) -name __pycache__ -type d -prune -exec rm -rf {} +

# One lock for every platform and Python that is supported, by hash and without the address of any index.
LOCK = $(BIN)/uv pip compile pyproject.toml --quiet --upgrade --universal --generate-hashes \
	--custom-compile-command "make lock"

# The environment is made anew when the lock changes, so that nothing stays which the lock no longer names.
.venv/locked: requirements/dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	{ echo "Spillover needs Python 3.11 or newer; say which one to use, as in: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

.venv/ready: .venv/locked pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# LiteLLM's proxy has an environment of its own: it wants older releases than the rest, and is large.
.venv-litellm/locked: requirements/litellm.txt
	$(PYTHON) -m venv --clear .venv-litellm
	.venv-litellm/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/litellm.txt
	@touch $@

.venv-litellm/ready: .venv-litellm/locked pyproject.toml
	.venv-litellm/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
