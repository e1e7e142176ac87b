"""What the tests of judgements share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from engine.bars import Bars
from engine.calibration import Calibration
from engine.judging import worlds


@pytest.fixture(scope="package", autouse=True)
def _calibrated_once() -> Iterator[None]:
    """Calibrate a model on the same bars once: that is half of a judgement's time."""
    calibrate = worlds.try_calibrate
    known: dict[tuple[str, str], Calibration] = {}

    def once(name: str, bars: Bars) -> Calibration:
        key = name, bars.data_hash
        if key not in known:
            known[key] = calibrate(name, bars)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worlds, "try_calibrate", once)
        yield
