from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm, poisson

from engine.calibration import calibrate
from engine.calibration.merton import _score, _terms

TRUTH = {"sigma": 0.15, "jump_intensity": 12.0, "mean_log_jump": -0.02, "jump_vol": 0.03}


def merton_returns(rng, n, dt=1 / 252, drift=0.08):
    jumps = rng.poisson(TRUTH["jump_intensity"] * dt, n)
    noise = TRUTH["sigma"] * math.sqrt(dt) * rng.standard_normal(n)
    sizes = TRUTH["mean_log_jump"] * jumps
    return drift * dt + noise + sizes + TRUTH["jump_vol"] * np.sqrt(jumps) * rng.standard_normal(n)


def test_the_likelihood_is_the_poisson_mixture_of_normals():
    rng = np.random.default_rng(1)
    steps, index = np.array([1 / 252, 3 / 252]), rng.integers(0, 2, 700)
    returns, weights = 0.02 * rng.standard_normal(700), rng.random(700)
    natural = np.array([0.05, 0.15, 30.0, -0.002, 0.02])
    drift, sigma, intensity, mean, deviation = natural
    h, k = steps[index], np.arange(40)[:, None]
    variance = sigma**2 * h + k * deviation**2
    density = poisson.pmf(k, intensity * h) * norm.pdf(
        returns, drift * h + k * mean, np.sqrt(variance)
    )
    expected = np.sum(weights * np.log(density.sum(axis=0)))
    terms = _terms(intensity * steps[-1])
    gradient = np.zeros(5)
    found = _score(returns, weights, index, steps, natural, terms, gradient)
    assert found == pytest.approx(expected, rel=1e-10)
    for i in range(5):
        step = np.zeros(5)
        step[i] = 1e-6 * max(1.0, abs(natural[i]))
        up = _score(returns, weights, index, steps, natural + step, terms, np.zeros(5))
        down = _score(returns, weights, index, steps, natural - step, terms, np.zeros(5))
        assert gradient[i] == pytest.approx((up - down) / (2.0 * step[i]), rel=1e-4, abs=1e-3)


def test_a_simulated_jump_diffusion_gives_its_parameters_back(make_bars):
    returns = merton_returns(np.random.default_rng(7), 5000)
    found = calibrate("merton", make_bars(100.0 * np.exp(np.cumsum(returns))))
    for name, value in TRUTH.items():
        assert abs(found.parameters[name] - value) < 3.5 * found.std_errors[name]
    assert found.diagnostics["converged"]
    assert found.diagnostics["lr_statistic"] > 100.0


def test_the_drift_includes_the_jumps(make_bars):
    returns = merton_returns(np.random.default_rng(8), 5000)
    found = calibrate("merton", make_bars(100.0 * np.exp(np.cumsum(returns))))
    p = found.parameters
    growth = math.exp(p["mean_log_jump"] + 0.5 * p["jump_vol"] ** 2) - 1.0
    log_drift = p["mu"] - 0.5 * p["sigma"] ** 2 - p["jump_intensity"] * growth
    total = log_drift + p["jump_intensity"] * p["mean_log_jump"]
    # The mixture's mean is the sample's, up to the optimiser's tolerance.
    assert total == pytest.approx(returns[1:].mean() * 252.0, abs=0.002)


def test_many_equal_returns_do_not_draw_the_likelihood_to_infinity(make_bars):
    rng = np.random.default_rng(9)
    returns = np.where(rng.random(1000) < 0.5, 0.0, 0.01 * rng.standard_normal(1000))
    found = calibrate("merton", make_bars(100.0 * np.exp(np.cumsum(returns))))
    spread = returns.std() * math.sqrt(252.0)
    assert found.parameters["sigma"] >= 0.05 * spread * 0.99
    assert found.diagnostics["at_bound"] >= 1
    assert math.isfinite(found.log_likelihood)
