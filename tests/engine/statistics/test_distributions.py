"""Normal and Student's distributions against SciPy."""

from __future__ import annotations

import math

import pytest
from scipy import special

from engine.statistics.distributions import (
    normal_probability,
    normal_quantile,
    student_probability,
    student_quantile,
)


@pytest.mark.parametrize("p", [1e-10, 0.01, 0.05, 0.5, 0.9, 0.975, 0.9999])
def test_normal_quantiles_and_probabilities_agree_with_scipy(p: float) -> None:
    assert normal_quantile(p) == pytest.approx(special.ndtri(p), rel=1e-13, abs=1e-15)
    assert normal_probability(normal_quantile(p)) == pytest.approx(p, rel=1e-12)


@pytest.mark.parametrize("freedom", [1, 2, 2.5, 3, 7, 24, 99, 1000, 49_999, 1_000_000])
def test_students_quantiles_and_probabilities_agree_with_scipy(freedom: float) -> None:
    for p in (0.001, 0.05, 0.5, 0.9, 0.975, 0.9995):
        expected = special.stdtrit(freedom, p)
        assert student_quantile(p, freedom) == pytest.approx(expected, rel=1e-9, abs=1e-12)
    for x in (-40.0, -3.0, -0.1, 0.0, 0.5, 2.0, 6.0):
        expected = special.stdtr(freedom, x)
        assert student_probability(x, freedom) == pytest.approx(expected, rel=1e-7, abs=1e-300)


def test_what_is_no_probability_is_refused() -> None:
    with pytest.raises(ValueError, match="probability: found 1"):
        normal_quantile(1.0)
    with pytest.raises(ValueError, match="freedom: found 0"):
        student_quantile(0.9, 0)
    assert student_probability(math.inf, 3) == 1.0
    assert student_probability(-math.inf, 3) == 0.0
