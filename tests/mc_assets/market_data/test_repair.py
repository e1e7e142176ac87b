"""Unit errors: whole blocks, single days, single cells."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from mc_assets.market_data.repair import repair_unit_errors, unit_scales

CLOSES = np.array([50.0, 51.0, 50.5, 52.0, 51.5, 52.5, 53.0, 52.0, 51.0, 52.5])


def rows(table: np.ndarray) -> pl.DataFrame:
    names = ("open", "high", "low", "close")
    columns = {name: table[:, place] for place, name in enumerate(names)}
    return pl.DataFrame({"instant": np.arange(len(table)), **columns})


@pytest.fixture
def right() -> np.ndarray:
    opens = np.concatenate([[49.5], CLOSES[:-1]])
    high, low = np.maximum(opens, CLOSES) + 0.5, np.minimum(opens, CLOSES) - 0.5
    return np.column_stack([opens, high, low, CLOSES])


@pytest.mark.parametrize(
    "cells",
    [
        (slice(0, 6), slice(None)),
        (slice(3, 4), slice(None)),
        (slice(2, 4), slice(None)),
        (slice(4, 5), slice(1, 2)),
        (slice(4, 5), slice(2, 3)),
        (slice(4, 5), slice(0, 2)),
        (slice(4, 5), slice(2, 4)),
        (slice(9, 10), slice(None)),
    ],
    ids=["old block", "one day", "two days", "high", "low", "open and high", "low and close",
         "newest day"],
)  # fmt: skip
@pytest.mark.parametrize("factor", [100.0, 0.01])
def test_wrong_cells_are_found_and_repaired(
    right: np.ndarray, cells: tuple[slice, slice], factor: float
) -> None:
    wrong = right.copy()
    wrong[cells] *= factor
    expected = np.zeros(right.shape, dtype=int)
    expected[cells] = 1 if factor > 1 else -1
    assert (unit_scales(wrong) == expected).all()
    fixed = repair_unit_errors(rows(wrong)).select("open", "high", "low", "close").to_numpy()
    assert fixed == pytest.approx(right, rel=1e-15)


def test_the_newest_lasting_level_is_the_right_one(right: np.ndarray) -> None:
    wrong = right.copy()
    wrong[:7] *= 100.0  # the larger part of the series
    assert unit_scales(wrong)[:7].tolist() == [[1] * 4] * 7
    assert not unit_scales(wrong)[7:].any()


def test_order_of_rows_does_not_matter(right: np.ndarray) -> None:
    wrong = right.copy()
    wrong[3] *= 100.0
    frame = rows(wrong)
    assert repair_unit_errors(frame.reverse()).reverse().equals(repair_unit_errors(frame))


def test_a_week_that_changes_unit_inside_is_repaired() -> None:
    # Aet.L in weeks, May 2022: open and high of one unit, low and close of the other.
    table = np.array([[15.6, 16, 14.9, 15.05], [14.8, 15.34, 0.144, 0.1455]] + [[0.1455] * 4] * 4)
    fixed = repair_unit_errors(rows(table)).row(1)[1:]
    assert fixed == pytest.approx((0.148, 0.1534, 0.144, 0.1455))


def test_faultless_and_negative_prices_are_left_alone(right: np.ndarray) -> None:
    assert repair_unit_errors(rows(right)).equals(rows(right))
    negative = right.copy()
    negative[4] = [-37.6, 13.9, -40.3, 10.0]
    assert not unit_scales(negative).any()
