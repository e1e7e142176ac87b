"""Four numbers side by side are four numbers."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.compiled import kernel
from engine.compiled.lanes import (
    each,
    four,
    four_at,
    four_times,
    higher,
    highest,
    lower,
    lowest,
    put_four,
    total,
)

UNUSUAL = np.array([0.0, -0.0, 1e308, -1e308, 5e-324, np.inf, -np.inf, np.nan, 0.1, -3.0, 1 / 3])


@kernel
def _worked(a: NDArray[np.float64], b: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    """Write sum, difference, product, quotient, negation, higher and lower, four by four."""
    size = a.shape[0]
    for at in range(0, size, 4):
        x, y = four_at(a, at), four_at(b, at)
        put_four(out, at, x + y)
        put_four(out, size + at, x - y)
        put_four(out, 2 * size + at, x * y)
        put_four(out, 3 * size + at, x / y)
        put_four(out, 4 * size + at, -x)
        put_four(out, 5 * size + at, higher(x, y))
        put_four(out, 6 * size + at, lower(x, y))


@kernel
def _joined(a: float, b: float, c: float, d: float, out: NDArray[np.float64]) -> None:
    lanes = four(a, b, c, d)
    out[0], out[1], out[2], out[3] = each(lanes)
    out[4] = total(lanes)
    out[5] = highest(lanes)
    out[6] = lowest(lanes)
    out[7] = total(four_times(a))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_every_operation_has_the_bits_of_four_scalars() -> None:
    rng = np.random.default_rng(3)
    a = np.concatenate([np.repeat(UNUSUAL, len(UNUSUAL)), rng.normal(size=1003)])
    b = np.concatenate([np.tile(UNUSUAL, len(UNUSUAL)), rng.normal(size=1003)])
    out = np.empty(7 * len(a))
    _worked(a, b, out)
    expected = np.concatenate(
        [a + b, a - b, a * b, a / b, -a, np.where(a > b, a, b), np.where(a < b, a, b)]
    )
    assert np.array_equal(out, expected, equal_nan=True)
    number = ~np.isnan(expected)
    assert np.array_equal(np.signbit(out[number]), np.signbit(expected[number]))


def test_four_numbers_are_joined_in_pairs() -> None:
    rng = np.random.default_rng(4)
    out = np.empty(8)
    for a, b, c, d in rng.normal(size=(200, 4)) * 10.0 ** rng.integers(-9, 9, (200, 4)):
        _joined(a, b, c, d, out)
        expected = [a, b, c, d, (a + b) + (c + d), max(a, b, c, d), min(a, b, c, d)]
        assert out.tolist() == [*expected, (a + a) + (a + a)]
