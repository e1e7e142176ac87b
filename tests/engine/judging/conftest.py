"""What the tests of judgements share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.calibrated_once import calibrated_once


@pytest.fixture(scope="package", autouse=True)
def _calibrated_once() -> Iterator[None]:
    with calibrated_once():
        yield
