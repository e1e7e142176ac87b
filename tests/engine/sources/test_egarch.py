"""EGARCH paths against their recursion, their law at rest and the history they draw from."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from benchmarks.validity.calibrations import clustered_by_factors
from engine.sources import EGARCH, Correlated, make_source
from engine.sources.egarch import egarch_log_variances
from engine.sources.innovations import start_variance

DT = 1 / 252
WEIGHTS = {"mu": 0.06, "theta": 0.05, "alpha": 0.2, "gamma": -0.12, "beta": 0.9, "v0": 0.09}
SCORES = np.concatenate([np.random.default_rng(7).standard_t(5, 400), [-6.0]])


def innovations(block: Any, source: EGARCH) -> tuple[np.ndarray, np.ndarray]:
    """Standardised innovations, and each bar's own variance, from what a block holds."""
    moves = np.log(block.close / block.open)
    after = block.field("variance")
    own = np.concatenate([np.full((len(after), 1), source.v0), after[:, :-1]], axis=1)
    return (moves - source.mu * DT) / np.sqrt(own * DT), own


@pytest.mark.parametrize("law", ["normal", SCORES])
def test_each_variance_follows_from_the_bar_before(law):
    source = EGARCH(**WEIGHTS, innovations=law)
    block = source.paths(seeds=range(20), steps=600, dt=DT, s0=50.0, bars="close")
    z, own = innovations(block, source)
    expected = (
        0.1 * math.log(0.05)
        + 0.9 * np.log(own)
        + 0.2 * (np.abs(z) - math.sqrt(2 / math.pi))
        - 0.12 * z
    )
    np.testing.assert_allclose(np.log(block.field("variance")), expected, atol=1e-9)


def test_innovations_are_standard_normal_and_those_of_history_are_its_own():
    source = EGARCH(**WEIGHTS)
    z, _ = innovations(source.paths(seeds=range(100), steps=500, dt=DT, bars="close"), source)
    assert stats.kstest(z.ravel(), "norm").pvalue > 1e-4
    drawn = EGARCH(**WEIGHTS, innovations=SCORES)
    z, _ = innovations(drawn.paths(seeds=range(20), steps=500, dt=DT, bars="close"), drawn)
    scaled = np.sort((SCORES - SCORES.mean()) / SCORES.std())
    place = np.clip(np.searchsorted(scaled, z), 1, len(scaled) - 1)
    nearest = np.minimum(np.abs(z - scaled[place]), np.abs(z - scaled[place - 1]))
    assert nearest.max() < 1e-8


def test_the_logarithm_of_the_variance_at_rest_has_the_mean_and_variance_of_its_recursion():
    # An AR(1) whose noise alpha (|z| - E|z|) + gamma z has variance a^2 (1 - 2 / pi) + g^2.
    source = EGARCH(**(WEIGHTS | {"v0": 0.05}))
    block = source.paths(seeds=range(4000), steps=120, dt=DT, bars="close")
    last = np.log(block.field("variance")[:, -1])
    expected = (0.2**2 * (1 - 2 / math.pi) + 0.12**2) / (1 - 0.9**2)
    assert abs(last.mean() - math.log(0.05)) < 4 * last.std() / math.sqrt(4000)
    assert last.var() == pytest.approx(expected, rel=4 * math.sqrt(3 / 4000))


def test_the_range_of_a_bar_is_that_of_its_own_variance():
    source = EGARCH(**WEIGHTS)
    block = source.paths(seeds=range(300), steps=250, dt=DT)
    _, own = innovations(block, source)
    # Parkinson (1980): E ln(H / L)^2 = 4 ln 2 sigma^2, but for the drift.
    ratio = np.log(block.high / block.low) ** 2 / (4 * math.log(2.0) * own * DT)
    assert abs(ratio.mean() - 1.0) < 4 * ratio.std() / math.sqrt(ratio.size) + 0.002


def test_the_variance_stays_within_the_range_of_numbers():
    source = EGARCH(alpha=2.0, gamma=0.0, beta=0.999, theta=50.0, v0=100.0)
    block = source.paths(seeds=range(20), steps=300, dt=DT, bars="close")
    assert block.field("variance").max() == pytest.approx(100.0)
    assert np.isfinite(block.values).all()


def test_the_variances_of_a_history_are_those_of_a_plain_loop_and_filter_its_clusters_out():
    history, truth = clustered_by_factors(np.random.default_rng(3), years=8)
    names = ("mu", "theta", "alpha", "gamma", "beta")
    source = make_source(
        "egarch",
        {name: truth[name] for name in names},
        bars=history,
        options={"innovations": "history", "start_state": {"variance": 0.07}},
    )
    assert source.v0 == 0.07
    returns = np.diff(np.log(history.close))
    dt = np.full(len(returns), 1.0 / history.calendar.bars_per_year)
    weights = np.array([truth[name] for name in names])
    before = start_variance(returns, dt)
    found = egarch_log_variances(returns, dt, weights, before)
    mu, theta, alpha, gamma, beta = weights.tolist()
    logarithm = (1 - beta) * math.log(theta) + beta * math.log(before)
    for t, move in enumerate(returns.tolist()):
        assert found[t] == pytest.approx(logarithm, abs=1e-10)
        z = (move - mu * dt[t]) / math.sqrt(math.exp(logarithm) * dt[t])
        logarithm = (1 - beta) * math.log(theta) + beta * logarithm
        logarithm += alpha * (abs(z) - math.sqrt(2 / math.pi)) + gamma * z
    z = source.filtered(history)
    np.testing.assert_allclose(np.sort(z - z.mean()) / z.std(), source.innovations, rtol=1e-9)
    squares = z * z - np.mean(z * z)
    assert abs(np.mean(squares[1:] * squares[:-1]) / squares.var()) < 4 / math.sqrt(len(z))


def test_a_leg_with_normal_innovations_is_correlated_and_one_with_others_is_refused():
    legs = Correlated({"A": EGARCH(), "B": EGARCH()}, correlation=[[1, 0.8], [0.8, 1]])
    block = legs.paths(seeds=range(30), steps=200, dt=DT, bars="close")
    moves = np.diff(np.log(block.values[:, :, 3]), axis=2)
    assert np.corrcoef(moves[:, 0].ravel(), moves[:, 1].ravel())[0, 1] > 0.7
    with pytest.raises(ValueError, match="its innovations are not normal"):
        Correlated({"A": EGARCH(innovations=SCORES), "B": EGARCH()}, correlation=np.eye(2))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"theta": 0.0}, "theta: found 0.0, allowed > 0"),
        ({"beta": 1.0}, "beta: found 1.0, allowed >= 0 and < 1"),
        ({"alpha": -0.1}, "alpha: found -0.1"),
        ({"innovations": "student"}, "innovations: found 'student', allowed 'normal', numbers"),
        ({"innovations": SCORES, "sampling": "sobol"}, "sampling: found 'sobol'"),
    ],
)
def test_bad_input_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        EGARCH(**arguments)
