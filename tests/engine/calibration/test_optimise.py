from __future__ import annotations

import numpy as np
import pytest

from engine.calibration.optimise import covariance_of, maximise
from engine.calibration.transforms import Transforms

WIDE = np.full(2, 10.0)


def quadratic(theta):
    precision = np.array([[4.0, 1.0], [1.0, 2.0]])
    error = theta - np.array([1.0, -2.0])
    return -0.5 * error @ precision @ error, -precision @ error


def banana(theta):
    x, y = theta
    value = -((1.0 - x) ** 2) - 100.0 * (y - x * x) ** 2
    gradient = [2.0 * (1.0 - x) + 400.0 * x * (y - x * x), -200.0 * (y - x * x)]
    return value, np.array(gradient)


def two_hills(theta):
    x = theta[0]
    low, high = np.exp(-0.5 * (x + 3.0) ** 2), 2.0 * np.exp(-0.5 * (x - 3.0) ** 2)
    slope = -(x + 3.0) * low - (x - 3.0) * high
    return float(np.log(low + high)), np.array([slope / (low + high)])


def test_a_normal_likelihood_gives_its_covariance():
    found = maximise(quadratic, [np.zeros(2)], -WIDE, WIDE)
    np.testing.assert_allclose(found.theta, [1.0, -2.0], atol=1e-3)
    expected = np.linalg.inv([[4.0, 1.0], [1.0, 2.0]])
    np.testing.assert_allclose(covariance_of(found), expected, rtol=1e-6)
    assert found.converged
    doubled = covariance_of(found, np.array([[2.0, 0.0]]))
    assert doubled[0, 0] == pytest.approx(4.0 * expected[0, 0])


def test_a_bent_valley_is_followed_to_its_end():
    found = maximise(banana, [np.array([-1.2, 1.0])], -WIDE, WIDE, iterations=100)
    np.testing.assert_allclose(found.theta, 1.0, atol=1e-4)


def test_the_higher_of_two_hills_is_returned_whatever_the_order_of_the_starts():
    wide = np.array([10.0])
    for starts in ([-4.0, 4.0], [4.0, -4.0]):
        found = maximise(two_hills, [np.array([s]) for s in starts], -wide, wide)
        assert found.theta[0] == pytest.approx(3.0, abs=1e-3)
        assert found.report(["x"])["starts_at_optimum"] == 1


def test_a_parameter_on_its_bound_counts_as_known():
    upper = np.array([0.5, 10.0])
    found = maximise(quadratic, [np.zeros(2)], -WIDE, upper)
    assert found.theta[0] == 0.5
    assert found.theta[1] == pytest.approx(-1.75, abs=1e-4)
    covariance = covariance_of(found)
    assert covariance[0, 0] == 0.0
    assert covariance[1, 1] == pytest.approx(0.5)
    report = found.report(["first", "second"])
    assert report["at_bound"] == 1
    assert report["held_by_bound"] == ["first"]


def test_a_flat_direction_has_no_error_and_leaves_the_others_theirs():
    def flat(theta):
        return -0.5 * theta[0] ** 2, np.array([-theta[0], 0.0])

    found = maximise(flat, [np.ones(2)], -WIDE, WIDE)
    assert not found.converged
    assert np.isnan(covariance_of(found)[1, 1])


def test_no_finite_start_is_refused():
    with pytest.raises(ValueError, match="likelihood: is finite at no start; look at the data"):
        maximise(lambda theta: (np.nan, theta), [np.zeros(2)], -WIDE, WIDE)


def test_transforms_go_there_and_back_with_the_right_slope():
    transforms = Transforms(("log", "atanh", "logit", "linear"))
    natural = np.array([0.3, -0.6, 0.9, -4.0])
    theta = transforms.to_theta(natural)
    np.testing.assert_allclose(transforms.to_natural(theta), natural)
    step = 1e-6
    slope = (transforms.to_natural(theta + step) - transforms.to_natural(theta - step)) / 2e-6
    np.testing.assert_allclose(transforms.slope(natural), slope, rtol=1e-8)
