"""Probabilistic and deflated Sharpe ratios, shortest records, the expected maximum."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from engine.statistics.sharpe_inference import (
    deflated_sharpe_ratio,
    expected_maximum,
    expected_maximum_sharpe,
    minimum_backtest_length,
    minimum_track_record_length,
    probabilistic_sharpe_ratio,
)


def test_the_deflated_sharpe_ratio_agrees_with_the_paper() -> None:
    # Bailey and López de Prado (2014), numerical example; reference data
    # oracles/deflated_sharpe.json: 100 trials, variance 1/2 a year, 1,250 days of 250 a year.
    sharpe, variance = 2.5 / math.sqrt(250), 0.5 / 250
    paper = {"formula": "paper"}
    assert expected_maximum(100, "paper") == pytest.approx(2.5306028932016846, rel=1e-12)
    found = expected_maximum_sharpe(100, variance, formula="paper")
    assert found == pytest.approx(0.11317200186513214, rel=1e-12)
    trials = {"trials": 100, "variance": variance}
    skewed = deflated_sharpe_ratio(sharpe, 1250, **trials, skew=-3, kurtosis=10, **paper)  # type: ignore[arg-type]
    assert skewed == pytest.approx(0.9003968344493903, rel=1e-12)
    normal = deflated_sharpe_ratio(sharpe, 1250, **trials, **paper)  # type: ignore[arg-type]
    assert normal == pytest.approx(0.9427705859565294, rel=1e-12)
    of_46 = deflated_sharpe_ratio(
        sharpe, 1250, trials=46, variance=variance, skew=-3, kurtosis=10, formula="paper"
    )
    assert of_46 == pytest.approx(0.9505, abs=5e-5)


@pytest.mark.parametrize("n", [2, 3, 5, 10, 100, 5000])
def test_the_expected_maximum_is_exact(n: int) -> None:
    # Closed forms: 1 / sqrt(pi) and 3 / (2 sqrt(pi)); else by the quantile function.
    closed = {2: 1 / math.sqrt(math.pi), 3: 1.5 / math.sqrt(math.pi)}
    u = (np.arange(2_000_000) + 0.5) / 2_000_000
    numeric = stats.norm.ppf(u ** (1 / n)).mean()
    assert expected_maximum(n) == pytest.approx(closed.get(n, numeric), rel=1e-5)
    if n in closed:
        assert expected_maximum(n) == pytest.approx(closed[n], rel=1e-12)


def test_the_expected_maximum_grows_with_effective_trials_that_need_not_be_whole() -> None:
    values = [expected_maximum(n) for n in (1.0, 1.2, 2.0, 2.5, 1e3, 1e9)]
    assert values == sorted(values)
    assert values[0] == 0.0
    with pytest.raises(ValueError, match=r"trials: found 0\.5"):
        expected_maximum(0.5)


def test_one_trial_deflates_nothing() -> None:
    assert deflated_sharpe_ratio(0.1, 100, trials=1, variance=0.5) == pytest.approx(
        probabilistic_sharpe_ratio(0.1, 0.0, 100)
    )


def test_many_ratios_are_taken_at_once() -> None:
    sharpe, n = np.array([0.05, 0.1, -0.02]), np.array([250, 500, 1000])
    found = probabilistic_sharpe_ratio(sharpe, 0.0, n, skew=-0.5, kurtosis=[3.0, 5.0, 4.0])
    for value, ratio, count, kurtosis in zip(found, sharpe, n, (3.0, 5.0, 4.0), strict=True):
        alone = probabilistic_sharpe_ratio(ratio, 0.0, count, skew=-0.5, kurtosis=kurtosis)
        assert value == alone


def test_the_minimum_track_record_reaches_its_confidence() -> None:
    length = minimum_track_record_length(0.1, 0.05, skew=-1, kurtosis=6)
    n = math.ceil(length)
    assert probabilistic_sharpe_ratio(0.1, 0.05, n, skew=-1, kurtosis=6) >= 0.95
    assert probabilistic_sharpe_ratio(0.1, 0.05, n - 1, skew=-1, kurtosis=6) < 0.95
    assert minimum_track_record_length(0.05, 0.05) == math.inf


def test_the_minimum_backtest_is_the_papers() -> None:
    # Bailey et al. (2014): after 45 trials five years are expected to show a Sharpe ratio of 1.
    assert minimum_backtest_length(45, 1.0) == pytest.approx(5.0, abs=0.15)
    assert minimum_backtest_length(45, 2.0) == pytest.approx(minimum_backtest_length(45, 1.0) / 4)
    with pytest.raises(ValueError, match="sharpe: found 0"):
        minimum_backtest_length(10, 0.0)


@pytest.mark.parametrize(("skew", "kurtosis"), [(0.0, 0.0), (2.0, 4.9), (0.0, math.nan), (-3, 9)])
def test_moments_of_no_distribution_are_refused(skew: float, kurtosis: float) -> None:
    with pytest.raises(ValueError, match="allowed moments of a distribution"):
        probabilistic_sharpe_ratio(0.1, 0.0, 100, skew=skew, kurtosis=kurtosis)
    with pytest.raises(ValueError, match="allowed moments of a distribution"):
        deflated_sharpe_ratio(0.1, 100, trials=5, variance=0.1, skew=skew, kurtosis=kurtosis)
    with pytest.raises(ValueError, match="allowed moments of a distribution"):
        minimum_track_record_length(0.1, 0.0, skew=skew, kurtosis=kurtosis)


def test_two_points_lie_on_the_bound_of_what_is_possible() -> None:
    # A coin: skewness 0, kurtosis 1.
    assert 0.5 < probabilistic_sharpe_ratio(0.1, 0.0, 50, kurtosis=1.0) <= 1.0
    with pytest.raises(ValueError, match="n: found 1"):
        probabilistic_sharpe_ratio(0.1, 0.0, 1)


def test_the_probabilistic_sharpe_ratio_is_uniform_without_an_edge() -> None:
    rng = np.random.Generator(np.random.Philox(2))
    returns = rng.standard_t(5, size=(3000, 250))
    mean, deviation = returns.mean(axis=1), returns.std(axis=1, ddof=1)
    z = (returns - mean[:, None]) / returns.std(axis=1)[:, None]
    found = probabilistic_sharpe_ratio(
        mean / deviation, 0.0, 250, skew=(z**3).mean(axis=1), kurtosis=(z**4).mean(axis=1)
    )
    assert stats.kstest(found, "uniform").pvalue > 0.001
