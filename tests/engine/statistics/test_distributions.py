"""Normal and Student's distributions against SciPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import special

from engine.statistics.distributions import (
    binomial_exceedance,
    gamma_quantiles,
    normal_probabilities,
    normal_probability,
    normal_quantile,
    student_probabilities,
    student_probability,
    student_quantile,
    student_quantiles,
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


@pytest.mark.parametrize("p", [0.75, 0.975, 0.9999, 1 - 1e-8])
def test_arrays_of_students_quantiles_agree_with_scipy(p: float) -> None:
    freedom = np.concatenate([[1.0, 1.01, 2.5], np.geomspace(3, 1e6, 60)])
    found = student_quantiles(p, freedom)
    # 1 - p is known to 1e-16 alone.
    np.testing.assert_allclose(found, special.stdtrit(freedom, p), rtol=1e-9 + 2e-16 / (1 - p))
    with pytest.raises(ValueError, match="probability"):
        student_quantiles(0.4, freedom)


def test_arrays_of_probabilities_agree_with_scipy() -> None:
    x = np.linspace(-9.0, 9.0, 37)
    for freedom in (1.0, 3.3, 19.0, 499.0, 501.0, 1e5):
        expected = special.stdtr(freedom, x)
        np.testing.assert_allclose(student_probabilities(x, freedom), expected, rtol=3e-9)
    each = np.geomspace(1.0, 1e7, len(x))
    np.testing.assert_allclose(student_probabilities(x, each), special.stdtr(each, x), rtol=3e-9)
    np.testing.assert_allclose(normal_probabilities(x), special.ndtr(x), rtol=1e-12)
    assert student_probabilities([-np.inf, np.inf], 4).tolist() == [0.0, 1.0]
    assert np.isnan(student_probabilities(np.nan, 4))


@pytest.mark.parametrize("p", [0.005, 0.05, 0.5, 0.975, 0.9995])
def test_gamma_quantiles_agree_with_scipy(p: float) -> None:
    shapes = np.concatenate([[0.5, 1.0, 2.0], np.geomspace(0.7, 60.0, 30)])
    np.testing.assert_allclose(
        gamma_quantiles(p, shapes), special.gammaincinv(shapes, p), rtol=1e-10
    )


def test_the_exceedance_of_a_whole_rank_is_the_binomial_tail() -> None:
    for n, rank, p in ((10, 3, 0.2), (200, 180, 0.95)):
        tail = special.bdtrc(rank - 1, n, p)
        assert binomial_exceedance(n, rank, p) == pytest.approx(tail, rel=1e-12)
