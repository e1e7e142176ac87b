from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from engine.realism.statistics import STATISTICS, path_statistics


@pytest.fixture(scope="module")
def returns() -> np.ndarray:
    return 0.01 * np.random.default_rng(1).standard_t(4, (3, 600))


def test_moments_are_those_of_scipy(returns):
    found = path_statistics(returns, 252.0)
    assert tuple(found) == STATISTICS
    np.testing.assert_allclose(found["volatility"], returns.std(axis=1) * np.sqrt(252.0))
    np.testing.assert_allclose(found["skewness"], stats.skew(returns, axis=1))
    np.testing.assert_allclose(found["kurtosis"], stats.kurtosis(returns, axis=1, fisher=False))


def test_autocorrelations_are_the_plain_formula(returns):
    found = path_statistics(returns, 252.0)
    x = returns[1] - returns[1].mean()
    expected = (x[1:] @ x[:-1]) / (x @ x)
    assert found["autocorrelation_1"][1] == pytest.approx(expected)
    size = np.abs(returns[2]) - np.abs(returns[2]).mean()
    mean = np.mean([(size[lag:] @ size[:-lag]) / (size @ size) for lag in range(11, 31)])
    assert found["absolute_autocorrelation_20"][2] == pytest.approx(mean)


def test_drawdown_is_of_the_running_peak_from_the_start():
    path = np.log([0.9, 1.2, 0.5, 1.5, *np.ones(60)])
    found = path_statistics(path, 252.0)["max_drawdown"][0]
    # 1 -> 0.9 -> 1.08 -> 0.54: half of the peak is lost
    assert found == pytest.approx(-0.5)


def test_the_tail_index_finds_a_paretos_power():
    draws = np.random.default_rng(2).pareto(3.0, (1, 200_000)) + 1.0
    found = path_statistics(draws, 252.0)["right_tail_index"][0]
    assert found == pytest.approx(3.0, abs=4.0 * 3.0 / np.sqrt(5000))


def test_the_leverage_effect_is_negative_when_falls_raise_volatility():
    rng = np.random.default_rng(3)
    r, sigma = np.empty(4000), 0.01
    for t, z in enumerate(rng.standard_normal(4000)):
        r[t] = sigma * z
        sigma = 0.01 + 0.9 * (sigma - 0.01) - 0.2 * r[t]
        sigma = max(sigma, 0.002)
    assert path_statistics(r, 252.0)["leverage_effect"][0] < -0.1
