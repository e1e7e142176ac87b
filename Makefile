# Two commands: `make run` (clone to results) and `make test`. `make ui` opens Dagster.
# Only relative paths below, so a checkout in a folder with spaces works.

SHELL := /bin/sh
UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
SYNCED := .venv/.synced
MC := .venv/bin/mc
PYTHON := .venv/bin/python

# Where this is set, every process compiles the source of every package anew: seconds each.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run ui test test-slow lint peers bench docs clean
.DEFAULT_GOAL := run

run: $(SYNCED)
	@$(MC) run

ui: $(SYNCED)
	@$(MC) ui

test: $(SYNCED) lint
	@$(PYTHON) -m pytest -n 2 --dist loadfile

test-slow: $(SYNCED)
	@$(PYTHON) -m pytest -m slow
	@$(PYTHON) -m pytest -m hypothesis --hypothesis-profile=new

lint: $(SYNCED)
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m mypy

# Other engines, for the tests and benchmarks that compare with them.
peers: $(SYNCED)
	@$(UV) sync --quiet --frozen --all-groups

bench: peers
	@$(PYTHON) -m benchmarks

# The tables of docs/architecture.md that follow from the code.
docs: $(SYNCED)
	@$(PYTHON) docs/generate.py

clean:
	rm -rf .venv .uv .pytest_cache .mypy_cache .ruff_cache .hypothesis

# Synchronised only when the lock file changed, so later runs need no network.
$(SYNCED): pyproject.toml uv.lock | $(UV)
	@$(UV) sync --quiet --frozen
	@touch $@

# uv in a folder of this checkout: nothing is installed globally.
.uv/bin/uv:
	@echo "Installing uv into .uv (once)"
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "python3: found $$(python3 --version 2>&1), allowed Python 3.11 to 3.13"; exit 2; }
	@python3 -m venv .uv
	@.uv/bin/python -m pip install --quiet --disable-pip-version-check uv
