"""The Sharpe ratio of one history with its error."""

from __future__ import annotations

import math

import numpy as np
import pytest

from engine.statistics import performance
from engine.statistics.autocorrelation import autocorrelated_sharpe, lag_count, lag_weights
from engine.statistics.estimates import Method
from engine.statistics.path_sums import return_sums
from engine.statistics.pooled import pooled


def trending(seed: int, histories: int, bars: int, rho: float) -> np.ndarray:
    rng = np.random.Generator(np.random.Philox(seed))
    noise = rng.normal(size=(histories, bars)) * math.sqrt(1 - rho**2)
    found = np.empty_like(noise)
    found[:, 0] = rng.normal(size=histories)
    for bar in range(1, bars):
        found[:, bar] = rho * found[:, bar - 1] + noise[:, bar]
    return 0.0004 + 0.01 * found


def test_the_plain_ratio_is_that_of_the_metrics() -> None:
    returns = trending(1, 3, 300, 0.0)
    found = autocorrelated_sharpe(returns, 252.0).plain
    for value, row in zip(found.value, returns, strict=True):
        assert value == pytest.approx(performance.sharpe_ratio(row, 252.0), rel=1e-12)
    assert set(found.method) == {Method.LONG_RUN.value}


def test_the_factor_is_los_of_a_first_order_process() -> None:
    # Lo (2002), eq. 20: eta(q) = q / sqrt(q + 2 sum (q - k) rho^k), here over sqrt(q).
    rho, year = 0.3, 252.0
    lags = np.arange(1, 252)
    exact = math.sqrt(year / (year + 2 * ((year - lags) * rho**lags).sum()))
    found = autocorrelated_sharpe(trending(2, 40, 5000, rho), year, lags=60)
    assert found.factor.mean() == pytest.approx(exact, rel=0.03)
    assert found.corrected.value == pytest.approx(found.plain.value * found.factor)
    # By hand for two lags of one history.
    row = trending(3, 1, 200, rho)[0]
    z = (row - row.mean()) / row.std(ddof=1)
    one, two = (z[1:] @ z[:-1]) / 200, (z[2:] @ z[:-2]) / 200
    expected = 12 / math.sqrt(12 + 2 * (2 / 3 * 11 * one + 1 / 3 * 10 * two)) / math.sqrt(12)
    assert autocorrelated_sharpe(row, 12.0, lags=2).factor[0] == pytest.approx(expected)


@pytest.mark.parametrize("rho", [0.0, 0.3])
def test_the_interval_holds_the_ratio_of_the_law(rho: float) -> None:
    found = autocorrelated_sharpe(trending(4, 1500, 1000, rho), 252.0).plain
    truth = 0.04 * math.sqrt(252.0)
    held = ((found.low <= truth) & (truth <= found.high)).mean()
    # Bartlett's weights leave out a little of a slowly dying dependence.
    assert 0.92 <= held <= 0.97


def test_returns_that_do_not_vary_have_no_ratio() -> None:
    found = autocorrelated_sharpe(np.full(50, 0.001), 252.0)
    assert found.plain[0].method == Method.UNDEFINED
    assert math.isnan(found.corrected.value[0])


def test_what_is_not_allowed_is_refused() -> None:
    with pytest.raises(ValueError, match="returns: found shape"):
        autocorrelated_sharpe(np.zeros(5), 252.0)
    with pytest.raises(ValueError, match="lags"):
        autocorrelated_sharpe(np.arange(20.0), 252.0, lags=20)


def test_the_pooled_ratio_of_one_long_path_is_that_of_the_history() -> None:
    rng = np.random.Generator(np.random.Philox(21))
    noise = rng.normal(0.0005, 0.01, 20_000)
    r = noise.copy()
    for t in range(1, len(r)):
        r[t] = noise[t] + 0.3 * r[t - 1]
    q, lags = 252.0, lag_count(len(r))
    weights = lag_weights(lags, q)
    products = np.array([r[k:] @ r[:-k] for k in range(1, lags + 1)])
    sums = {
        "bars": [float(len(r))],
        "years": [len(r) / q],
        "return_sum": [r.sum()],
        "return_squares": [r @ r],
        "lagged_products": [weights @ products],
        "lag_weight": [weights @ (len(r) - np.arange(1, lags + 1))],
    }
    whole = autocorrelated_sharpe(r, q).corrected.value[0]
    assert pooled("sharpe_autocorrelated", sums).value[0] == pytest.approx(whole, rel=1e-3)


def test_the_pooled_ratio_is_the_plain_one_where_returns_are_independent() -> None:
    rng = np.random.Generator(np.random.Philox(22))
    r = rng.normal(0.0004, 0.01, (400, 252))
    weights = lag_weights(lag_count(252), 252.0)
    sums = return_sums(100.0 * np.cumprod(1.0 + r, axis=1), 100.0, 1.0)
    sums["lagged_products"] = sum(
        w * (r[:, k:] * r[:, :-k]).sum(axis=1) for k, w in enumerate(weights, 1)
    )
    sums["lag_weight"] = np.full(400, weights @ (252.0 - np.arange(1, len(weights) + 1)))
    plain = pooled("sharpe", sums).estimates()[0]
    corrected = pooled("sharpe_autocorrelated", sums).estimates()[0]
    assert corrected.value == pytest.approx(plain.value, abs=plain.std_error)
    assert corrected.std_error == pytest.approx(plain.std_error, rel=0.1)
