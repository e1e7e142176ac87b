"""The queue of the page on scaling: closed forms and bounds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.scaling import finished_after


def test_one_worker_takes_the_sum_and_many_take_the_longest() -> None:
    seconds = np.array([3.0, 1.0, 2.0])
    assert finished_after(seconds, workers=1, serial=0.0) == 6.0
    assert finished_after(seconds, workers=3, serial=0.0) == 3.0


def test_a_slow_scheduler_is_what_one_waits_for() -> None:
    seconds = np.full(1_000, 0.01)
    assert finished_after(seconds, workers=64, serial=0.5) == pytest.approx(500.01)


@settings(max_examples=2 * settings.default.max_examples, database=None, deadline=None)
@given(
    seconds=st.lists(st.floats(0.01, 10.0), min_size=1, max_size=60),
    workers=st.integers(1, 20),
    serial=st.floats(0.0, 1.0),
)
def test_no_queue_beats_its_bounds(seconds: list[float], workers: int, serial: float) -> None:
    given_seconds = np.array(seconds)
    end = finished_after(given_seconds, workers=workers, serial=serial)
    least = max(max(seconds), sum(seconds) / workers, len(seconds) * serial)
    assert least <= end * (1 + 1e-12)
    # Graham's bound for a list that is worked off in order, and the wait for its last part.
    most = sum(seconds) / workers + max(seconds) + len(seconds) * serial
    assert end <= most * (1 + 1e-12)
