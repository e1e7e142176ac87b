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


def test_a_likelihood_without_convergence_is_a_failure_with_a_reason(make_bars, monkeypatch):
    returns = 0.01 * np.random.default_rng(0).standard_normal(1000)

    def stopped(*arguments, **options):
        return replace(optimise.maximise(*arguments, **options), converged=False)

    monkeypatch.setattr(merton, "maximise", stopped)
    found = try_calibrate("merton", make_bars(100.0 * np.exp(np.cumsum(returns))))
    assert found.diagnostics["converged"] is False
    assert found.status == "failed"
    assert "found no convergence" in found.reason
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
