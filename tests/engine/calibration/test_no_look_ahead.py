"""No estimate sees a price after its as-of date: every model, every window."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from engine.calibration import (
    SPOT_MODELS,
    FuturesPanel,
    OptionSurface,
    calibrate,
    model_names,
    try_calibrate,
)
from engine.calibration.curve_data import CurveData
from engine.models import BUILT_IN, calibrated_on

WINDOWS = ("full", "expanding", "rolling:2y", "exponential:1y")
PANEL_MODELS = calibrated_on("FuturesPanel")
SURFACE_MODELS = calibrated_on("OptionSurface")


@pytest.fixture(scope="module")
def bars(make_bars):
    rng = np.random.default_rng(11)
    volatility = np.where(np.sin(np.arange(1300) / 90.0) > 0.4, 0.02, 0.008)
    jumps = np.where(rng.random(1300) < 0.02, rng.normal(-0.03, 0.03, 1300), 0.0)
    return make_bars(100.0 * np.exp(np.cumsum(volatility * rng.standard_normal(1300) + jumps)))


@pytest.fixture(scope="module")
def panel():
    rng = np.random.default_rng(12)
    years = np.array([0.1, 0.5, 1.0, 2.0])
    level = 4.0 + np.cumsum(0.02 * rng.standard_normal(110))
    spread = np.zeros(110)
    for i in range(1, 110):
        spread[i] = 0.97 * spread[i - 1] + 0.03 * rng.standard_normal()
    logs = level[:, None] + spread[:, None] * np.exp(-1.5 * years)
    return FuturesPanel.from_arrays(
        np.exp(logs + 0.003 * rng.standard_normal(logs.shape)), years, dt=1 / 52
    )


def test_every_model_is_among_those_tested_here():
    tested = set(SPOT_MODELS) | set(PANEL_MODELS) | set(SURFACE_MODELS)
    assert tested == set(model_names()) & BUILT_IN.keys()


@pytest.mark.parametrize("model", SURFACE_MODELS)
def test_quotes_of_a_later_date_are_refused(model):
    strikes = np.linspace(80.0, 120.0, 9)
    quotes = OptionSurface.from_quotes(
        strikes, 0.5, np.full(9, 5.0), strikes >= 100.0, spot=100.0, as_of=date(2024, 1, 3)
    )
    found = try_calibrate(model, quotes, as_of=date(2024, 1, 2))
    assert found.reason == "as_of: found 2024-01-02, allowed >= 2024-01-03, the quotes' date"


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("model", SPOT_MODELS)
def test_tomorrows_crash_in_the_bars_changes_nothing(model, window, bars):
    if not BUILT_IN[model].weighted and window.startswith("exponential"):
        with pytest.raises(
            ValueError, match=f"window of {model}: found exponential:1y, allowed full"
        ):
            calibrate(model, bars, window=window)
        return
    last = len(bars) - 40
    day = datetime.fromtimestamp(bars.timestamps[last] / 1e6, UTC).date()
    crash = {}
    for name in ("open", "high", "low", "close"):
        crash[name] = getattr(bars, name).copy()
        crash[name][last + 1 :] *= 0.05
    planted = replace(bars, **crash)
    cut = calibrate(model, bars[: last + 1], window=window)
    found = calibrate(model, planted, as_of=day, window=window)
    assert found.to_rows() == cut.to_rows()
    # The test can fail: a day later the crash is seen.
    seen = try_calibrate(model, planted, as_of=day + timedelta(days=7), window=window)
    assert seen.parameters != cut.parameters


@pytest.mark.parametrize("window", ["full", "rolling:1.5y"])
@pytest.mark.parametrize("model", PANEL_MODELS)
def test_tomorrows_crash_in_the_curve_changes_nothing(model, window, panel):
    last = 99
    prices = panel.prices.copy()
    prices[last + 1 :] *= 0.05
    cut = calibrate(model, panel.rows(slice(0, last + 1)), window=window)
    found = calibrate(model, replace(panel, prices=prices), as_of=panel.dates[last], window=window)
    assert found.to_rows() == cut.to_rows()


def test_an_expanding_window_of_a_curve_is_the_full_one_of_its_date(panel):
    day = panel.dates[99]
    full, expanding = (
        CurveData.of(panel, as_of=day, window=window) for window in ("full", "expanding")
    )
    assert len(expanding.panel) == 100
    np.testing.assert_array_equal(expanding.y, full.y)


@pytest.mark.parametrize("model", PANEL_MODELS)
def test_a_curve_has_no_exponential_window(model, panel):
    with pytest.raises(ValueError, match="window of a futures panel: found exponential"):
        calibrate(model, panel, window="exponential:1y", as_of=date(2001, 1, 1))
