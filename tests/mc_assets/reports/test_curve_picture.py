"""A calibrated curve is drawn, with its tests and forecasts, as the asset's page shows it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

import engine as mc
from mc_assets.defs.calibration_views import calibration_views
from tests.engine.calibration.seasonal_world import seasonal_panel


@pytest.fixture(scope="module")
def panel() -> mc.FuturesPanel:
    return seasonal_panel((), rows=80)


@pytest.fixture(scope="module")
def found(panel: mc.FuturesPanel) -> mc.Calibration:
    return mc.calibrate("schwartz_1f", panel, measurement="common")


def shown(panel: mc.FuturesPanel, found: mc.Calibration, **options: Any) -> dict[str, Any]:
    series = SimpleNamespace(
        symbol="GAS", timeframe="1d", calibration={"schwartz_1f": {"minimum": 30, **options}}
    )
    market = SimpleNamespace(futures_panel=lambda symbol, timeframe: panel)
    views = calibration_views(cast(Any, series), cast(Any, market), [found])
    return {name: value.value for name, value in views.items()}


def test_a_curves_page_shows_states_innovations_both_term_structures_and_forecasts(panel, found):
    page = shown(panel, found, measurement="common")
    assert page["schwartz_1f_looked_into"].startswith("![schwartz_1f](data:image/png;base64,")
    tests = page["schwartz_1f_innovations"].splitlines()
    assert tests[0].startswith("| contract | n | mean | deviation | Ljung-Box p | Jarque-Bera p |")
    assert len(tests) == 2 + 8
    prices = page["schwartz_1f_forecast"].splitlines()
    assert [line.split(" | ")[:2] for line in prices[2:6]] == [
        ["| spot", years] for years in ("0.25", "0.5", "0.75", "1")
    ]
    # Contracts end with their expiry: the last expires in 1.26 years, the first in 0.1.
    assert sum(line.startswith("| F8 ") for line in prices) == 4
    assert not any(line.startswith("| F1 ") for line in prices)


def test_what_cannot_be_looked_into_says_why(panel, found):
    page = shown(panel, found)
    assert page["schwartz_1f_looked_into"].startswith("measurement: found 8 errors, allowed the 1")


def test_the_term_structure_is_the_last_rows_prices_beside_the_models(panel, found):
    table = mc.term_structure(found, panel)
    order = np.argsort(panel.maturities[-1])
    assert table["maturity"].to_list() == panel.maturities[-1][order].tolist()
    np.testing.assert_allclose(table["price"], panel.prices[-1][order], rtol=1e-12)
    assert (table["low"] <= table["high"]).all()
    # One state cannot be the curve of two, but has its level.
    assert np.log(table["fitted"] / table["price"]).abs().max() < 0.1


def test_the_volatility_term_structure_counts_no_roll_and_is_the_models(panel):
    smith = mc.calibrate("schwartz_smith", panel, measurement="common")
    table = mc.volatility_term_structure(smith, panel)
    # A weekly panel of 80 rows of eight columns, of which 8 rows roll.
    longer = panel.maturities[1:] > panel.maturities[:-1]
    assert table["n"].sum() == np.sum(~longer)
    p = smith.parameters
    near = np.exp(-p["kappa"] * table["maturity"].to_numpy()) * p["sigma_chi"]
    right = np.sqrt(near**2 + p["sigma_xi"] ** 2 + 2 * p["rho"] * near * p["sigma_xi"])
    np.testing.assert_allclose(table["fitted"], right, rtol=1e-12)
    off = (table["volatility"] - table["fitted"]) / table["std_error"]
    assert off.abs().max() < 4.0


def test_a_calibration_on_bars_has_no_term_structure(panel):
    day = 86_400_000_000
    close = 50.0 * np.exp(np.sin(np.arange(80.0)) / 50)
    bars = mc.Bars("X", np.arange(80) * day, close, close, close, close, np.ones(80))
    walk = mc.calibrate("gbm", bars)
    for look in (mc.term_structure, mc.volatility_term_structure):
        with pytest.raises(mc.Refusal, match="calibration: found one of gbm, allowed a successful"):
            look(walk, panel)
