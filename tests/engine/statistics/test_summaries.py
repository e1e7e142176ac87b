"""Summaries that merge over parts, against the whole."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.statistics.layout import Layout
from engine.statistics.moments import means
from engine.statistics.pooled import pooled, pooled_from_summary
from engine.statistics.summaries import CoMoments, Moments


def outcomes(seed: int, sets: int, paths: int) -> np.ndarray:
    rng = np.random.Generator(np.random.Philox(seed))
    return 1000.0 + rng.gamma(2.0, 50.0, size=(sets, paths))


@settings(deadline=None)
@given(st.lists(st.integers(1, 199), min_size=1, max_size=6), st.integers(0, 1000))
def test_moments_of_parts_are_those_of_the_whole(cuts: list[int], seed: int) -> None:
    x = outcomes(seed, 3, 200)
    parts = [part for part in np.split(x, sorted(set(cuts)), axis=1) if part.shape[1]]
    merged = Moments.of(parts[0])
    for part in parts[1:]:
        merged = merged.merge(Moments.of(part))
    whole = Moments.of(x)
    assert merged.count.tolist() == whole.count.tolist() == [200] * 3
    for name in ("mean", "second", "third", "fourth", "lowest", "highest"):
        scale = np.abs(getattr(whole, name)).max()
        np.testing.assert_allclose(
            getattr(merged, name), getattr(whole, name), rtol=1e-12, atol=1e-12 * scale
        )


def test_moments_are_those_of_numpy_and_give_the_mean_its_interval() -> None:
    x = outcomes(1, 4, 300)
    found = Moments.of(x)
    centred = x - x.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(found.third, (centred**3).sum(axis=1), rtol=1e-9)
    np.testing.assert_allclose(found.fourth, (centred**4).sum(axis=1), rtol=1e-12)
    assert (found.lowest, found.highest) == (
        pytest.approx(x.min(axis=1)),
        pytest.approx(x.max(axis=1)),
    )
    one, other = found.means(), means(x).estimates()
    for name in ("value", "std_error", "low", "high"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-9)


def test_sets_that_only_one_part_has_are_kept() -> None:
    first = Moments.of([1.0, 2.0, 4.0], Layout.of([5, 5, 9]))
    second = Moments.of([8.0, 3.0], Layout.of([9, 2]))
    merged = first.merge(second)
    assert merged.keys.tolist() == [2, 5, 9]
    assert merged.count.tolist() == [1, 2, 2]
    assert merged.mean.tolist() == [3.0, 1.5, 6.0]
    assert merged.second.tolist() == [0.0, 0.5, 8.0]


def test_missing_outcomes_are_not_counted() -> None:
    found = Moments.of([[1.0, np.nan, 3.0], [np.nan, np.nan, np.nan]])
    assert found.count.tolist() == [2, 0]
    assert np.isnan(found.means().value[1])


def sums(seed: int, sets: int, paths: int) -> dict[str, np.ndarray]:
    rng = np.random.Generator(np.random.Philox(seed))
    returns = rng.normal(0.0004, 0.01, size=(sets, paths, 63))
    return {
        "bars": np.full((sets, paths), 63.0),
        "years": np.full((sets, paths), 0.25),
        "return_sum": returns.sum(axis=2),
        "return_squares": (returns**2).sum(axis=2),
    }


def test_products_of_parts_are_those_of_the_whole() -> None:
    whole = sums(3, 5, 90)
    parts = [
        {name: column[:, cut] for name, column in whole.items()}
        for cut in (slice(0, 7), slice(7, 60), slice(60, 90))
    ]
    merged = CoMoments.of(parts[0]).merge(CoMoments.of(parts[1])).merge(CoMoments.of(parts[2]))
    once = CoMoments.of(whole)
    np.testing.assert_allclose(merged.mean, once.mean, rtol=1e-12)
    scale = np.abs(once.products).max()
    np.testing.assert_allclose(merged.products, once.products, rtol=1e-12, atol=1e-12 * scale)


def test_a_pooled_ratio_follows_from_a_summary() -> None:
    whole = sums(4, 5, 90)
    direct = pooled("sharpe", whole).estimates()
    summed = pooled_from_summary("sharpe", CoMoments.of(whole))
    np.testing.assert_allclose(summed.value, direct.value, rtol=1e-12)
    np.testing.assert_allclose(summed.std_error, direct.std_error, rtol=1e-9)
    with pytest.raises(ValueError, match="found no column downside_squares"):
        pooled_from_summary("sortino", CoMoments.of(whole))


def test_columns_must_agree() -> None:
    one = CoMoments.of({"a": [1.0, 2.0]})
    with pytest.raises(ValueError, match="columns: found"):
        one.merge(CoMoments.of({"b": [1.0, 2.0]}))
    with pytest.raises(ValueError, match="not finite"):
        CoMoments.of({"a": [1.0, np.nan]})
