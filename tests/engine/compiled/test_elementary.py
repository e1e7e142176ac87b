from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import special

from engine.compiled import coefficients, elementary, exact, kernel
from engine.compiled.fit_polynomials import fit_all


@kernel
def _evaluate(x: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    for i in range(x.size):
        out[0, i] = elementary.exp(x[i])
        out[1, i] = elementary.normal_cdf(x[i])
        out[2, i] = elementary.normal_pdf(x[i])
        positive = abs(x[i]) + 1e-300
        out[3, i] = elementary.log(positive)
        out[4, i] = elementary.log_fast(positive)
        p = (i + 0.5) / x.size
        out[5, i] = elementary.normal_ppf(p)
        angle = (p - 0.5) * (math.pi / 2)
        sine, cosine = elementary.sincos_fast(angle)
        out[6, i] = sine
        out[7, i] = cosine


@pytest.fixture(scope="module")
def values() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    x = np.concatenate([np.linspace(-38, 38, 20001), np.linspace(-1e-3, 1e-3, 2001)])
    out = np.empty((8, x.size))
    _evaluate(x, out)
    return x, out


def test_exp_and_log_are_good_to_two_units_in_the_last_place(values):
    x, out = values
    np.testing.assert_allclose(out[0], np.exp(x), rtol=4.5e-16)
    np.testing.assert_allclose(out[3], np.log(np.abs(x) + 1e-300), rtol=9e-16)


def test_exp_stays_finite_beyond_the_range_of_doubles():
    x = np.array([-1e6, 1e6])
    out = np.empty((8, 2))
    _evaluate(x, out)
    assert 0.0 < out[0, 0] < 1e-299
    assert 1e299 < out[0, 1] < math.inf


def test_normal_distribution_functions_agree_with_scipy(values):
    x, out = values
    np.testing.assert_allclose(out[1], special.ndtr(x), rtol=2e-8, atol=4e-16)
    np.testing.assert_allclose(
        out[2], np.exp(-x * x / 2) / math.sqrt(2 * math.pi), rtol=1e-12, atol=1e-298
    )
    p = (np.arange(x.size) + 0.5) / x.size
    np.testing.assert_allclose(out[5], special.ndtri(p), rtol=4e-15, atol=1e-15)


def test_fast_variants_are_good_to_two_in_1e11(values):
    x, out = values
    np.testing.assert_allclose(out[4], np.log(np.abs(x) + 1e-300), rtol=0, atol=2e-11)
    angle = ((np.arange(x.size) + 0.5) / x.size - 0.5) * (math.pi / 2)
    np.testing.assert_allclose(out[6], np.sin(angle), rtol=0, atol=2e-11)
    np.testing.assert_allclose(out[7], np.cos(angle), rtol=0, atol=2e-11)


def test_committed_coefficients_are_those_of_the_fit():
    for name, fitted in fit_all().items():
        assert getattr(coefficients, name) == fitted


@pytest.mark.parametrize("x", [-30.0, -1e-9, 0.0, 1e-9, 0.3, 5.0])
def test_set_up_constants_are_correctly_rounded(x):
    assert exact.exp(x) == pytest.approx(math.exp(x), rel=3e-16)
    assert exact.expm1(x) == pytest.approx(math.expm1(x), rel=3e-16)
    assert exact.log(abs(x) + 1e-5) == pytest.approx(math.log(abs(x) + 1e-5), rel=3e-16)
