"""Ratios pooled over paths."""

from __future__ import annotations

import math

import numpy as np
import pytest

from engine.statistics import performance
from engine.statistics.estimates import Method
from engine.statistics.layout import Layout
from engine.statistics.path_sums import growth_of, pnl_parts, return_sums, trade_sums
from engine.statistics.pooled import POOLED, pooled, quotient

Sums = dict[str, np.ndarray]


def returns(seed: int, paths: int, bars: int) -> np.ndarray:
    return np.random.Generator(np.random.Philox(seed)).normal(0.0005, 0.01, size=(paths, bars))


def sums_of(changes: np.ndarray, benchmark: np.ndarray | None = None) -> Sums:
    equity = 100.0 * np.cumprod(1.0 + changes, axis=-1)
    return return_sums(equity, 100.0, changes.shape[-1] / 252.0, benchmark)


def test_the_ratios_of_one_path_are_those_of_the_metrics() -> None:
    changes = returns(1, 1, 250)
    found = sums_of(changes)
    assert pooled("sharpe", found).value[0] == pytest.approx(
        performance.sharpe_ratio(changes[0], 252.0), rel=1e-12
    )
    assert pooled("sortino", found).value[0] == pytest.approx(
        performance.sortino_ratio(changes[0], 252.0), rel=1e-12
    )
    assert pooled("sharpe", found).estimates()[0].method == Method.ONE_HISTORY


def test_ratios_are_those_of_all_returns_together() -> None:
    changes, benchmark = returns(2, 30, 40), returns(3, 30, 40)
    found = sums_of(changes, benchmark)
    flat, other = changes.ravel(), benchmark.ravel()
    excess = flat - other
    beta = np.cov(flat, other)[0, 1] / other.var(ddof=1)
    expected = {
        "sharpe": performance.sharpe_ratio(flat, 252.0),
        "sortino": performance.sortino_ratio(flat, 252.0),
        "omega": flat[flat > 0].sum() / -flat[flat < 0].sum(),
        "information_ratio": performance.sharpe_ratio(excess, 252.0),
        "beta": beta,
        "alpha": 252.0 * (flat.mean() - beta * other.mean()),
    }
    for name, value in expected.items():
        assert pooled(name, found).value[0] == pytest.approx(value, rel=1e-9), name


def test_trade_ratios_are_those_of_all_trades_together() -> None:
    rng = np.random.Generator(np.random.Philox(4))
    pnl, path = rng.normal(0.3, 2.0, 200), rng.integers(0, 50, 200)
    found = trade_sums(pnl, path, 60)
    profit, loss = pnl[pnl > 0], -pnl[pnl < 0]
    expected = {
        "profit_factor": profit.sum() / loss.sum(),
        "expectancy": pnl.mean(),
        "payoff": profit.mean() / loss.mean(),
        "win_rate": (pnl > 0).mean(),
        "average_win": profit.mean(),
        "average_loss": loss.mean(),
        "sqn": math.sqrt(200 / 60) * pnl.mean() / pnl.std(ddof=1),
    }
    for name, value in expected.items():
        assert pooled(name, found).value[0] == pytest.approx(value, rel=1e-12), name


@pytest.mark.parametrize("name", POOLED)
def test_derivatives_are_those_of_differences(name: str) -> None:
    ratio = POOLED[name]
    rng = np.random.Generator(np.random.Philox(5))
    means = {column: rng.uniform(1.0, 2.0, 3) for column in ratio.columns}
    for column in ("return_squares", "benchmark_squares", "trade_squares", "return_sum_squares"):
        if column in means:
            means[column] = 9.0 * means[column]
    units = np.full(3, 1e12)
    _, slopes = ratio.function(means, units)
    for column in ratio.columns:
        step = 1e-6
        up, down = dict(means), dict(means)
        up[column], down[column] = means[column] + step, means[column] - step
        numeric = (ratio.function(up, units)[0] - ratio.function(down, units)[0]) / (2 * step)
        np.testing.assert_allclose(slopes[column], numeric, rtol=1e-6, atol=1e-7)


def test_the_error_is_the_spread_over_repetitions() -> None:
    rng = np.random.Generator(np.random.Philox(6))
    changes = rng.normal(0.0005, 0.01, size=(2000, 50, 21))
    # Half of the paths are idle.
    changes *= (rng.random((2000, 50)) < 0.5)[..., None]
    linear = pooled("sharpe", sums_of(changes))
    spread = linear.value.std(ddof=1)
    # A standard deviation of 2,000 is known to 1.6 %.
    assert np.sqrt(linear.variances().mean()) == pytest.approx(spread, rel=0.07)


def test_idle_paths_add_zeros_and_their_share_is_told() -> None:
    changes = returns(7, 40, 21)
    changes[10:] = 0.0
    found = pooled("sharpe", sums_of(changes), idle=(changes == 0).all(axis=1)).estimates()[0]
    assert found.value == pytest.approx(performance.sharpe_ratio(changes.ravel(), 252.0))
    assert (found.idle, found.n) == (0.75, 40)


