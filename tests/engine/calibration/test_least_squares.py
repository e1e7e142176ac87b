from __future__ import annotations

import numpy as np
from scipy.optimize import least_squares

from engine.calibration.least_squares import levenberg_marquardt


def rosenbrock(x):
    residuals = np.array([10.0 * (x[1] - x[0] ** 2), 1.0 - x[0]])
    return residuals, np.array([[-20.0 * x[0], 10.0], [-1.0, 0.0]])


def test_the_bottom_of_a_curved_valley_is_found():
    wide = np.full(2, 10.0)
    found = levenberg_marquardt(rosenbrock, np.array([-1.2, 1.0]), -wide, wide)
    assert found.converged
    np.testing.assert_allclose(found.x, 1.0, atol=1e-6)
    assert found.cost < 1e-12


def test_a_minimum_on_a_bound_is_that_of_scipy():
    lower, upper = np.array([-2.0, -1.0]), np.array([0.5, 3.0])
    for start in ([-1.2, 1.0], [0.4, -0.9], [-2.0, 3.0]):
        found = levenberg_marquardt(rosenbrock, np.array(start), lower, upper)
        peer = least_squares(lambda x: rosenbrock(x)[0], start, bounds=(lower, upper), xtol=1e-12)
        np.testing.assert_allclose(found.x, peer.x, atol=1e-5)
        assert found.cost <= peer.cost * (1.0 + 1e-8)
        assert found.converged


def test_too_few_steps_do_not_converge():
    wide = np.full(2, 10.0)
    found = levenberg_marquardt(rosenbrock, np.array([-1.2, 1.0]), -wide, wide, steps=4)
    assert not found.converged
