"""Data that a model cannot be estimated on end in a failed calibration with a reason."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from engine.calibration import Calibration, try_calibrate


def test_a_likelihood_without_convergence_is_a_failure_with_a_reason(make_bars):
    returns = 0.01 * np.random.default_rng(0).standard_normal(1000)
    returns[500] = -0.9
    # One jump does not determine the spread of jumps.
    found = try_calibrate("merton", make_bars(100.0 * np.exp(np.cumsum(returns))))
    assert found.diagnostics["converged"] is False
    assert found.status == "failed"
    assert "found no convergence" in found.reason
    again = Calibration.from_rows(found.to_rows())
    assert not again.ok
    assert again.parameters == found.parameters


def test_variance_that_never_varies_but_for_rounding_has_no_heston_model(make_bars):
    returns = 0.01 * np.random.default_rng(0).standard_normal(1000)
    for unit in (1e-12, 1.0, 1e12):
        closes = unit * 100.0 * np.exp(np.cumsum(returns))
        bars = replace(make_bars(closes), high=closes * 1.001, low=closes * 0.999)
        found = try_calibrate("heston", replace(bars, open=closes))
        assert found.status == "failed"
        assert "found no persistence" in found.reason
