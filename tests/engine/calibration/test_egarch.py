"""EGARCH's likelihood, optimum and errors against a plain loop, `arch` and simulated worlds."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.validity.calibrations import World, clustered_by_factors, measure
from engine.calibration import calibrate, try_calibrate
from engine.calibration.egarch import _objective, egarch_log_likelihood
from tests.engine.calibration.golden_estimates import sample

SP500 = sample("SP500")
RETURNS = np.diff(np.log(SP500.close))
DT = np.full(len(RETURNS), 1.0 / SP500.calendar.bars_per_year)


def test_the_gradient_is_the_derivative_of_the_likelihood():
    objective = _objective(RETURNS[:700], DT[:700], 0.04, 0.2)
    theta = np.array([0.2, -3.5, 0.15, -0.1, 3.0])
    _, gradient = objective(theta)
    for i in range(5):
        step = np.zeros(5)
        step[i] = 1e-5
        slope = (objective(theta + step)[0] - objective(theta - step)[0]) / 2e-5
        assert gradient[i] == pytest.approx(slope, rel=1e-5, abs=1e-4), i


def test_likelihood_and_optimum_are_those_of_arch():
    arch = pytest.importorskip("arch")
    # Per cent, as arch likes them.
    model = arch.arch_model(100 * RETURNS, p=1, o=1, q=1, vol="EGARCH", rescale=False)
    peer = model.fit(disp="off", tol=1e-12)
    mu, omega, alpha, gamma, beta = peer.params.tolist()
    dt = float(DT[0])
    level = (omega - (1.0 - beta) * math.log(1e4 * dt)) / (1.0 - beta)
    natural = np.array([mu / (100 * dt), math.exp(level), alpha, gamma, beta])
    shift = len(RETURNS) * math.log(100.0)
    own = egarch_log_likelihood(RETURNS, DT, natural)
    assert own == pytest.approx(peer.loglikelihood + shift, abs=1e-6)
    found = calibrate("egarch", SP500)
    assert found.log_likelihood >= peer.loglikelihood + shift - 1e-3
    estimate = np.array([found.parameters[n] for n in ("mu", "theta", "alpha", "gamma", "beta")])
    np.testing.assert_allclose(estimate, natural, rtol=1e-4)
    for name in ("alpha", "gamma"):
        assert found.std_errors[name] == pytest.approx(peer.std_err[f"{name}[1]"], rel=0.02)


def test_falls_raise_the_variance_of_shares_and_the_next_one_is_the_start_state():
    found = calibrate("egarch", SP500)
    assert found.interval("gamma").high < 0.0
    assert found.parameters["v0"] == found.start_state["variance"]
    interval = found.interval("variance")
    assert interval.low < found.start_state["variance"] < interval.high
    nested = calibrate("gbm", SP500)
    assert found.log_likelihood > nested.log_likelihood + 100.0


def test_parameters_lie_in_their_intervals_also_where_innovations_are_not_normal():
    world = World("egarch", lambda rng: clustered_by_factors(rng, years=8))
    found = measure(world, 60, seed=70)
    assert found.failed == 0
    for name in ("mu", "theta", "alpha", "gamma", "beta"):
        assert found.covered[name] >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / 60) - 0.02, name


def test_weights_by_age_are_refused_and_too_few_returns_fail():
    with pytest.raises(ValueError, match="window of egarch: found exponential"):
        calibrate("egarch", SP500, window="exponential:1y")
    few = try_calibrate("egarch", SP500[:300])
    assert few.status == "failed"
    assert "299 returns" in few.reason
