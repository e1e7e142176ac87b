"""Data that a model cannot be estimated on end in a failed calibration with a reason."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.calibration import (
    SPOT_MODELS,
    Calibration,
    FuturesPanel,
    merton,
    optimise,
    try_calibrate,
)

# Those of two factors take seconds.
CURVES = (
    "schwartz_1f",
    pytest.param("schwartz_2f", marks=pytest.mark.slow),
    pytest.param("schwartz_smith", marks=pytest.mark.slow),
)


def test_a_likelihood_without_convergence_is_a_failure_with_a_reason(make_bars, monkeypatch):
    returns = 0.01 * np.random.default_rng(0).standard_normal(1000)

    def stopped(*arguments, **options):
        return replace(optimise.maximise(*arguments, **options), converged=False)

    monkeypatch.setattr(merton, "maximise", stopped)
    found = try_calibrate("merton", make_bars(100.0 * np.exp(np.cumsum(returns))))
    assert found.diagnostics["converged"] is False
    assert found.status == "failed"
    assert "did not converge" in found.reason
    again = Calibration.from_rows(found.to_rows())
    assert not again.ok
    assert again.parameters == found.parameters


@pytest.mark.parametrize("size", [-0.9, 0.2, 3.0])
def test_a_single_jump_leaves_the_spread_of_jumps_at_its_bound(size, make_bars):
    returns = 0.01 * np.random.default_rng(0).standard_normal(1000)
    returns[500] = size
    found = try_calibrate("merton", make_bars(100.0 * np.exp(np.cumsum(returns))))
    assert found.ok
    assert found.diagnostics["at_bound"] >= 1
    assert {"mean_log_jump", "jump_vol"} & set(found.diagnostics["held_by_bound"])
    # No jump is larger than a factor of e^2.
    assert found.parameters["mean_log_jump"] == pytest.approx(min(size, 2.0), abs=0.05)


def test_variance_that_never_varies_but_for_rounding_has_no_heston_model(make_bars):
    returns = 0.01 * np.random.default_rng(0).standard_normal(1000)
    for unit in (1e-12, 1.0, 1e12):
        closes = unit * 100.0 * np.exp(np.cumsum(returns))
        bars = replace(make_bars(closes), high=closes * 1.001, low=closes * 0.999)
        found = try_calibrate("heston", replace(bars, open=closes))
        assert found.status == "failed"
        assert "found no persistence" in found.reason


@pytest.mark.parametrize("model", SPOT_MODELS)
def test_prices_that_grow_by_the_same_rate_but_for_rounding_are_constant(model, make_bars):
    for unit in (1e-9, 1.0, 1e250):
        found = try_calibrate(model, make_bars(unit * 1.001 ** np.arange(1500)))
        assert found.status == "failed"
        assert "found the same return in all 1499 bars" in found.reason


@pytest.mark.parametrize("model", ["schwartz_1f", "schwartz_2f", "schwartz_smith"])
def test_a_curve_that_never_moves_is_a_failure_with_a_reason(model):
    panel = FuturesPanel.from_arrays(np.full((100, 3), 20.0), [0.1, 0.5, 1.0], dt=1 / 52)
    found = try_calibrate(model, panel)
    assert found.status == "failed"
    assert "found the same price on every date in each of 3 columns" in found.reason


@pytest.mark.parametrize("unit", [1e-300, 1e-8, 1.0, 1e12, 1e290])
@pytest.mark.parametrize("model", SPOT_MODELS)
def test_the_unit_of_prices_changes_no_parameter_of_returns(model, unit, make_bars):
    rng = np.random.default_rng(0)
    closes = 100.0 * np.exp(np.cumsum(0.01 * rng.standard_t(5, 1000)))
    plain, found = (try_calibrate(model, make_bars(scale * closes)) for scale in (1.0, unit))
    assert found.status == plain.status
    for name, value in plain.parameters.items():
        # The level that a price reverts to moves with the unit, by its log.
        moved = np.log(unit) if (model, name) == ("schwartz_1f", "mu") else 0.0
        assert found.parameters[name] == pytest.approx(value + moved, rel=1e-3, abs=1e-6)


@pytest.mark.parametrize("model", ["schwartz_1f", "schwartz_2f", "schwartz_smith"])
def test_prices_of_one_maturity_in_several_columns_are_one_maturity(model):
    rng = np.random.default_rng(0)
    prices = 50.0 * np.exp(np.cumsum(0.02 * rng.standard_normal((100, 1)), axis=0))
    prices = prices * np.exp(0.001 * rng.standard_normal((100, 3)))
    found = try_calibrate(model, FuturesPanel.from_arrays(prices, [0.5, 0.5, 0.5], dt=1 / 52))
    assert found.status == "failed"
    assert "found 0 of 100 rows with at least 2 maturities" in found.reason


@pytest.mark.parametrize("model", ["schwartz_1f", "schwartz_2f", "schwartz_smith"])
def test_a_panel_without_rows_is_a_failure_with_a_reason(model):
    found = try_calibrate(model, FuturesPanel.from_arrays(np.empty((0, 3)), [0.1, 0.5, 1], dt=0.1))
    assert found.status == "failed"
    assert found.reason == "futures panel: has no rows"


@pytest.mark.parametrize("model", SPOT_MODELS)
def test_prices_that_change_once_end_in_an_estimate_or_in_a_reason(model, make_bars):
    found = try_calibrate(model, make_bars(np.repeat([5.0, 6.0], 300)))
    reasons = ("found no persistence", "a maximum that the data determine")
    assert found.ok or any(reason in found.reason for reason in reasons)


@pytest.mark.parametrize("model", CURVES)
def test_a_contract_that_is_listed_later_changes_nothing_before(model):
    rng = np.random.default_rng(0)
    logs = 4.0 + np.cumsum(0.03 * rng.standard_normal((120, 1)), axis=0)
    prices = np.exp(logs * np.ones(4) + 0.004 * rng.standard_normal((120, 4)))
    prices[:100, 3] = np.nan
    years = [0.1, 0.5, 1.0, 1.5]
    whole = FuturesPanel.from_arrays(prices, years, dt=1 / 52)
    day = whole.dates[99]
    known = FuturesPanel.from_arrays(prices[:100, :3], years[:3], dt=1 / 52)
    found, expected = try_calibrate(model, whole, as_of=day), try_calibrate(model, known)
    assert found.ok
    assert found.to_rows() == expected.to_rows()


@pytest.mark.parametrize("initial", ["diffuse", "first_price"])
@pytest.mark.parametrize("model", CURVES)
def test_rows_before_the_first_price_are_not_there(model, initial):
    rng = np.random.default_rng(1)
    logs = 4.0 + np.cumsum(0.03 * rng.standard_normal((90, 1)), axis=0)
    prices = np.exp(logs * np.ones(3) + 0.004 * rng.standard_normal((90, 3)))
    prices[:5] = np.nan
    prices[40] = np.nan
    panel = FuturesPanel.from_arrays(prices, [0.1, 0.5, 1.0], dt=1 / 52)
    found = try_calibrate(model, panel, initial=initial)
    assert found.ok
    assert found.n == 84
    assert (
        found.to_rows()
        == try_calibrate(model, panel.rows(slice(5, None)), initial=initial).to_rows()
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_shift_that_is_no_amount_is_refused(value, make_bars):
    closes = 100.0 + np.sin(np.arange(100.0))
    found = try_calibrate("gbm", make_bars(closes), non_positive=value)
    assert (
        found.reason == f"non_positive: found {value}, allowed error, exclude or an amount to add"
    )


@pytest.mark.parametrize("model", SPOT_MODELS)
def test_fewer_than_three_returns_cannot_be_asked_for(model, make_bars):
    found = try_calibrate(model, make_bars(np.array([5.0, 6.0, 5.5])), minimum=0)
    assert found.reason == "minimum: found 0, allowed >= 3"


def test_an_estimator_that_breaks_is_a_failed_row_with_what_it_raised(make_bars):
    closes = 100.0 + np.sin(np.arange(300.0))
    found = try_calibrate("regime_switching", make_bars(closes), states="three")
    assert found.status == "failed"
    assert found.reason.startswith("TypeError: ")
