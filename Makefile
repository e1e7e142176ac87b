# Two commands: `make run` (clone to results) and `make test`. `make ui` opens Dagster.
# CONTRIBUTING.md says what each of the others is for.
# Only relative paths below, so a checkout in a folder with spaces works.

SHELL := /bin/sh
UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
SYNCED := .venv/.synced
# Beside what a run needs: tests, lint, and a browser's driver of 161 MB.
DEVELOPING := .venv/.developing
MC := .venv/bin/mc
PYTHON := .venv/bin/python

# Someone who watches the first minutes sees what is downloaded.
QUIET := $(shell [ -t 2 ] || echo --quiet)

# Where this is set, every process compiles the source of every package anew: seconds each.
unexport PYTHONDONTWRITEBYTECODE

# What `make check` and `make test-lowest` run: some of every room, seconds each.
QUICK := \
	$(filter-out $(patsubst %,tests/test_%.py,examples pages readme wheel peers_at_%),$(wildcard tests/test_*.py)) \
	tests/engine/test_public_face.py tests/engine/test_shapes.py tests/engine/testing tests/engine/files \
	tests/engine/calibration/test_calibration.py tests/engine/calibration/test_gbm.py \
	$(patsubst %,tests/engine/execution/test_%.py,account fills handles margin_and_costs properties) \
	tests/engine/results/test_results.py \
	tests/engine/sources/test_historical.py tests/engine/sources/test_registry.py \
	$(patsubst %,tests/engine/statistics/test_%.py,overfitting performance risk) \
	tests/engine/strategies/test_interface.py tests/engine/strategies/test_purity.py \
	tests/engine/studies \
	tests/mc_assets/market_data/test_config.py tests/mc_assets/market_data/test_normalise.py \
	tests/mc_assets/providers/test_network.py tests/mc_assets/test_definitions.py \
	tests/mc_assets/test_warehouse.py

# A file's tests share what is dear to make, so they stay in one process; the longest files begin first
# (tests/conftest.py) in place of those with the most tests.
TOGETHER := -n 2 --dist loadfile --no-loadscope-reorder

# Two processes share two processors: further threads of linear algebra would wait for each other.
check test test-costs coverage: export OPENBLAS_NUM_THREADS := 1

.PHONY: run setup ui check test test-costs test-slow test-lowest wheel coverage mutation lint hooks peers \
	bench bench-check docs site clean
.DEFAULT_GOAL := run

run: $(SYNCED)
	@$(MC) run

setup: $(SYNCED)

ui: $(SYNCED)
	@$(MC) ui

check: $(DEVELOPING) lint
	@$(PYTHON) -m pytest -q $(TOGETHER) $(QUICK)

test: $(DEVELOPING) lint
	@$(PYTHON) -m pytest $(TOGETHER)

# What each test and fixture costs in processor time: where the suite's minutes go.
test-costs: $(DEVELOPING)
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT \
		&& MC_TEST_COSTS="$$folder" $(PYTHON) -m pytest -q -p tests.cpu_costs $(TOGETHER) \
		&& $(PYTHON) -m tests.cpu_costs "$$folder"

# Names each of the tests that it runs: most take minutes.
test-slow: $(DEVELOPING)
	@$(PYTHON) -m pytest -v -m slow
	@$(PYTHON) -m pytest -v -m hypothesis --hypothesis-profile=new

# The quick tests with the lowest versions that pyproject.toml allows, in an environment of its own.
# Old versions warn of what newer ones of their own dependencies will remove.
test-lowest: | $(UV)
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT \
		&& $(UV) venv --quiet "$$folder/lowest" \
		&& $(UV) pip install --quiet --python "$$folder/lowest/bin/python" \
			--resolution lowest-direct --group dev --editable '.[testing]' \
		&& "$$folder/lowest/bin/python" -m pytest -q -W default $(QUICK)

wheel: $(DEVELOPING)
	@$(PYTHON) -m deploy.build_kernels
	@$(UV) build --quiet --wheel --out-dir dist
	@$(PYTHON) -m pytest -q -m "slow or not slow" tests/test_wheel.py

coverage: $(DEVELOPING)
	@$(PYTHON) -m coverage erase
	@$(PYTHON) -m coverage run -m pytest -q $(TOGETHER)
	@$(PYTHON) -m coverage combine --quiet
	@$(PYTHON) -m coverage report

mutation: $(DEVELOPING)
	@$(PYTHON) -m tests.mutation jobs execution statistics

lint: $(DEVELOPING)
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m mypy

# Lint before each commit.
hooks: $(DEVELOPING)
	@$(UV) tool run pre-commit install

# Other engines, for the tests and benchmarks that compare with them.
peers: $(DEVELOPING)
	@$(UV) sync --quiet --frozen --all-groups

bench: peers
	@$(PYTHON) -m benchmarks

# Whether this checkout is slower than a commit: `make bench-check COMMIT=main~3`.
COMMIT := HEAD
bench-check: $(DEVELOPING)
	@$(PYTHON) -m benchmarks.check --against $(COMMIT)

# The tables of pages that follow from the code.
docs: $(DEVELOPING)
	@$(PYTHON) docs/generate.py

# The pages as a site that needs no server and no network: `site/index.html`.
site: $(DEVELOPING)
	@$(UV) sync --quiet --frozen --inexact --group docs
	@$(PYTHON) -m mkdocs build --quiet --strict

clean:
	rm -rf .venv .uv .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage* dist site

# Synchronised only when the lock file changed, so later runs need no network. What else is installed
# stays.
$(SYNCED): pyproject.toml uv.lock | $(UV)
	@$(UV) sync $(QUIET) --frozen --inexact
	@touch $@

$(DEVELOPING): $(SYNCED)
	@$(UV) sync --quiet --frozen --inexact --group dev
	@touch $@

# uv in a folder of this checkout: nothing is installed globally.
.uv/bin/uv:
	@echo "Installing uv into .uv (once)"
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "python3: found $$(python3 --version 2>&1), allowed Python 3.11 to 3.13"; exit 2; }
	@python3 -m venv .uv
	@.uv/bin/python -m pip install $(QUIET) --disable-pip-version-check uv
