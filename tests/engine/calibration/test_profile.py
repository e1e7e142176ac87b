"""Ends of profile likelihood intervals, where they are known in closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import brentq

from engine.calibration.profile import critical_value, profile_ends

BOUND = np.array([-50.0, -50.0])


def normal_likelihood(x: np.ndarray):
    """Log likelihood of mean and log deviation, with its gradient."""

    def objective(theta: np.ndarray) -> tuple[float, np.ndarray]:
        mean, deviation = theta[0], math.exp(theta[1])
        z = (x - mean) / deviation
        value = -0.5 * float(z @ z) - len(x) * theta[1]
        return value, np.array([z.sum() / deviation, float(z @ z) - len(x)])

    return objective


def test_the_interval_of_a_normal_mean_is_students():
    x = np.array([1.0, 2.0, 4.0, 4.5, 7.0, 3.0, 2.5, 5.5])
    top = np.array([x.mean(), math.log(x.std())])
    low, high = profile_ends(
        normal_likelihood(x), top, 0, BOUND, -BOUND, width=1.0, critical=critical_value(len(x))
    )
    # 97.5 % quantile of Student's law with 7 degrees of freedom, from its table.
    reach = 2.364624 * x.std(ddof=1) / math.sqrt(8)
    assert (low, high) == (
        pytest.approx(x.mean() - reach, abs=0.02 * reach),
        pytest.approx(x.mean() + reach, abs=0.02 * reach),
    )


@pytest.mark.parametrize("width", [0.02, 0.3, 5.0])
def test_the_interval_of_a_deviation_is_where_the_likelihood_falls_by_half_the_critical_value(
    width,
):
    x = np.array([1.0, 2.0, 4.0, 4.5, 7.0, 3.0, 2.5, 5.5])
    top = np.array([x.mean(), math.log(x.std())])
    low, high = profile_ends(
        normal_likelihood(x), top, 1, BOUND, -BOUND, width=width, critical=3.84
    )

    def fall(u: float) -> float:
        ratio = math.exp(-2.0 * u)
        return 8 * (ratio - 1.0 + 2.0 * u) - 3.84

    assert low - top[1] == pytest.approx(brentq(fall, -3.0, -1e-9), rel=0.02)
    assert high - top[1] == pytest.approx(brentq(fall, 1e-9, 3.0), rel=0.02)


def test_an_end_that_is_not_reached_is_the_bound():
    x = np.array([1.0, 2.0, 4.0])
    top = np.array([x.mean(), math.log(x.std())])
    lower = np.array([-50.0, top[1] - 0.05])
    low, _ = profile_ends(normal_likelihood(x), top, 1, lower, -BOUND, width=1.0, critical=3.84)
    assert low == lower[1]


def test_critical_values_are_students_and_in_large_samples_normal():
    # t of 9 and of 1 degrees of freedom: 2.262157, 12.7062
    assert critical_value(10) == pytest.approx(10 * math.log(1 + 2.262157**2 / 9), rel=1e-6)
    assert critical_value(2) == critical_value(0.1) == pytest.approx(10.18, abs=0.01)
    assert critical_value(math.inf) == pytest.approx(1.959964**2, rel=1e-6)
