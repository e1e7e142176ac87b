from __future__ import annotations

import math

import numpy as np
import pytest

from engine.sources import Schwartz2F, SchwartzSmith


def _check_moment(sample: np.ndarray, expected: float) -> None:
    assert abs(sample.mean() - expected) < 4 * sample.std() / math.sqrt(sample.size)


def test_schwartz_smith_paths_have_the_moments_of_their_factors():
    source = SchwartzSmith(kappa=2.0, mu_xi=0.05, chi0=0.2, sigma_chi=0.3, sigma_xi=0.2, rho=-0.4)
    block = source.paths(seeds=range(100_000), s0=50.0, steps=2, dt=0.5, bars="close")
    chi = (block.field("convenience_yield")[:, -1] - source.to_schwartz_2f().alpha) / 2.0
    xi = np.log(block.close[:, -1]) - chi
    decay = math.exp(-2.0)
    _check_moment(chi, 0.2 * decay)
    _check_moment((chi - 0.2 * decay) ** 2, 0.09 * (1 - math.exp(-4.0)) / 4)
    _check_moment(xi, math.log(50.0) - 0.2 + 0.05)
    _check_moment((xi - xi.mean()) ** 2, 0.04)
    covariance = (chi - chi.mean()) * (xi - xi.mean())
    _check_moment(covariance, -0.4 * 0.3 * 0.2 * (1 - decay) / 2.0)


def test_both_forms_price_the_same_futures():
    source = Schwartz2F(kappa=1.5, alpha=0.08, delta0=0.15, lambda_=0.2, r=0.05)
    short = SchwartzSmith.from_schwartz_2f(source)
    chi = short.chi0
    maturity = np.array([0.0, 0.1, 1.0, 4.0])
    assert short.futures(chi, math.log(70.0) - chi, maturity) == pytest.approx(
        source.futures(70.0, 0.15, maturity), rel=1e-12
    )


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="sigma_xi: found -1, allowed >= 0"):
        SchwartzSmith(sigma_xi=-1)
    with pytest.raises(ValueError, match=r"kappa: found 0.0, allowed > 0"):
        SchwartzSmith(kappa=0.0)
