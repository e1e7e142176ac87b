"""GARCH's likelihood and optimum against a plain loop and against `arch`."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.validity.calibrations import World, clustered, measure
from engine.calibration import calibrate, try_calibrate
from engine.calibration.garch import _Layout, garch_log_likelihood
from engine.sources.garch import garch_variances
from engine.sources.innovations import start_variance
from tests.engine.calibration.golden_estimates import sample

SP500 = sample("SP500")
RETURNS = np.diff(np.log(SP500.close))
DT = np.full(len(RETURNS), 1.0 / SP500.calendar.bars_per_year)
NATURAL = np.array([0.05, 0.0006, 0.02, 0.12, 0.89])


def plain_log_likelihood(returns: np.ndarray, dt: float, natural: np.ndarray) -> float:
    """Bollerslev (1986), written for reading."""
    mu, omega, alpha, gamma, beta = natural.tolist()
    squares = [(r - float(returns.mean())) ** 2 / dt for r in returns.tolist()[:75]]
    fades = [0.94**k for k in range(len(squares))]
    before = sum(w * s for w, s in zip(fades, squares, strict=True)) / sum(fades)
    variance = omega + (alpha + 0.5 * gamma + beta) * before
    total = 0.0
    for r in returns.tolist():
        error = r - mu * dt
        total -= 0.5 * (math.log(2 * math.pi * variance * dt) + error**2 / (variance * dt))
        weight = alpha + (gamma if error < 0 else 0.0)
        variance = omega + weight * error**2 / dt + beta * variance
    return total


def test_the_likelihood_is_that_of_a_plain_loop():
    own = garch_log_likelihood(RETURNS[:900], DT[:900], NATURAL)
    assert own == pytest.approx(plain_log_likelihood(RETURNS[:900], DT[0], NATURAL), rel=1e-12)
    variances = garch_variances(RETURNS[:900], DT[:900], NATURAL, start_variance(RETURNS, DT))
    assert variances.shape == (901,)


def test_the_gradient_is_the_derivative_of_the_likelihood():
    layout = _Layout(0.2, True)
    objective = layout.objective(RETURNS[:700], DT[:700], 0.04)
    theta = layout.theta(0.05, 0.96, 0.1) + np.array([0.0, 0.1, 0.0, 0.0, 0.4])
    _, gradient = objective(theta)
    for i in range(5):
        step = np.zeros(5)
        step[i] = 1e-5
        slope = (objective(theta + step)[0] - objective(theta - step)[0]) / 2e-5
        assert gradient[i] == pytest.approx(slope, rel=1e-5, abs=1e-4), i


@pytest.mark.parametrize("asymmetric", [False, True])
def test_likelihood_optimum_and_errors_are_those_of_arch(asymmetric):
    arch = pytest.importorskip("arch")
    # Per cent, as arch likes them.
    model = arch.arch_model(100 * RETURNS, p=1, o=int(asymmetric), q=1, rescale=False)
    peer = model.fit(disp="off", tol=1e-12)
    scale = len(RETURNS) * math.log(100.0)
    dt = float(DT[0])
    at = peer.params.to_numpy()
    natural = np.array([at[0] / (100 * dt), at[1] / (1e4 * dt), at[2], 0.0, at[-1]])
    if asymmetric:
        natural[3] = at[3]
    own = garch_log_likelihood(RETURNS, DT, natural)
    assert own == pytest.approx(peer.loglikelihood + scale, abs=1e-6)
    found = try_calibrate("garch", SP500, asymmetric=asymmetric)
    assert found.ok
    assert found.log_likelihood >= peer.loglikelihood + scale - 1e-6
    estimate = np.array([found.parameters[n] for n in ("mu", "omega", "alpha", "gamma", "beta")])
    np.testing.assert_allclose(estimate, natural, rtol=1e-5, atol=1e-6)
    if not asymmetric:
        errors = peer.std_err.to_numpy() / np.array([100 * dt, 1e4 * dt, 1.0, 1.0])
        mine = [found.std_errors[name] for name in ("mu", "omega", "alpha", "beta")]
        np.testing.assert_allclose(mine, errors, rtol=2e-3)


def test_the_next_bars_variance_is_the_start_state_with_its_error():
    found = calibrate("garch", SP500[-1500:])
    returns = np.diff(np.log(SP500[-1500:].close))
    dt = np.full(len(returns), DT[0])
    natural = np.array([found.parameters[n] for n in ("mu", "omega", "alpha", "gamma", "beta")])
    variances = garch_variances(returns, dt, natural, start_variance(returns, dt))
    assert found.start_state["variance"] == pytest.approx(variances[-1], rel=1e-12)
    assert found.parameters["v0"] == found.start_state["variance"]
    interval = found.interval("variance")
    assert interval.low < variances[-1] < interval.high
    assert (
        found.state_covariance["variance"]["v0"] == found.state_covariance["variance"]["variance"]
    )


def test_the_weight_after_a_rise_that_vanishes_has_a_one_sided_interval():
    found = try_calibrate("garch", SP500)
    assert found.diagnostics["held_by_bound"] == ["alpha"]
    assert found.status == "at_bound"
    interval = found.interval("alpha")
    assert (interval.low, interval.method) == (0.0, "one_sided")
    assert 0.0 < interval.high < 0.05
    assert math.isnan(found.std_errors["alpha"])


def test_parameters_lie_in_their_intervals_also_where_innovations_are_not_normal():
    world = World("garch", lambda rng: clustered(rng, years=8))
    found = measure(world, 60, seed=70)
    assert found.failed == 0
    for name in ("alpha", "gamma", "beta", "omega"):
        assert found.covered[name] >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / 60) - 0.02, name


def test_weights_by_age_are_refused_and_too_few_returns_fail():
    with pytest.raises(ValueError, match="window of garch: found exponential"):
        calibrate("garch", SP500, window="exponential:1y")
    few = try_calibrate("garch", SP500[:300])
    assert few.status == "failed"
    assert "299 returns" in few.reason
