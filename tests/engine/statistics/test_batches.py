"""Batches of paths keep estimates and the covariance of parameter sets, in little memory."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import Refusal
from engine.statistics.batches import batch_size, batched, joined
from engine.statistics.moments import means
from engine.statistics.selection import select
from engine.statistics.shares import shares
from engine.statistics.winner import winner

Floats = np.ndarray


def outcomes(seed: int, sets: int, paths: int) -> Floats:
    """Sets that share most of their luck."""
    generator = np.random.Generator(np.random.Philox(key=seed))
    return generator.normal(size=paths) + 0.5 * generator.normal(size=(sets, paths))


@given(size=st.integers(2, 40), paths=st.integers(41, 200), seed=st.integers(0, 99))
@settings(deadline=None)
def test_influences_of_batches_have_mean_zero_and_values_stay(
    size: int, paths: int, seed: int
) -> None:
    whole = means(outcomes(seed, 3, paths))
    found = batched(whole, size)
    count = -(-paths // size)
    assert found.value.tolist() == whole.value.tolist()
    assert found.units.tolist() == [count] * 3
    assert np.abs(found.layout.sum_cells(found.influence)).max() < 1e-9 * count
    # What a batch adds to the estimate is what its paths add.
    own = whole.influence.reshape(3, paths)[:, :size].sum(axis=1) / paths
    assert found.influence.reshape(3, count)[:, 0] / count == pytest.approx(own, abs=1e-12)


def test_the_covariance_of_sets_is_that_of_all_paths_within_its_stated_error() -> None:
    whole = means(outcomes(1, 4, 200_000))
    found = batched(whole, 100)

    def covariance(of: Floats) -> Floats:
        return of @ of.T / (of.shape[1] * (of.shape[1] - 1.0))

    exact = covariance(whole.influence.reshape(4, -1))
    by_batch = covariance(found.influence.reshape(4, -1))
    # A variance by b batches is off by a share of sqrt(2 / b).
    assert np.abs(by_batch / exact - 1.0).max() < 4.0 * np.sqrt(2.0 / 2000)


def test_a_winner_and_the_subset_with_the_best_are_those_of_all_paths() -> None:
    x = outcomes(2, 12, 20_000) + np.linspace(0.0, 0.02, 12)[:, None]
    whole, found = means(x), batched(means(x), 10)
    exact, by_batch = winner(whole), winner(found)
    assert exact.index == by_batch.index
    scale = exact.naive.std_error
    assert by_batch.corrected.low == pytest.approx(exact.corrected.low, abs=0.2 * scale)
    assert by_batch.corrected.high == pytest.approx(exact.corrected.high, abs=0.2 * scale)
    chosen, of_batches = select(whole, seed=1), select(found, seed=1)
    assert chosen.subset.tolist() == of_batches.subset.tolist()
    assert np.abs(chosen.probability - of_batches.probability).max() < 0.08


def test_paths_that_a_set_lacks_leave_its_batches_with_the_others() -> None:
    x = outcomes(3, 2, 100)
    x[1, :10] = np.nan
    x[1, 15] = np.nan
    found = batched(means(x), 10)
    assert found.units.tolist() == [10, 9]
    assert found.absent is not None
    assert np.flatnonzero(found.absent).tolist() == [10]
    influence = found.influence.reshape(2, 10)
    assert influence[1, 0] == 0.0
    assert abs(influence[1].sum()) < 1e-9


def test_few_paths_that_carry_a_value_are_counted_before_they_are_put_together() -> None:
    x = np.zeros((1, 1000))
    x[0, :3] = 1.0
    assert not means(x).supported()[0]
    assert not batched(means(x), 2).supported()[0]


def test_parts_that_are_joined_are_the_whole() -> None:
    x = (outcomes(4, 5, 60) > 0.5).astype(np.float64)
    for kind in (means, shares):
        whole = kind(x)
        parts = joined([kind(x[:2]), kind(x[2:])])
        for name in ("value", "influence", "n", "units"):
            assert getattr(parts, name) == pytest.approx(getattr(whole, name), abs=1e-15)
        ours, all_of_them = parts.estimates(), whole.estimates()
        assert ours.low == pytest.approx(all_of_them.low, rel=1e-12)
        assert ours.method.tolist() == all_of_them.method.tolist()
        assert parts.layout.units.tolist() == whole.layout.units.tolist()


def test_batches_begin_beyond_ten_thousand_paths_and_leave_two_hundred_at_least() -> None:
    assert batch_size(20, 10_000) == 1
    assert batch_size(20, 10_001) == 2
    assert batch_size(1_000_000, 1_000) == 5
    with pytest.raises(Refusal, match="1 or more"):
        batched(means([1.0, 2.0]), 0)
