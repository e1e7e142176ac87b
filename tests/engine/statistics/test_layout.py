"""Which set and which independent unit an outcome is of."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.statistics.layout import Layout
from engine.statistics.moments import means


def test_rows_in_any_order_are_sorted_by_set_and_unit() -> None:
    layout = Layout.of([9, 7, 9, 7], units=[1, 5, 0, 2])
    assert layout.keys.tolist() == [7, 9]
    assert layout.units.tolist() == [2, 5, 0, 1]
    assert layout.arrange([10.0, 20.0, 30.0, 40.0]).tolist() == [40.0, 20.0, 30.0, 10.0]


def test_outcomes_of_one_unit_are_one_cell() -> None:
    layout = Layout.of([0, 0, 0, 1], units=[3, 3, 4, 3])
    assert layout.cells.tolist() == [2, 1]
    assert layout.rows.tolist() == [3, 1]
    assert layout.to_cells(np.array([1.0, 2.0, 4.0, 8.0])).tolist() == [3.0, 4.0, 8.0]


def test_a_matrix_is_laid_out_row_by_row() -> None:
    by_matrix = Layout.matrix(2, 3)
    by_rows = Layout.of([0, 0, 0, 1, 1, 1], units=[0, 1, 2, 0, 1, 2])
    assert by_matrix.units.tolist() == by_rows.units.tolist()
    assert by_matrix.sum_rows(np.arange(6.0)).tolist() == [3.0, 12.0]
    assert by_matrix.cell_rows is None


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 6), st.floats(-9, 9)), min_size=1),
    st.randoms(use_true_random=False),
)
def test_the_order_of_rows_does_not_matter(rows: list[tuple[int, int, float]], random) -> None:  # type: ignore[no-untyped-def]
    shuffled = list(rows)
    random.shuffle(shuffled)
    found = []
    for each in (rows, shuffled):
        sets, units, outcomes = zip(*each, strict=True)
        found.append(means(outcomes, Layout.of(sets, units)))
    np.testing.assert_allclose(found[0].value, found[1].value, atol=1e-12)
    np.testing.assert_allclose(found[0].variances(), found[1].variances(), atol=1e-10)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match=r"sets: found shape \(0,\)"):
        Layout.of([])
    with pytest.raises(ValueError, match="units: found"):
        Layout.of([1, 2], units=[1])
    with pytest.raises(ValueError, match="outcomes: found 2, allowed 3"):
        Layout.matrix(1, 3).arrange([1.0, 2.0])
    with pytest.raises(ValueError, match="units: found"):
        Layout.matrix(2, 3, units=[0, 1])
