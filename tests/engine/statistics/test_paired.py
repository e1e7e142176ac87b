"""Differences with and without common random numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from engine.statistics.paired import independent_difference, paired_difference


def samples() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.Generator(np.random.Philox(8))
    common = rng.normal(size=200)
    return common + 0.1 + 0.2 * rng.normal(size=200), common + 0.2 * rng.normal(size=200)


def test_a_paired_difference_is_students_paired_test() -> None:
    a, b = samples()
    found = paired_difference(a, b)
    other = stats.ttest_rel(a, b)
    assert found.estimate.value == pytest.approx((a - b).mean())
    assert found.p_value == pytest.approx(other.pvalue, rel=1e-9)
    interval = other.confidence_interval(0.95)
    # Student's interval, widened by what little skewness the differences have.
    assert found.estimate.low <= interval.low
    assert found.estimate.high >= interval.high - 1e-12
    assert found.estimate.half_width == pytest.approx((interval.high - interval.low) / 2, rel=0.01)
    assert found.correlation == pytest.approx(np.corrcoef(a, b)[0, 1])


def test_an_independent_difference_is_welchs_test() -> None:
    a, b = samples()
    found = independent_difference(a[:50], b)
    assert found.p_value == pytest.approx(stats.ttest_ind(a[:50], b, equal_var=False).pvalue)
    assert math.isnan(found.correlation)


def test_common_paths_cancel_most_of_the_noise() -> None:
    a, b = samples()
    assert (
        paired_difference(a, b).estimate.std_error
        < independent_difference(a, b).estimate.std_error / 3
    )


def test_identical_outcomes_do_not_differ() -> None:
    found = paired_difference([1.0, 2.0, 3.0], [1.0, 2.0, 3.0])
    assert (found.estimate.value, found.p_value) == (0.0, 1.0)
    assert math.isnan(found.estimate.std_error)
    assert paired_difference([2.0, 3.0], [1.0, 2.0]).p_value == 0.0


def test_pairs_must_match() -> None:
    with pytest.raises(ValueError, match="b: found 1 outcomes, allowed 2"):
        paired_difference([1.0, 2.0], [1.0])
