from __future__ import annotations

import math

import numpy as np
import pytest

from engine.bars import Bars
from engine.calendar import BarCalendar
from engine.calibration import calibrate
from engine.calibration.volatility import VOLATILITY_ESTIMATORS, range_volatility
from engine.sources import make_source


def weekdays(count: int) -> np.ndarray:
    index = np.arange(count, dtype=np.int64)
    return (4 + index + 2 * (index // 5)) * 86_400_000_000  # from Monday, 5 January 1970


@pytest.fixture(scope="module")
def small() -> Bars:
    stamps = weekdays(4)
    o, h = np.array([100.0, 101.0, 99.0, 100.0]), np.array([102.0, 103.0, 101.0, 104.0])
    low, c = np.array([99.0, 98.0, 97.0, 99.5]), np.array([101.5, 98.5, 100.5, 103.0])
    return Bars("S", stamps, o, h, low, c, np.ones(4), BarCalendar())


def test_each_estimator_is_its_textbook_formula(small):
    o, h, low, c = (np.log(x[1:]) for x in (small.open, small.high, small.low, small.close))
    before = np.log(small.close[:-1])
    n = 3
    rs = np.mean((h - o) * (h - c) + (low - o) * (low - c))
    k = 0.34 / (1.34 + (n + 1) / (n - 1))
    expected = {
        "close": np.var(c - before, ddof=1),
        "realised": np.mean((c - before) ** 2),
        "parkinson": np.mean((h - low) ** 2) / (4.0 * math.log(2.0)),
        "garman_klass": np.mean(0.5 * (h - low) ** 2 - (2 * math.log(2.0) - 1.0) * (c - o) ** 2),
        "rogers_satchell": rs,
        "yang_zhang": np.var(o - before, ddof=1) + k * np.var(c - o, ddof=1) + (1.0 - k) * rs,
    }
    for name in VOLATILITY_ESTIMATORS:
        found, error = range_volatility(small, name)
        assert found == pytest.approx(math.sqrt(expected[name] * 252.0), rel=1e-12)
        assert error > 0.0


@pytest.mark.parametrize("name", VOLATILITY_ESTIMATORS)
def test_each_estimator_finds_the_volatility_of_brownian_bars(name):
    block = make_source("gbm", {"mu": 0.0, "sigma": 0.25}).paths(steps=4000, seeds=[5], s0=50.0)
    stamps = weekdays(4000)
    columns = [np.ascontiguousarray(column) for column in block.values[0, 0, :5]]
    bars = Bars("B", stamps, *columns, BarCalendar())
    found, error = range_volatility(bars, name)
    assert abs(found - 0.25) < 4.0 * error


def test_gbm_takes_a_range_estimator_for_its_volatility(sp500):
    found = calibrate("gbm", sp500, volatility="yang_zhang")
    sigma, error = range_volatility(sp500, "yang_zhang")
    assert found.parameters["sigma"] == pytest.approx(sigma, rel=1e-12)
    assert found.std_errors["sigma"] == pytest.approx(error, rel=1e-12)
    assert found.log_likelihood < calibrate("gbm", sp500).log_likelihood


def test_a_low_below_zero_is_refused(small):
    bad = Bars(
        "S", small.timestamps, small.open, small.high, small.low - 98.0, small.close, small.volume
    )
    with pytest.raises(ValueError, match="S low: found 0 at bar 1, allowed > 0"):
        range_volatility(bad)
    with pytest.raises(ValueError, match="volatility: found 'yz', allowed close"):
        range_volatility(small, "yz")
