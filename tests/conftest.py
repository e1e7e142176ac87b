"""Fixtures shared by every room's tests."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# The same examples in every run; `make test-slow` draws new ones.
settings.register_profile("fixed", derandomize=True)
settings.register_profile("new", derandomize=False)
settings.load_profile("fixed")

PROJECT = Path(__file__).resolve().parents[1]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the tests of a file marked `in_order` as they are written: each goes on from the last."""
    for file in {item.path for item in items if item.get_closest_marker("in_order")}:
        places = [place for place, item in enumerate(items) if item.path == file]
        written = sorted((items[place] for place in places), key=_line)
        for place, item in zip(places, written, strict=True):
            items[place] = item


def _line(item: pytest.Item) -> int:
    return item.location[1] or 0


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