def test_a_ratio_that_rests_on_three_paths_has_no_interval() -> None:
    changes = returns(8, 400, 21)
    changes[3:] = 0.0
    found = pooled("sharpe", sums_of(changes)).estimates()[0]
    assert found.method == Method.TOO_FEW
    assert math.isnan(found.std_error)
    assert not math.isnan(found.value)


def test_what_has_no_denominator_is_undefined() -> None:
    sums = sums_of(np.zeros((30, 21)))
    for name in ("sharpe", "sortino", "omega"):
        assert pooled(name, sums).estimates()[0].method == Method.UNDEFINED, name
    gains = pnl_parts(np.arange(30.0))
    assert pooled("gain_to_loss", gains).estimates()[0].method == Method.UNDEFINED
    steady = sums_of(np.full((30, 21), 0.001))
    assert pooled("sharpe", steady).estimates()[0].method == Method.UNDEFINED


def test_antithetic_pairs_count_once() -> None:
    changes = returns(9, 200, 21)
    sums = {name: np.concatenate([column, column]) for name, column in sums_of(changes).items()}
    pairs = Layout.of(np.zeros(400, dtype=int), np.tile(np.arange(200), 2))
    once = pooled("sharpe", sums_of(changes)).estimates()[0]
    again = pooled("sharpe", sums, pairs).estimates()[0]
    # The number of returns enters the variance with ddof 1.
    assert again.value == pytest.approx(once.value, rel=1e-3)
    assert again.std_error == pytest.approx(once.std_error, rel=1e-3)


def test_the_ratio_by_path_sees_what_returns_share_within_one() -> None:
    rng = np.random.Generator(np.random.Philox(10))
    noise = rng.normal(0.0, 0.01, size=(4000, 84))
    trending = np.empty_like(noise)
    trending[:, 0] = noise[:, 0]
    for bar in range(1, 84):
        trending[:, bar] = 0.3 * trending[:, bar - 1] + noise[:, bar]
    sums = sums_of(trending + 0.001)
    by_path, plain = pooled("sharpe_by_path", sums), pooled("sharpe", sums)
    # Variance of a sum of AR(1) over that of as many independent ones: (1 + rho) / (1 - rho).
    expected = math.sqrt((1 - 0.3) / (1 + 0.3))
    assert by_path.value[0] / plain.value[0] == pytest.approx(expected, rel=0.05)


def test_ruin_counts_and_nothing_is_earned_after_it() -> None:
    found = return_sums([[50.0, -10.0, -20.0, 30.0]], 100.0, 1.0)
    # -50 %, then -120 % takes the last; the bars after it are 0.
    assert found["return_sum"][0] == pytest.approx(-0.5 - 1.2)
    assert found["return_squares"][0] == pytest.approx(0.25 + 1.44)
    assert found["bars"][0] == 4.0
    assert growth_of([-5.0, 0.0, 121.0], 100.0, 2.0).tolist() == pytest.approx([-1.0, -1.0, 0.1])


def test_growth_over_depth_is_the_calmar_ratio_of_a_set() -> None:
    sums = {
        "growth": [0.2, 0.1, 0.0, -0.05, 0.3, 0.1],
        "drawdown_depth": [0.1, 0.2, 0, 0.3, 0.2, 0.1],
    }
    assert pooled("calmar", sums).value[0] == pytest.approx(np.mean(sums["growth"]) / 0.15)


def test_a_column_that_is_missing_or_not_finite_is_named() -> None:
    with pytest.raises(ValueError, match="found no column return_squares"):
        pooled("sharpe", {"bars": [1.0], "years": [1.0], "return_sum": [0.1]})
    with pytest.raises(ValueError, match=r"sums\['gain'\]: found a value that is not finite"):
        pooled("gain_to_loss", {"gain": [math.nan, 1.0], "loss": [1.0, 0.0]})
    with pytest.raises(ValueError, match="ratio: found 'sharp', allowed sharpe"):
        pooled("sharp", {})
    with pytest.raises(ValueError, match="pnl: found nan"):
        trade_sums([math.nan], [0], 1)


def test_a_quotient_of_gains_and_losses_is_symmetric_in_the_logarithm() -> None:
    generator = np.random.Generator(np.random.Philox(3))
    gain, loss = generator.exponential(size=(2, 80))
    found = quotient(gain, loss).estimates()[0]
    assert found.value == pytest.approx(gain.mean() / loss.mean())
    assert found.low * found.high == pytest.approx(found.value**2)
    signed = quotient(gain - 1.0, loss).estimates()[0]
    assert signed.high - signed.value == pytest.approx(signed.value - signed.low)


def test_a_quotient_without_spread_claims_no_error() -> None:
    found = quotient([2.0, 4.0, 6.0, 8.0, 10.0], [1.0, 2.0, 3.0, 4.0, 5.0]).estimates()[0]
    assert (found.value, found.method) == (2.0, Method.NO_VARIANCE)
    assert math.isnan(found.std_error)
    assert quotient([1.0, 2.0], [0.0, 0.0]).estimates()[0].method == Method.UNDEFINED
