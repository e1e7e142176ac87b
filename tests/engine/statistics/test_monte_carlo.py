"""Estimates of one sample: those of many sets, one at a time."""

from __future__ import annotations

import math

import numpy as np
import pytest

from engine.statistics import monte_carlo
from engine.statistics.estimates import Method
from engine.statistics.moments import means, standard_deviations
from engine.statistics.quantiles import expected_shortfalls, quantiles

Array = np.ndarray


def exponential(seed: int, n: int) -> Array:
    return np.random.Generator(np.random.Philox(seed)).exponential(size=n)


def test_one_sample_has_the_estimates_of_one_set() -> None:
    x = exponential(1, 200)
    assert monte_carlo.mean(x) == means(x).estimates()[0]
    assert monte_carlo.standard_deviation(x, 0.9) == standard_deviations(x).estimates(0.9)[0]
    assert monte_carlo.quantile(x, 0.9) == quantiles(x, 0.9).estimates()[0]
    assert monte_carlo.expected_shortfall(x) == expected_shortfalls(x).estimates()[0]


def test_undefined_outcomes_are_left_out() -> None:
    assert monte_carlo.mean([1.0, math.nan, 3.0, 5.0]) == monte_carlo.mean([1.0, 3.0, 5.0])
    assert monte_carlo.quantile([1.0, math.nan, 3.0], 0.5).n == 2


def test_nothing_has_no_estimate() -> None:
    for found in (
        monte_carlo.mean([]),
        monte_carlo.quantile([], 0.5),
        monte_carlo.expected_shortfall([]),
        monte_carlo.proportion(0, 0),
        monte_carlo.ratio([], []),
    ):
        assert (found.n, found.method) == (0, Method.UNDEFINED)
        assert math.isnan(found.value)


def test_a_proportion_counts_successes() -> None:
    found = monte_carlo.proportion(8, 10)
    assert (found.value, found.n) == (0.8, 10)
    # Wilson (1927): 0.4902 to 0.9433; two failures have the upper end of a Poisson count.
    assert found.low == pytest.approx(0.490162, abs=1e-6)
    assert found.high == pytest.approx(0.9645, abs=1e-4)


def test_a_ratio_of_gains_to_losses_is_symmetric_in_the_logarithm() -> None:
    gain, loss = exponential(3, 80), exponential(4, 80)
    found = monte_carlo.ratio(gain, loss)
    assert found.value == pytest.approx(gain.mean() / loss.mean())
    assert found.low * found.high == pytest.approx(found.value**2)
    signed = monte_carlo.ratio(gain - 1.0, loss)
    assert signed.high - signed.value == pytest.approx(signed.value - signed.low)


def test_a_ratio_without_spread_claims_no_error() -> None:
    found = monte_carlo.ratio([2.0, 4.0, 6.0, 8.0, 10.0], [1.0, 2.0, 3.0, 4.0, 5.0])
    assert (found.value, found.method) == (2.0, Method.NO_VARIANCE)
    assert math.isnan(found.std_error)
    assert monte_carlo.ratio([1.0, 2.0], [0.0, 0.0]).method == Method.UNDEFINED
