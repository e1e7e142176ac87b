"""The switching likelihood's highest hill, against many starts by SciPy's optimiser."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from engine.calibration.hamilton import hamilton_score
from engine.calibration.optimise import Optimum
from engine.calibration.switching import fit_switching
from engine.calibration.switching_layout import SwitchingLayout

KINDS = [(True, True), (True, False), (False, True)]


def simulated(seed: int, states: int) -> tuple[np.ndarray, SwitchingLayout]:
    """A series of regimes of any persistence, level, scale and unit."""
    rng = np.random.default_rng(seed)
    length = int(rng.choice([80, 226, 500, 1200]))
    mean, deviation = KINDS[rng.integers(3)]
    stay = rng.uniform(0.3, 0.995, states)
    chain = (1.0 - stay)[:, None] * rng.dirichlet(np.ones(states), states) + np.diag(stay)
    chain /= chain.sum(axis=1, keepdims=True)
    unit = 10.0 ** rng.uniform(-3.0, 1.0)
    levels = rng.normal(0.0, rng.choice([0.1, 1.0, 3.0]), states) if mean else np.zeros(states)
    deviations = unit * (np.exp(rng.normal(0.0, 1.0, states)) if deviation else np.ones(states))
    regime, series = 0, np.empty(length)
    for t in range(length):
        series[t] = unit * levels[regime] + deviations[regime] * rng.standard_normal()
        regime = rng.choice(states, p=chain[regime])
    return series, SwitchingLayout(states, mean, deviation)


def highest_of_many(y: np.ndarray, layout: SwitchingLayout, starts: int) -> float:
    """Highest likelihood that SciPy finds from wide random starts.

    Where no regime shrinks onto a few observations: the likelihood is unbounded there.
    """
    ones, spread, states = np.ones(len(y)), float(np.std(y)), layout.states
    lower, upper = layout.bounds(y, spread)
    spreads = slice(layout.mean_count, layout.mean_count + layout.deviation_count)
    lower[spreads] = np.log(0.1 * spread)
    bounds = list(zip(lower, upper, strict=True))
    rng = np.random.default_rng(99)

    def negative(theta: np.ndarray) -> tuple[float, np.ndarray]:
        means, deviations, chain = layout.unpack(theta)
        value, gradient, _, _ = hamilton_score(y, ones, ones, means, deviations, chain)
        slope = layout.pull(deviations, chain, *gradient)
        return (-value, -slope) if np.isfinite(value) else (1e300, np.zeros_like(slope))

    best = -np.inf
    for _ in range(starts):
        chain = rng.dirichlet(np.ones(states), states) + np.diag(rng.uniform(0.3, 20.0, states))
        start = layout.pack(
            np.quantile(y, rng.uniform(0.02, 0.98, states)),
            spread * np.exp(rng.normal(-0.3, 0.9, states)),
            np.maximum(chain / chain.sum(axis=1, keepdims=True), 1e-4),
        )
        found = minimize(negative, start, jac=True, method="L-BFGS-B", bounds=bounds)
        best = max(best, -float(found.fun))
    return best


# Highest of `highest_of_many` with 20 starts
@pytest.mark.parametrize(
    ("seed", "states", "highest"),
    [
        (1, 2, 414.293),
        (9, 2, -527.832),
        (11, 2, 292.252),
        pytest.param(11, 3, 374.443, marks=pytest.mark.slow),
        pytest.param(11, 4, 139.161, marks=pytest.mark.slow),
        # Regimes that alternate
        (313, 3, -761.163),
    ],
)
def test_the_highest_hill_that_scipy_found_is_reached(seed, states, highest):
    y, layout = simulated(seed, states)
    found = fit_switching(
        y,
        states=states,
        switching_mean=layout.switching_mean,
        switching_deviation=layout.switching_deviation,
    )
    assert found.log_likelihood > highest - 0.01


def test_regimes_of_single_spikes_are_found():
    rng = np.random.default_rng(1)
    y = rng.standard_normal(226)
    y[rng.random(226) < 0.06] *= 8.0
    found = fit_switching(y, switching_mean=False)
    assert found.deviations[1] > 4.0 * found.deviations[0]
    assert found.transition[1, 1] < 0.3


@pytest.mark.parametrize(
    ("seed", "states"),
    [
        (309, 3),
        pytest.param(305, 3, marks=pytest.mark.slow),
        pytest.param(311, 4, marks=pytest.mark.slow),
    ],
)
def test_no_regime_is_narrower_than_its_bound_and_every_parameter_has_an_error(seed, states):
    y, layout = simulated(seed, states)
    found = fit_switching(
        y,
        states=states,
        switching_mean=layout.switching_mean,
        switching_deviation=layout.switching_deviation,
    )
    assert found.deviations.min() >= 0.02 * y.std() * (1.0 - 1e-9)
    assert np.all(np.diff(found.deviations) >= 0.0)
    assert found.optimum.converged
    assert np.all(np.isfinite(list(found.std_errors.values())))
    value, *_ = hamilton_score(
        y, np.ones(len(y)), np.ones(len(y)), found.means, found.deviations, found.transition
    )
    assert value == pytest.approx(found.log_likelihood, abs=1e-6)


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
def test_the_unit_of_the_observations_changes_nothing_but_the_scale(unit):
    y, layout = simulated(9, 2)
    assert layout.switching_deviation
    plain, found = fit_switching(y), fit_switching(unit * y)
    shift = len(y) * np.log(unit)
    assert found.log_likelihood + shift == pytest.approx(plain.log_likelihood, abs=1e-6)
    np.testing.assert_allclose(found.deviations, unit * plain.deviations, rtol=1e-4)
    for name, error in plain.std_errors.items():
        scale = 1.0 if name.startswith("p_") else unit
        assert found.std_errors[name] == pytest.approx(scale * error, rel=1e-3, abs=1e-9 * scale)


def test_observations_that_repeat_are_a_narrow_regime():
    rng = np.random.default_rng(3)
    y = np.where(rng.random(2500) < 0.4, 0.0, 1e-4 * rng.standard_normal(2500))
    found = fit_switching(y)
    assert found.deviations[0] == pytest.approx(0.02 * y.std())
    assert found.deviations[1] == pytest.approx(1e-4, rel=0.1)
    assert found.optimum.converged
    alone = np.sum(-0.5 * (y / y.std()) ** 2 - np.log(y.std() * np.sqrt(2.0 * np.pi)))
    assert found.log_likelihood > alone + 1000.0


@pytest.mark.slow
@pytest.mark.parametrize("seed", [11, pytest.param(305, marks=pytest.mark.slow)])
def test_a_further_regime_is_never_less_likely(seed):
    y, _ = simulated(seed, 3)
    found = [fit_switching(y, states=states).log_likelihood for states in (2, 3, 4)]
    assert found == sorted(found)


def test_relabelling_regimes_moves_everything_with_them():
    y, layout = simulated(11, 3)
    theta = layout.bounds(y, 1.0)[1] * np.random.default_rng(0).uniform(0.1, 0.9, 12)
    theta[3:6] = [0.5, -0.2, 0.1]

    def score(point: np.ndarray) -> tuple[float, np.ndarray]:
        ones = np.ones(len(y))
        means, deviations, chain = layout.unpack(point)
        value, gradient, _, _ = hamilton_score(y, ones, ones, means, deviations, chain)
        return value, layout.pull(deviations, chain, *gradient)

    value, gradient = score(theta)
    hessian = np.outer(np.arange(12.0), np.arange(12.0))
    free = np.arange(12) % 2 == 0
    plain = Optimum(theta, value, gradient, hessian, free, 0.0, True, (value,), 1)
    found = layout.ordered(plain)
    np.testing.assert_array_equal(found.theta[3:6], [-0.2, 0.1, 0.5])
    again, by_theta = score(found.theta)
    assert again == pytest.approx(value)
    np.testing.assert_allclose(found.gradient, by_theta, rtol=1e-6, atol=1e-9)
    np.testing.assert_array_equal(found.free, np.diag(found.hessian) ** 0.5 % 2 == 0)


@pytest.mark.slow
@pytest.mark.parametrize("states", [2, 3, 4])
def test_hardly_any_series_has_a_hill_higher_than_the_one_returned(states):
    short = []
    for seed in range(100, 130):
        y, layout = simulated(seed, states)
        found = fit_switching(
            y,
            states=states,
            switching_mean=layout.switching_mean,
            switching_deviation=layout.switching_deviation,
        )
        gap = highest_of_many(y, layout, 25) - found.log_likelihood
        if gap > 0.05:
            short.append((seed, round(gap, 3)))
    print(f"{states} regimes: lower than the best of 25 starts in {short} of 30 series")
    assert len(short) <= 2
    assert all(gap < 0.5 for _, gap in short)
