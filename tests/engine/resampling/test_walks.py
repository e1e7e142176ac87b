"""Kernels that follow equity, against plain Python."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.resampling.walks import WALKED, ruinous_size, walk
from engine.statistics.performance import longest_losing_streak, max_drawdown

OUTCOME = st.floats(-0.4, 0.4).filter(lambda value: value == 0.0 or abs(value) > 1e-6)


def curve(outcomes: list[float], size: float, compound: bool, start: float) -> list[float]:
    found, equity = [], start
    for outcome in outcomes:
        if equity > 0.0:
            equity = (
                max(equity * (1.0 + size * outcome), 0.0) if compound else (equity + size * outcome)
            )
        found.append(equity)
    return found


@settings(database=None)
@given(outcomes=st.lists(OUTCOME, min_size=1, max_size=30), compound=st.booleans())
def test_equity_drawdown_and_streaks_are_those_of_plain_python(
    outcomes: list[float], compound: bool
) -> None:
    scaled = outcomes if compound else [100.0 * value for value in outcomes]
    points = np.arange(1, len(outcomes) + 1, 2)
    curves, found = np.empty((1, len(points))), np.empty((1, WALKED))
    walk(np.array([scaled]), 100.0, compound, points, curves, found)
    expected = np.array(curve(scaled, 1.0, compound, 100.0))
    assert curves[0] == pytest.approx(expected[points - 1], abs=1e-9)
    final, drawdown, streak, under = found[0]
    assert final == pytest.approx(expected[-1], abs=1e-9)
    assert drawdown == pytest.approx(max_drawdown(expected, 100.0), abs=1e-12)
    assert streak == longest_losing_streak(np.array(scaled))
    peaks = np.maximum.accumulate(np.concatenate([[100.0], curves_of(scaled, compound)]))[1:]
    below = curves_of(scaled, compound) < peaks
    longest = run = 0
    for flag in below:
        run = run + 1 if flag else 0
        longest = max(longest, run)
    assert under == longest


def curves_of(outcomes: list[float], compound: bool) -> np.ndarray:
    points = np.arange(1, len(outcomes) + 1)
    curves = np.empty((1, len(points)))
    walk(np.array([outcomes]), 100.0, compound, points, curves, np.empty((1, WALKED)))
    return curves[0]


@settings(database=None)
@given(
    outcomes=st.lists(OUTCOME, min_size=1, max_size=20),
    compound=st.booleans(),
    of_peak=st.booleans(),
)
def test_the_ruinous_size_is_the_smallest_that_ruins(
    outcomes: list[float], compound: bool, of_peak: bool
) -> None:
    sizes, kept = np.array([0.5, 1.0, 2.0, 4.0]), 0.5

    def ruined(size: float) -> bool:
        equity = np.array([1.0, *curve(outcomes, size, compound, 1.0)])
        reference = np.maximum.accumulate(equity) if of_peak else np.ones(len(equity))
        return bool((equity <= kept * reference).any())

    found = np.empty(1)
    ruinous_size(np.array([outcomes]), sizes, compound, kept, of_peak, found)
    first = next((k for k, size in enumerate(sizes) if ruined(size)), None)
    if first is None:
        assert found[0] == math.inf
        return
    assert (0.0 if first == 0 else sizes[first - 1]) <= found[0] <= sizes[first]
    assert ruined(found[0])
    step = sizes[first] * 2.0**-19
    assert not ruined(found[0] - step) or found[0] <= step


def test_what_is_lost_stays_lost() -> None:
    curves, found = np.empty((1, 3)), np.empty((1, WALKED))
    outcomes = np.array([[-1.5, 1.0, 1.0]])
    walk(outcomes, 100.0, True, np.array([1, 2, 3]), curves, found)
    assert curves.tolist() == [[0.0, 0.0, 0.0]]
    walk(outcomes * 100.0, 100.0, False, np.array([1, 2, 3]), curves, found)
    assert curves.tolist() == [[-50.0, -50.0, -50.0]]
