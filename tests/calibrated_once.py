"""Calibrations of the worlds of a judgement, each made once: they are half of its time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from engine.bars import Bars
from engine.calibration import Calibration
from engine.judging import worlds

__all__ = ["calibrated_once"]


@contextmanager
def calibrated_once() -> Iterator[None]:
    """Calibrate a model on the same bars once while this is open."""
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
