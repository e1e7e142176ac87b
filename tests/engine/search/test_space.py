"""The box that a search moves in."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import Refusal
from engine.search import SearchSpace
from engine.studies.values import (
    Distribution,
    choice,
    integer,
    log_integer,
    log_uniform,
    normal,
    uniform,
)

EVERY_KIND: dict[str, Distribution] = {
    "uniform": uniform(-2.0, 3.0),
    "log_uniform": log_uniform(0.01, 50.0),
    "integer": integer(-3, 12),
    "log_integer": log_integer(1, 5000),
    "normal": normal(1.0, 0.5),
    "choice": choice(["a", "b", None, 3]),
}


@pytest.mark.parametrize("kind", EVERY_KIND)
@given(u=st.floats(0.0, 1.0, exclude_max=True))
def test_a_value_comes_back_from_where_it_lies(kind: str, u: float) -> None:
    drawn = EVERY_KIND[kind]
    value = drawn.value(u)
    at = drawn.quantile(value)
    assert 0.0 <= at < 1.0
    if kind in ("integer", "log_integer", "choice"):
        assert drawn.value(at) == value
    else:
        assert drawn.value(at) == pytest.approx(value, rel=1e-9, abs=1e-9)


@given(u=st.lists(st.floats(-1.0, 2.0), min_size=6, max_size=6))
def test_equal_sets_are_equal_points(u: list[float]) -> None:
    space = SearchSpace.of(EVERY_KIND)
    settled = space.settle(np.array([u]))
    assert ((settled >= 0.0) & (settled < 1.0)).all()
    again = space.settle(settled)
    assert space.sets(again) == space.sets(settled)
    counted = [i for i, item in enumerate(space.dimensions) if item.count is not None]
    assert (again[:, counted] == settled[:, counted]).all()


def test_whole_numbers_of_a_logarithmic_scale_have_equal_mass_per_ratio() -> None:
    drawn = log_integer(10, 9_999)
    values = np.array([drawn.value(u) for u in (np.arange(30_000) + 0.5) / 30_000])
    shares = [((values >= low) & (values < 10 * low)).mean() for low in (10, 100, 1_000)]
    np.testing.assert_allclose(shares, 1 / 3, atol=1e-3)
    assert values.min() == 10
    assert drawn.value(np.nextafter(1.0, 0.0)) == 9_999
    # Each number by itself: ln((k + 1) / k) of the whole.
    mass = (values == 10).mean()
    assert mass == pytest.approx(np.log(11 / 10) / np.log(10_000 / 10), abs=1e-3)


def test_a_normal_law_is_cut_off_at_its_bounds() -> None:
    drawn = normal(0.0, 1.0, -0.5, 2.0)
    values = np.array([drawn.value(u) for u in (np.arange(20_000) + 0.5) / 20_000])
    assert values.min() >= -0.5
    assert values.max() <= 2.0
    from scipy.stats import truncnorm

    assert values.mean() == pytest.approx(truncnorm.mean(-0.5, 2.0), abs=1e-3)
    assert values.std() == pytest.approx(truncnorm.std(-0.5, 2.0), abs=1e-3)


def test_a_space_without_anything_to_move_is_refused() -> None:
    with pytest.raises(Refusal, match="no parameter that a search could move"):
        SearchSpace.of({"fast": [5]})


def test_words_have_no_order_and_sorted_numbers_have_one() -> None:
    space = SearchSpace.of(
        {"side": ["long", "short"], "n": [1, 2, 5], "m": [3, 1], "x": uniform(0, 1)}
    )
    assert [item.is_ordered for item in space.dimensions] == [False, True, False, True]
    assert [item.count for item in space.dimensions] == [2, 3, 2, None]
    assert space.count is None
