"""Monte Carlo, history and parameters in one budget."""

from __future__ import annotations

import math

import numpy as np
import pytest

from engine.statistics.error_budget import (
    Component,
    error_budget,
    history_by_influence,
    outer_component,
)
from engine.statistics.estimates import Method
from engine.statistics.moments import means
from engine.statistics.nested import nested_variance


def generator(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


@pytest.mark.parametrize("common_paths", [False, True])
def test_components_of_variance_are_found(common_paths: bool) -> None:
    rng = generator(1)
    draws, paths, sets = 40, 25, 600
    outcomes = 2.0 * rng.normal(size=(sets, draws, 1)) + 3.0 * rng.normal(size=(sets, draws, paths))
    if common_paths:
        outcomes = outcomes + 5.0 * rng.normal(size=(sets, 1, paths))
    found = nested_variance(outcomes, common_paths=common_paths)
    assert found.between.mean() == pytest.approx(4.0, rel=0.05)
    assert found.within.mean() == pytest.approx(9.0, rel=0.02)
    assert found.mean_variance.mean() == pytest.approx(found.mean.var(ddof=1), rel=0.15)
    assert found.between_error.mean() == pytest.approx(found.between.std(ddof=1), rel=0.1)


def test_paths_alone_leave_nothing_between_draws() -> None:
    found = nested_variance(generator(2).normal(size=(500, 20, 10)))
    assert np.median(found.between) < 0.05
    assert (found.between >= 0.0).all()


def test_what_cannot_be_analysed_is_refused() -> None:
    with pytest.raises(ValueError, match="outcomes: found shape"):
        nested_variance([[1.0, 2.0]])
    with pytest.raises(ValueError, match="not finite"):
        nested_variance([[1.0, math.nan], [1.0, 2.0]])
    with pytest.raises(ValueError, match="starts: found shape"):
        history_by_influence(np.zeros(20), np.zeros((20, 5)))


def test_squares_of_errors_add_and_the_largest_is_named() -> None:
    sample = means(generator(3).normal(size=(2, 100))).estimates()
    budget = error_budget(
        sample,
        history=Component.of([0.5, 0.01], 49.0),
        parameters=Component.of([0.2, 0.02], 20.0),
    )
    expected = np.sqrt(
        sample.std_error**2 + np.array([0.5, 0.01]) ** 2 + np.array([0.2, 0.02]) ** 2
    )
    np.testing.assert_allclose(budget.total, expected)
    assert budget.dominant.tolist() == ["history", "monte_carlo"]
    assert budget.missing == ()
    assert budget.estimates.half_width[0] > 1.96 * expected[0]


def test_what_was_not_measured_is_missing_not_zero() -> None:
    sample = means(generator(4).normal(size=100)).estimates()
    budget = error_budget(sample)
    assert budget.missing == ("history", "parameters")
    assert np.isnan(budget.history[0])
    assert budget.estimates[0] == sample[0]
    single = error_budget(means([2.0]).estimates(), history=Component.of(1.0, 49.0))
    assert single.dominant[0] == "history"
    assert single.total[0] == 1.0
    assert single.estimates[0].method == Method.BUDGET
    assert error_budget(means([2.0]).estimates()).dominant[0] == "none"


def test_parameters_are_covered_by_nested_draws() -> None:
    # The truth is one draw of the parameter: means of draws spread by 0.5 around the estimate.
    rng, held, worlds = generator(5), 0, 600
    for _ in range(worlds):
        truth = rng.normal()
        centre = truth + 0.5 * rng.normal()
        draws = centre + 0.5 * rng.normal(size=(20, 1))
        outcomes = draws + 2.0 * rng.normal(size=(20, 30))
        found = nested_variance(outcomes)
        sample = means(outcomes.ravel()).estimates()
        total = error_budget(sample, parameters=outer_component(found)).estimates[0]
        held += total.low <= truth <= total.high
    error = math.sqrt(0.05 * 0.95 / worlds)
    assert 0.95 - 4 * error <= held / worlds <= 0.95 + 4 * error


def bootstrapped(rng: np.random.Generator, history: np.ndarray, paths: int, bars: int):  # type: ignore[no-untyped-def]
    """P&L of buy and hold on paths resampled from a history, and the visits to its blocks."""
    picked = rng.integers(0, len(history), size=(paths, bars))
    blocks = np.zeros((paths, 40))
    np.add.at(blocks, (np.arange(paths)[:, None], picked * 40 // len(history)), 1.0)
    return np.expm1(history[picked].sum(axis=1)), blocks


@pytest.mark.slow
def test_the_history_is_covered_by_influences_where_monte_carlo_alone_is_not() -> None:
    rng = generator(6)
    bars, mu, sigma = 60, 0.0005, 0.01
    truth = math.exp(bars * (mu + sigma**2 / 2)) - 1
    alone, held, worlds = 0, 0, 300
    for _ in range(worlds):
        history = rng.normal(mu, sigma, 1200)
        outcomes, visits = bootstrapped(rng, history, 3000, bars)
        sample = means(outcomes).estimates()
        total = error_budget(sample, history=history_by_influence(outcomes, visits)).estimates[0]
        alone += sample.low[0] <= truth <= sample.high[0]
        held += total.low <= truth <= total.high
    error = math.sqrt(0.05 * 0.95 / worlds)
    assert 0.95 - 4 * error <= held / worlds <= 0.95 + 3 * error
    assert alone / worlds < 0.6


def test_a_history_that_does_not_stand_out_of_the_noise_is_not_told() -> None:
    rng = generator(8)
    outcomes, visits = bootstrapped(rng, rng.normal(0.0, 0.01, 1200), 40, 60)
    unknown = history_by_influence(rng.normal(size=40), visits)
    assert math.isnan(unknown.error[0])
    assert error_budget(means(outcomes).estimates(), history=unknown).missing == (
        "history",
        "parameters",
    )


def test_influences_agree_with_resampling_the_history_again() -> None:
    rng = generator(7)
    history = rng.normal(0.0005, 0.01, 1200)
    outcomes, visits = bootstrapped(rng, history, 4000, 60)
    influence = history_by_influence(outcomes, visits).error[0]
    again = np.stack([bootstrapped(rng, rng.choice(history, 1200), 100, 60)[0] for _ in range(200)])
    outer = outer_component(nested_variance(again)).error[0]
    # Each is known to about a tenth.
    assert influence == pytest.approx(outer, rel=0.35)


def test_an_estimate_that_bends_has_a_longer_error_to_the_side_it_bends_to() -> None:
    """The mean of a capped sum: more of it than the cap cannot be earned."""
    rng = generator(9)
    history = rng.normal(0.01, 0.1, 400)
    picked = rng.integers(0, 400, size=(20_000, 50))
    blocks = np.zeros((20_000, 40))
    np.add.at(blocks, (np.arange(20_000)[:, None], picked // 10), 1.0)
    scaled = (history - history.mean()) / history.std()
    totals = scaled[picked].sum(axis=1, keepdims=True)
    by_block = scaled.reshape(40, 10).sum(axis=1)[None] * (50 / 400)
    level = history.mean() * 50
    for outcomes, longer in (
        (np.minimum(history[picked].sum(axis=1), level), "below"),
        (np.maximum(history[picked].sum(axis=1), level), "above"),
    ):
        found = history_by_influence(outcomes, blocks, totals=totals, by_block=by_block)
        assert found.below is not None
        assert found.above is not None
        sides = {"below": found.below[0], "above": found.above[0]}
        shorter = "above" if longer == "below" else "below"
        assert sides[longer] > 1.1 * sides[shorter]
        assert sides[shorter] == pytest.approx(found.error[0])
        # Against the move of the history itself: its mean two errors lower, and two higher.
        error = 2.0 * history.std() / math.sqrt(400)
        moved = []
        for sign in (-1.0, 1.0):
            again = history[picked].sum(axis=1) + sign * error * 50
            cap = np.minimum if longer == "below" else np.maximum
            moved.append(cap(again, level).mean() - outcomes.mean())
        side = moved[0] if longer == "below" else moved[1]
        assert sides[longer] == pytest.approx(abs(side) / 2.0, rel=0.25)
        budget = error_budget(means(outcomes).estimates(), history=found)
        estimates = budget.estimates
        down, up = estimates.value - estimates.low, estimates.high - estimates.value
        assert (down[0] > 1.1 * up[0]) == (longer == "below")


def test_features_take_noise_off_and_change_nothing_else() -> None:
    rng = generator(10)
    history = rng.normal(0.0005, 0.01, 1200)
    scaled = (history - history.mean()) / history.std()
    by_block = scaled.reshape(40, 30).sum(axis=1)[None] * (60 / 1200)
    plain, aided = [], []
    for _ in range(60):
        picked = rng.integers(0, 1200, size=(400, 60))
        blocks = np.zeros((400, 40))
        np.add.at(blocks, (np.arange(400)[:, None], picked // 30), 1.0)
        outcomes = np.expm1(history[picked].sum(axis=1))
        totals = scaled[picked].sum(axis=1, keepdims=True)
        plain.append(history_by_influence(outcomes, blocks).error[0])
        aided.append(
            history_by_influence(outcomes, blocks, totals=totals, by_block=by_block).error[0]
        )
    # What the blocks of this history show, known exactly: the outcome is all but a sum of moves.
    truth = history.std() * math.sqrt((by_block**2).sum() * 40 / 39)
    assert np.mean(aided) == pytest.approx(truth, rel=0.1)
    assert np.std(aided) < 0.25 * np.nanstd(plain)
    assert np.isnan(plain).any() or np.std(plain) > 0.1 * truth
