"""Selecting the best set, and what the winner is worth."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from engine.statistics.estimates import Method
from engine.statistics.layout import Layout
from engine.statistics.moments import means
from engine.statistics.selection import (
    identical_sets,
    probability_of_best,
    select,
    subset_with_best,
)
from engine.statistics.winner import winner


def world(seed: int, truth: np.ndarray, paths: int, correlation: float = 0.5) -> np.ndarray:
    rng = np.random.Generator(np.random.Philox(seed))
    common = math.sqrt(correlation) * rng.normal(size=paths)
    own = math.sqrt(1 - correlation) * rng.normal(size=(len(truth), paths))
    return truth[:, None] + common + own


@pytest.mark.parametrize("correlation", [0.0, 0.9])
def test_the_subset_holds_the_best_as_often_as_stated(correlation: float) -> None:
    truth = np.array([0.1, *np.zeros(9)])
    held = [subset_with_best(means(world(seed, truth, 60, correlation)))[0] for seed in range(500)]
    assert np.mean(held) >= 0.95 - 4 * math.sqrt(0.05 * 0.95 / 500)


def test_common_paths_make_the_subset_small() -> None:
    truth = np.linspace(0.0, 1.0, 20)
    paired = subset_with_best(means(world(1, truth, 100, 0.95))).sum()
    independent = subset_with_best(means(world(1, truth, 100, 0.0))).sum()
    assert paired < independent


def test_less_is_better_where_asked() -> None:
    x = world(2, np.array([0.0, 3.0, 5.0]), 200)
    assert subset_with_best(means(x), maximise=False).tolist() == [True, False, False]
    assert winner(means(x), maximise=False).index == 0
    assert select(means(x), seed=1, maximise=False).best == 0


def test_probabilities_add_up_repeat_and_see_pairs() -> None:
    x = means(world(3, np.array([0.0, 0.05, -0.5]), 100, 0.9))
    found = probability_of_best(x, seed=7)
    assert found.sum() == pytest.approx(1.0)
    assert (found == probability_of_best(x, seed=7)).all()
    assert (found != probability_of_best(x, seed=8)).any()
    difference = x.influence.reshape(3, 100)[1] - x.influence.reshape(3, 100)[0]
    ahead = (x.value[1] - x.value[0]) / (difference.std(ddof=1) / 10)
    expected = 0.5 * math.erfc(-ahead / math.sqrt(2))
    assert found[1] == pytest.approx(expected, abs=0.03)


def test_sets_that_did_the_same_share_their_chance_and_are_one() -> None:
    x = world(4, np.array([0.0, 1.0]), 50)
    both = means(np.vstack([x[1], x[0], x[1]]))
    assert identical_sets(both).tolist() == [0, 1, 0]
    found = select(both, seed=1)
    assert found.probability[[0, 2]] == pytest.approx([0.5, 0.5], abs=1e-9)
    assert found.best == 0
    assert found.subset.tolist() == [True, False, True]
    # The only other set in the subset is the same strategy.
    assert not found.tied


def test_sets_that_cannot_be_told_apart_are_tied() -> None:
    assert select(means(world(5, np.zeros(4), 50)), seed=1).tied
    assert not select(means(world(5, np.array([0.0, 2.0]), 50)), seed=1).tied


@pytest.mark.parametrize(("sets", "paths", "correlation"), [(20, 50, 0.0), (20, 200, 0.9)])
def test_the_winners_interval_holds_its_truth_and_its_estimate_is_unbiased(
    sets: int, paths: int, correlation: float
) -> None:
    truth = np.zeros(sets)
    naive, corrected, above = 0, 0, 0
    worlds = 400
    for seed in range(worlds):
        found = winner(means(world(1000 + seed, truth, paths, correlation)))
        naive += found.naive.low <= 0.0 <= found.naive.high
        corrected += found.corrected.low <= 0.0 <= found.corrected.high
        above += found.corrected.value > 0.0
        assert found.shrinkage >= -1e-9
    error = math.sqrt(0.05 * 0.95 / worlds)
    assert 0.95 - 5 * error <= corrected / worlds <= 0.99
    # Median unbiased, within four standard errors of a half.
    assert above / worlds == pytest.approx(0.5, abs=4 * 0.5 / math.sqrt(worlds))
    if correlation == 0.0:
        assert naive / worlds < 0.75


def test_a_clear_winner_needs_no_correction() -> None:
    found = winner(means(world(6, np.array([0.0, 0.0, 5.0]), 100)))
    assert found.corrected.value == pytest.approx(found.naive.value, abs=1e-6)
    assert found.corrected.half_width == pytest.approx(found.naive.half_width, rel=0.03)
    assert found.corrected.method == Method.SIMULTANEOUS


def test_one_history_has_a_winner_without_an_interval() -> None:
    found = winner(means([[1.0], [3.0]]))
    assert (found.index, found.corrected.value) == (1, 3.0)
    assert found.corrected.method == Method.ONE_HISTORY


def test_a_set_that_rests_on_three_paths_is_not_put_first() -> None:
    x = world(7, np.array([0.5, 0.3]), 400)
    lucky = np.zeros(400)
    lucky[:3] = 1000.0
    found = select(means(np.vstack([lucky, x])), seed=1)
    assert found.best == 1
    assert not found.subset[0]
    assert found.probability[0] == 0.0
    # Among sets that all rest on a few, the best is named nevertheless.
    assert select(means(np.vstack([lucky, 2.0 * lucky])), seed=1).best == 1


def test_a_failed_simulation_does_not_stand_in_the_way() -> None:
    x = world(8, np.array([0.0, 0.4, 0.1]), 200)
    holed = x.copy()
    holed[0, 5] = holed[2, 9] = np.nan
    one, other = select(means(x), seed=1), select(means(holed), seed=1)
    assert (one.best, one.subset.tolist()) == (other.best, other.subset.tolist())
    assert other.probability == pytest.approx(one.probability, abs=0.06)
    here, there = winner(means(x)).corrected, winner(means(holed)).corrected
    assert (there.low, there.high) == pytest.approx((here.low, here.high), abs=0.03)
    # A set of which every simulation failed is not in the running.
    gone = np.vstack([holed, np.full(200, np.nan)])
    assert not select(means(gone), seed=1).subset[3]
    # Rows that are missing, rather than undefined, are the same.
    rows = ~np.isnan(holed)
    layout = Layout.of(np.nonzero(rows)[0], np.nonzero(rows)[1])
    assert select(means(holed[rows], layout), seed=1).best == 1


def test_sets_on_other_paths_are_refused() -> None:
    sets, units = np.repeat([0, 1], [20, 10]), [*range(20), *range(10)]
    ragged = means(np.arange(30.0), Layout.of(sets, units))
    with pytest.raises(ValueError, match="found 10 paths that all parameter sets share, of up"):
        subset_with_best(ragged)
    with pytest.raises(ValueError, match="of: no parameter set has a defined value; choose"):
        winner(replace(means(np.zeros((2, 3))), value=np.full(2, np.nan)))
