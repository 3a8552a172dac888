# The doors of the project. Each sets up what it needs: Python 3.11 and make are all that must be there.

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PACKAGES := artifacts containers tasks flows training
STORE ?= ./loom

.DEFAULT_GOAL := help
.PHONY: help setup run test check bench lock format clean

help: ## say what there is
	@awk 'BEGIN {FS = ":.*## "} /^[a-z]+:.*## / {printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## make .venv from the lock

$(READY): requirements.lock requirements-train.txt pyproject.toml
	@test -x $(BIN)/python || { echo "Making $(VENV) ..."; $(PYTHON) -m venv $(VENV); }
	@echo "Installing the locked packages (a few minutes the first time) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock 2>$(VENV)/pip.log || { cat $(VENV)/pip.log; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-train.txt 2>$(VENV)/pip.log || { cat $(VENV)/pip.log; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable . 2>$(VENV)/pip.log || { cat $(VENV)/pip.log; exit 1; }
	@touch $@

run: $(READY) ## weave 12 worlds from the shipped scenarios into ./loom
	@$(BIN)/worldloom synthesize --worlds 12 --store $(STORE)

test: $(READY) ## run the tests
	@$(BIN)/python -m pytest -n 2 --dist loadgroup

check: $(READY) ## lint, types, the direction of imports, the lock, the commands in the docs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pip check
	$(BIN)/python -m pytest -q tests/test_repository.py

bench: $(READY) ## measure, and print one table
	@$(BIN)/python -m benchmarks

lock: ## resolve requirements.lock anew, from pyproject.toml
	@$(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --extra dev --no-emit-options --no-emit-index-url \
		--no-emit-trusted-host --no-emit-find-links --no-annotate --no-header --output-file requirements.lock pyproject.toml

format: $(READY) ## format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

clean: ## remove what can be made again (the store in ./loom stays)
	rm -rf build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info
	find $(PACKAGES) tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
