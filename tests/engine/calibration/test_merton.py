from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import norm, poisson

from engine.calibration import calibrate
from engine.calibration.poisson_mixture import PoissonMixture

TRUTH = {"sigma": 0.15, "jump_intensity": 12.0, "mean_log_jump": -0.02, "jump_vol": 0.03}


def merton_returns(rng, n, dt=1 / 252, drift=0.08):
    jumps = rng.poisson(TRUTH["jump_intensity"] * dt, n)
    noise = TRUTH["sigma"] * math.sqrt(dt) * rng.standard_normal(n)
    sizes = TRUTH["mean_log_jump"] * jumps
    return drift * dt + noise + sizes + TRUTH["jump_vol"] * np.sqrt(jumps) * rng.standard_normal(n)


def test_the_likelihood_is_the_poisson_mixture_of_normals():
    rng = np.random.default_rng(1)
    dt = np.array([1 / 252, 3 / 252, 40 / 252])[rng.integers(0, 3, 700)]
    returns, weights = 0.02 * rng.standard_normal(700), rng.random(700)
    # So far out that no density is a normal number.
    returns[5], returns[6] = 1.5, -1.5
    natural = np.array([0.05, 0.15, 240.0, -0.002, 0.02])
    drift, sigma, intensity, mean, deviation = natural
    k = np.arange(150)[:, None]
    deviations = np.sqrt(sigma**2 * dt + k * deviation**2)
    logs = poisson.logpmf(k, intensity * dt) + norm.logpdf(
        returns, drift * dt + k * mean, deviations
    )
    mixture = PoissonMixture.of(returns, weights, dt)
    found, gradient = mixture.score(natural)
    assert found == pytest.approx(np.sum(weights * logsumexp(logs, axis=0)), rel=1e-9)
    assert mixture.rank(natural[None, :])[0] == pytest.approx(found, abs=0.5)
    for i in range(5):
        step = np.zeros(5)
        step[i] = 1e-6 * max(1.0, abs(natural[i]))
        up, down = mixture.score(natural + step)[0], mixture.score(natural - step)[0]
        assert gradient[i] == pytest.approx((up - down) / (2.0 * step[i]), rel=1e-4, abs=1e-3)


def test_groups_of_returns_have_nearly_the_likelihood_of_the_returns():
    returns = merton_returns(np.random.default_rng(2), 5000)
    mixture = PoissonMixture.of(returns, np.ones(5000), np.repeat([1 / 252, 2 / 252], 2500))
    few = mixture.binned(256, 40)
    assert len(few.returns) < 450
    assert few.weights.sum() == 5000.0
    np.testing.assert_allclose(few.weights @ few.returns, returns.sum(), rtol=1e-9)
    natural = np.array([0.08, *TRUTH.values()])
    assert few.score(natural)[0] == pytest.approx(mixture.score(natural)[0], abs=1.0)


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
