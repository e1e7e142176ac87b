"""Fixtures shared by every room's tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]


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
