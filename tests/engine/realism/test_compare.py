from __future__ import annotations

import numpy as np
import pytest

from engine.bars import Bars
from engine.calibration import calibrate, try_calibrate
from engine.realism import REALISM_COLUMNS, compare_with_history

SEEDS = range(60)


def test_gbm_misses_the_tails_that_the_block_bootstrap_keeps(wild):
    gbm = compare_with_history(calibrate("gbm", wild), wild, seeds=SEEDS)
    bootstrap = compare_with_history(calibrate("bootstrap", wild, of="absolute"), wild, seeds=SEEDS)
    for fact in ("kurtosis", "absolute_autocorrelation_1", "energy_distance", "worst_return"):
        assert fact in gbm.missed
        assert fact not in bootstrap.missed
    assert bootstrap.score > gbm.score + 0.3


def test_a_model_reproduces_its_own_history(calm):
    report = compare_with_history(calibrate("gbm", calm), calm, seeds=SEEDS)
    assert report.score >= 0.85


def test_rows_hold_the_monte_carlo_error_of_every_statistic(calm):
    report = compare_with_history(calibrate("gbm", calm), calm, seeds=SEEDS)
    rows = report.to_rows()
    assert [tuple(row) for row in rows] == [REALISM_COLUMNS] * 14
    for row in rows:
        assert 0.0 <= row["percentile"] <= 1.0
        assert row["monte_carlo_error"] > 0.0
    volatility = next(row for row in rows if row["statistic"] == "volatility")
    assert volatility["monte_carlo_error"] == pytest.approx(
        volatility["simulated_sd"] / np.sqrt(60)
    )


def test_bars_after_the_as_of_date_are_not_looked_at(calm):
    early = calibrate("gbm", calm[:1000])
    whole = compare_with_history(early, calm, seeds=range(20))
    part = compare_with_history(early, calm[:1000], seeds=range(20))
    assert whole.rows == part.rows
    assert whole.bar_count == 999


def test_a_price_below_zero_is_treated_as_the_calibration_treated_it(calm):
    columns = [np.array(getattr(calm, name)) for name in ("open", "high", "low", "close", "volume")]
    for column in columns[:4]:
        column[700] = -36.98
    oil = Bars("OIL", calm.timestamps, *columns, calm.calendar)
    for model in ("gbm", "bootstrap"):
        estimate = calibrate(model, oil, non_positive="exclude")
        report = compare_with_history(estimate, oil, seeds=range(20))
        assert report.bar_count == len(oil) - 3
        assert report.score > 0.7


def test_a_rolling_calibration_is_compared_with_its_window(calm):
    estimate = calibrate("gbm", calm, window="rolling:1y")
    report = compare_with_history(estimate, calm, seeds=range(20))
    assert report.bar_count == estimate.n


def test_a_failed_calibration_or_a_handful_of_seeds_are_refused(calm):
    with pytest.raises(ValueError, match="the estimate failed: "):
        compare_with_history(try_calibrate("gbm", calm[:5]), calm)
    with pytest.raises(ValueError, match="seeds: found 3, allowed >= 20"):
        compare_with_history(calibrate("gbm", calm), calm, seeds=range(3))
