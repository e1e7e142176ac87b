"""Fixtures shared by every room's tests."""

from __future__ import annotations

import gc
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from engine import user_code
from engine.jobs.blocks import BLOCKS
from engine.sources.registered import SOURCES
from engine.strategies import registry

# The same examples in every run; `make test-slow` draws new ones, and more of them. No clock: on a
# machine that others use too, an example takes seconds.
_NO_CLOCK = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("fixed", derandomize=True, max_examples=20, **_NO_CLOCK)
settings.register_profile("new", derandomize=False, max_examples=200, **_NO_CLOCK)
settings.load_profile("fixed")

PROJECT = Path(__file__).resolve().parents[1]

# As the command line has it: with seven thousand tests and all that they import in memory, looking
# for garbage took a fifth of the suite's time.
gc.set_threshold(200_000, 20, 100)

# They begin first, so that no process is left alone with one of them at the end; `make test-costs`
# tells which they are.
LONGEST = (
    "tests/mc_assets/test_commands_under_faults.py",
    "tests/mc_assets/test_end_to_end.py",
    "tests/test_examples.py",
    "tests/mc_assets/cli/test_study_commands.py",
    "tests/mc_assets/reports/test_report.py",
    "tests/mc_assets/test_users_models.py",
    "tests/mc_assets/market_data/test_short_answers.py",
    "tests/test_readme.py",
    "tests/mc_assets/test_bit_flips.py",
    "tests/engine/strategies/test_audit.py",
    "tests/engine/execution/test_golden_rows.py",
    "tests/mc_assets/automation/test_nightly_chain.py",
    "tests/mc_assets/test_calibrations.py",
    "tests/engine/strategies/test_interface.py",
    "tests/engine/compiled/test_code_hash.py",
    "tests/mc_assets/test_data_dictionary.py",
    "tests/engine/jobs/test_executors.py",
    "tests/engine/jobs/test_metric_groups.py",
    "tests/engine/strategies/test_timeframes.py",
    "tests/engine/judging/test_judge.py",
    "tests/engine/jobs/test_simulated.py",
    "tests/mc_assets/service/test_page.py",
    "tests/engine/ticks/test_raw_ticks.py",
    "tests/mc_assets/test_disagreement.py",
    "tests/mc_assets/providers/test_resuming.py",
    "tests/mc_assets/cli/test_panel.py",
    "tests/mc_assets/test_experiments.py",
    "tests/test_wheel.py",
    "tests/engine/jobs/test_resume.py",
)


# Rooms and files whose studies are cut into four parts, not sixteen: writing and reading parts is
# most of what a small study takes. Other files of `tests/engine/jobs` and `tests/engine/files` test
# what parts are, and files marked `every_part` have as many as the product makes.
FEW_PARTS = tuple(
    PROJECT / "tests" / room
    for room in (
        *("engine/judging", "engine/portfolio", "engine/results", "engine/search"),
        *("engine/environment", "engine/options", "engine/plots", "engine/studies"),
        *(f"engine/jobs/test_{name}.py" for name in ("cells", "ledger", "metric_groups")),
        *("mc_assets/answers", "mc_assets/cli", "mc_assets/reports", "mc_assets/service"),
    )
)
_COUNTS_PARTS = ("jobs.blocks", "jobs.ledger", "jobs.plan", "studies.execute")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Set how many parts a study has, before the fixtures of a file make one."""
    few = any(item.path.is_relative_to(room) for room in FEW_PARTS)
    parts = 4 if few and item.get_closest_marker("every_part") is None else BLOCKS
    for name in _COUNTS_PARTS:
        if (module := sys.modules.get(f"engine.{name}")) is not None:
            vars(module)["BLOCKS"] = parts


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the longest files first, and the tests of a file marked `in_order` as written."""
    rank = {PROJECT / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path, len(rank)))
    for file in {item.path for item in items if item.get_closest_marker("in_order")}:
        places = [place for place, item in enumerate(items) if item.path == file]
        written = sorted((items[place] for place in places), key=_line)
        for place, item in zip(places, written, strict=True):
            items[place] = item


def pytest_collection_finish() -> None:
    """Look for garbage no more among what is there to the end."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    """Let extension modules find what they own when the process ends."""
    gc.unfreeze()


def _line(item: pytest.Item) -> int:
    return item.location[1] or 0


@pytest.fixture(autouse=True)
def _what_other_tests_left_is_gone() -> Iterator[None]:
    """Forget the user's code that a test loads, and put environment and working folder back.

    Errors list the strategies and models that are known, a name that one file holds is refused to
    another, and Dagster's home stays in the environment: in whatever order tests run, each begins
    with what the first began with. What a fixture of a file or a session makes is there before.
    """
    strategies, files = dict(registry._USER), dict(user_code._LOADED)
    sources, environment, folder = set(SOURCES), _environment(), Path.cwd()
    yield
    registry._USER.clear()
    registry._USER.update(strategies)
    for name in SOURCES.keys() - sources:
        if SOURCES[name].__module__ in user_code._LOADED:
            del SOURCES[name]
    # A file that was not forgotten would not be run again, and its names not be entered.
    for name in user_code._LOADED.keys() - files.keys():
        del user_code._LOADED[name]
    left = _environment()
    for name in left.keys() | environment.keys() if left != environment else ():
        if name not in environment:
            del os.environ[name]
        elif left.get(name) != environment[name]:
            os.environ[name] = environment[name]
    os.chdir(folder)


def _environment() -> dict[str, str]:
    """Return the environment but for the one name that pytest itself sets anew for every test."""
    environment = dict(os.environ)
    environment.pop("PYTEST_CURRENT_TEST", None)
    return environment


@pytest.fixture(scope="session")
def project() -> Path:
    """Root folder of the checkout."""
    return PROJECT


@pytest.fixture(scope="session")
def reference() -> Path:
    """Folder of reference data; the test is skipped where it is absent."""
    folder = Path(os.environ.get("MC_REFERENCE", PROJECT.parent / "shared" / "reference"))
    if not folder.is_dir():
        pytest.skip(f"no reference data at {folder}; set MC_REFERENCE")
    return folder


@pytest.fixture
def page() -> Iterator[Any]:
    """A page of a headless Chromium that reaches nothing but this machine; skipped without one."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("no Chromium; .ci/run installs it")
    from playwright.sync_api import sync_playwright

    arguments = [
        *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
        *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    ]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        yield browser.new_page(viewport={"width": 1400, "height": 900})
        browser.close()
