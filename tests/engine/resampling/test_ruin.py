"""Risk of ruin by size, against closed forms."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import ArrayLike
from scipy.stats import binom

from engine.errors import Refusal
from engine.resampling import resample
from engine.resampling.ruin import growth_optimal_size

Recorded = Callable[[ArrayLike], Any]
COIN = [1.0, -1.0] * 20  # from 100


def fall_probability(steps: int, depth: int) -> float:
    """Chance that a fair walk falls by `depth` within `steps` (reflection principle)."""
    ends = 2 * np.arange(steps + 1) - steps
    chances = binom.pmf(np.arange(steps + 1), steps, 0.5)
    return float(chances[ends <= -depth].sum() + chances[ends < -depth].sum())


def test_the_risk_of_a_fair_coin_is_that_of_the_reflection_principle(recorded: Recorded) -> None:
    found = resample(
        recorded(COIN), compound=False, redraw=False, block_length=1.0, steps=100, draws=20_000
    )
    # Half of 100 is lost at a depth of 50 / size.
    risk = found.ruin(loss=0.5, sizes=[2.5, 5.0, 10.0])
    for size, probability, n in risk.table.select("size", "probability", "n").iter_rows():
        expected = fall_probability(100, round(50 / size))
        assert abs(probability - expected) < 4.0 * math.sqrt(expected * (1.0 - expected) / n)


def test_the_largest_size_within_the_bound_has_the_bounds_probability(recorded: Recorded) -> None:
    found = resample(recorded(np.random.default_rng(2).normal(0.3, 2.0, 60)), draws=4_000)
    risk = found.ruin(loss=0.3, bound=0.05)
    assert risk.largest.low < risk.largest.value < risk.largest.high
    at = found.ruin(loss=0.3, sizes=[risk.largest.value]).table["probability"].item()
    assert at == pytest.approx(0.05, abs=0.002)
    assert risk.table["probability"].is_sorted()


def test_a_drawdown_comes_before_the_loss_of_the_start(recorded: Recorded) -> None:
    found = resample(recorded(np.random.default_rng(2).normal(0.3, 2.0, 60)), draws=1_000)
    start, peak = (found.ruin(loss=0.3, of_peak=of_peak) for of_peak in (False, True))
    assert peak.largest.value < start.largest.value
    assert (peak.table["probability"] >= start.table["probability"]).all()


def test_what_never_loses_is_never_ruined(recorded: Recorded) -> None:
    risk = resample(recorded([1.0] * 20), draws=200).ruin()
    assert risk.largest.value == math.inf
    assert risk.optimal == math.inf
    assert (risk.table["probability"] == 0.0).all()
    assert set(risk.table["method"]) == {"rule of three"}


@pytest.mark.parametrize(("win", "chance"), [(1.0, 0.6), (2.0, 0.5), (0.5, 0.8)])
def test_the_optimal_size_is_kellys(win: float, chance: float) -> None:
    record = np.array([win] * round(chance * 100) + [-1.0] * round((1.0 - chance) * 100))
    expected = (win * chance - (1.0 - chance)) / win
    assert growth_optimal_size(record) == pytest.approx(expected, rel=1e-9)
    assert growth_optimal_size(-record) == 0.0


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"loss": 0.0}, "loss: found 0.0, allowed above 0 and at most 1"),
        ({"bound": 1.0}, "bound: found 1.0, allowed between 0 and 1"),
        ({"sizes": [2.0, 1.0]}, "sizes: found"),
        ({"sizes": []}, "sizes: found"),
    ],
)
def test_what_is_no_risk_is_one_sentence(
    recorded: Recorded, options: dict[str, Any], expected: str
) -> None:
    with pytest.raises(Refusal, match=expected):
        resample(recorded(COIN), draws=200).ruin(**options)


def test_the_table_has_no_number_that_is_none(recorded: Recorded) -> None:
    table = resample(recorded(COIN), draws=200).ruin().table
    assert table.select(pl.col(pl.Float64).is_nan().any()).row(0) == (False,) * 5
