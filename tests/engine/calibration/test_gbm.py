from __future__ import annotations

import math

import numpy as np
import pytest

from engine.calibration import calibrate


def test_the_sp500_estimates_are_those_of_the_reference(sp500):
    # oracles/calibration_from_bars.json
    found = calibrate("gbm", sp500)
    assert found.n == 5030
    assert found.parameters["sigma"] == pytest.approx(0.19108456730166323, rel=1e-12)
    assert found.parameters["mu"] == pytest.approx(0.054005525422949174, rel=1e-10)
    assert found.std_errors["mu"] == pytest.approx(0.04277026007526845, rel=1e-10)
    assert found.std_errors["sigma"] == pytest.approx(0.0019051388041056044, rel=1e-10)
    assert found.log_likelihood == pytest.approx(15094.100449634376, abs=1e-6)
    assert found.diagnostics["log_drift"] == pytest.approx(0.03574886949251724, rel=1e-10)


def test_information_criteria_count_both_parameters(make_bars):
    closes = 100.0 * np.exp(np.cumsum(np.tile([0.01, -0.008], 50)))
    found = calibrate("gbm", make_bars(closes))
    assert found.aic == pytest.approx(4.0 - 2.0 * found.log_likelihood)
    assert found.bic == pytest.approx(2.0 * math.log(99) - 2.0 * found.log_likelihood)


def test_two_alternating_returns_give_the_hand_computed_volatility(make_bars):
    closes = np.concatenate(([100.0], 100.0 * np.exp(np.cumsum(np.tile([0.02, -0.01], 50)))))
    found = calibrate("gbm", make_bars(closes))
    assert found.parameters["sigma"] == pytest.approx(0.015 * math.sqrt(252.0), rel=1e-12)
    drift = 0.005 * 252.0
    assert found.parameters["mu"] == pytest.approx(drift + 0.5 * 0.015**2 * 252.0, rel=1e-12)
