"""Deflated Sharpe ratio and probability of backtest overfitting."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from engine.statistics.overfitting import (
    deflated_sharpe_ratio,
    expected_maximum_sharpe,
    minimum_track_record_length,
    probabilistic_sharpe_ratio,
    probability_of_backtest_overfitting,
)


def test_the_deflated_sharpe_ratio_agrees_with_the_paper() -> None:
    # Bailey and López de Prado (2014), numerical example; reference data
    # oracles/deflated_sharpe.json: 100 trials, variance 1/2 a year, 1,250 days of 250 a year.
    sharpe, variance = 2.5 / math.sqrt(250), 0.5 / 250
    assert expected_maximum_sharpe(100, 1.0) == pytest.approx(2.5306028932016846, rel=1e-12)
    assert expected_maximum_sharpe(100, variance) == pytest.approx(0.11317200186513214, rel=1e-12)
    found = deflated_sharpe_ratio(sharpe, 1250, trials=100, variance=variance, skew=-3, kurtosis=10)
    assert found == pytest.approx(0.9003968344493903, rel=1e-12)
    normal = deflated_sharpe_ratio(sharpe, 1250, trials=100, variance=variance)
    assert normal == pytest.approx(0.9427705859565294, rel=1e-12)
    of_46 = deflated_sharpe_ratio(sharpe, 1250, trials=46, variance=variance, skew=-3, kurtosis=10)
    assert of_46 == pytest.approx(0.9505, abs=5e-5)


def test_one_trial_deflates_nothing() -> None:
    assert deflated_sharpe_ratio(0.1, 100, trials=1, variance=0.5) == pytest.approx(
        probabilistic_sharpe_ratio(0.1, 0.0, 100)
    )


def test_the_expected_maximum_is_that_of_simulated_normals() -> None:
    draws = np.random.Generator(np.random.Philox(3)).normal(size=(4000, 50)).max(axis=1)
    # The formula is asymptotic in the number of trials: one percent off at 50.
    assert expected_maximum_sharpe(50, 1.0) == pytest.approx(draws.mean(), rel=0.02)


def test_the_minimum_track_record_reaches_its_confidence() -> None:
    length = minimum_track_record_length(0.1, 0.05, skew=-1, kurtosis=6)
    n = math.ceil(length)
    assert probabilistic_sharpe_ratio(0.1, 0.05, n, skew=-1, kurtosis=6) >= 0.95
    assert probabilistic_sharpe_ratio(0.1, 0.05, n - 1, skew=-1, kurtosis=6) < 0.95
    assert minimum_track_record_length(0.05, 0.05) == math.inf


def test_the_probability_of_backtest_overfitting_agrees_with_the_oracle(reference: Path) -> None:
    folder = reference / "oracles"
    oracle = json.loads((folder / "pbo.json").read_text())["r_seed852_s4_rf_0.03_252"]
    returns = np.loadtxt(folder / "pbo_r_seed852_n40_t200.csv", delimiter=",", skiprows=1)
    found = probability_of_backtest_overfitting(returns, splits=4, risk_free=0.03 / 252)
    assert found.probability == oracle["pbo_rank_over_Nplus1_le0"]
    assert found.loss_probability == oracle["prob_oos_loss"]
    assert found.slope == pytest.approx(oracle["degradation_slope"], rel=1e-9)
    assert found.intercept == pytest.approx(oracle["degradation_intercept"], rel=1e-9)
    assert found.in_sample.mean() == pytest.approx(oracle["mean_is"], rel=1e-9)
    assert found.out_of_sample.mean() == pytest.approx(oracle["mean_oos"], rel=1e-9)
    np.testing.assert_allclose(found.logits, oracle["first8_logits_paper"], rtol=1e-12)
    assert float(np.median(found.logits)) == pytest.approx(oracle["median_logit_paper"])
    counts = {str(k): int((found.chosen == k).sum()) for k in set(found.chosen.tolist())}
    assert counts == oracle["selected_counts"]


def test_noise_overfits_half_the_time_and_skill_never() -> None:
    noise = np.random.Generator(np.random.Philox(1)).normal(size=(480, 20))
    pure = probability_of_backtest_overfitting(noise, splits=8)
    assert 0.15 < pure.probability < 0.95
    noise[:, 4] += 1.0
    skilled = probability_of_backtest_overfitting(noise, splits=8)
    assert skilled.probability == 0.0
    assert set(skilled.chosen.tolist()) == {4}


def test_a_strategy_that_never_trades_counts_as_zero() -> None:
    returns = np.random.Generator(np.random.Philox(2)).normal(-1, 1, size=(40, 3))
    returns[:, 1] = 0.0
    found = probability_of_backtest_overfitting(returns, splits=4)
    assert set(found.chosen.tolist()) == {1}
    assert found.loss_probability == 0.0


@pytest.mark.parametrize(
    ("shape", "splits", "expected"),
    [((10, 1), 2, "returns"), ((10, 3), 3, "splits"), ((10, 3), 8, "splits"), ((99, 3), 40, "20")],
)
def test_what_cannot_be_split_is_refused(
    shape: tuple[int, int], splits: int, expected: str
) -> None:
    with pytest.raises(ValueError, match=expected):
        probability_of_backtest_overfitting(np.zeros(shape), splits=splits)
