from __future__ import annotations

import math

import numpy as np
import pytest

from engine.calibration import calibrate
from engine.sources import make_source

TRUTH = {"sigma_1": 0.10, "sigma_2": 0.30, "mu_1": 0.2, "mu_2": -0.3, "p_11": 0.98, "p_21": 0.06}


def regime_closes(rng, n):
    regime, log_price, logs = 0, 0.0, []
    for z, u in zip(rng.standard_normal(n), rng.random(n), strict=True):
        stay = TRUTH["p_11"] if regime == 0 else TRUTH["p_21"]
        regime = 0 if u < stay else 1
        mu, sigma = TRUTH[f"mu_{regime + 1}"], TRUTH[f"sigma_{regime + 1}"]
        log_price += mu / 252.0 + sigma / math.sqrt(252.0) * z
        logs.append(log_price)
    return 100.0 * np.exp(np.array(logs))


def test_simulated_regimes_give_their_parameters_back(make_bars):
    found = calibrate("regime_switching", make_bars(regime_closes(np.random.default_rng(1), 5000)))
    assert found.diagnostics["converged"]
    for name, value in TRUTH.items():
        assert abs(found.parameters[name] - value) < 3.5 * found.std_errors[name]
    assert sum(found.start_state.values()) == pytest.approx(1.0)


def test_the_estimate_makes_its_source(make_bars):
    closes = regime_closes(np.random.default_rng(2), 1500)
    found = calibrate("regime_switching", make_bars(closes), states=3)
    source = make_source("regime_switching", found.parameters)
    assert source.values == pytest.approx(found.parameters, abs=1e-12)
    assert found.parameters["sigma_1"] < found.parameters["sigma_2"] < found.parameters["sigma_3"]


def test_a_common_mean_is_one_free_parameter(make_bars):
    bars = make_bars(regime_closes(np.random.default_rng(3), 1500))
    found = calibrate("regime_switching", bars, switching_mean=False)
    assert found.parameters["mu_1"] == found.parameters["mu_2"]
    assert found.std_errors["mu_1"] == found.std_errors["mu_2"] > 0.0
    assert found.aic == pytest.approx(2.0 * 5 - 2.0 * found.log_likelihood)
