"""Probability of backtest overfitting."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.statistics import overfitting
from engine.statistics.overfitting import probability_of_backtest_overfitting


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


def test_a_return_that_is_none_is_refused_by_its_place() -> None:
    returns = np.zeros((40, 3))
    returns[7, 2] = np.nan
    with pytest.raises(ValueError, match="found nan in period 7 of strategy 2"):
        probability_of_backtest_overfitting(returns, splits=4)


def test_what_degrades_has_a_falling_line() -> None:
    # Each strategy is best in one block and worst in the next: good in sample is bad out of it.
    returns = np.tile(np.random.Generator(np.random.Philox(3)).normal(size=(10, 6)), (8, 1))
    sign = np.repeat([1.0, -1.0], 40)[:, None]
    found = probability_of_backtest_overfitting(sign * returns, splits=8)
    assert found.slope == pytest.approx(-1.0, abs=0.05)
    np.testing.assert_allclose(found.out_of_sample, -found.in_sample, atol=1e-9)


def test_every_split_is_that_of_its_own_periods_however_many_are_made_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    x = np.random.default_rng(5).normal(size=(23, 3))
    x[:, 1] = 0.0
    blocks = np.array_split(np.arange(23), 6)
    found = probability_of_backtest_overfitting(x, splits=6)

    def ratios(numbers: Iterable[int]) -> NDArray[np.float64]:
        part = x[np.concatenate([blocks[number] for number in numbers])]
        spread = part.std(axis=0, ddof=1)
        return np.where(
            spread == 0.0, 0.0, part.mean(axis=0) / np.where(spread == 0.0, 1.0, spread)
        )

    for split, picked in enumerate(itertools.combinations(range(6), 3)):
        own, other = ratios(picked), ratios(set(range(6)) - set(picked))
        best = int(own.argmax())
        assert found.chosen[split] == best
        assert found.in_sample[split] == pytest.approx(own[best], rel=1e-9)
        assert found.out_of_sample[split] == pytest.approx(other[best], rel=1e-9)
        rank = ((other < other[best]).sum() + 1) / 4
        assert found.logits[split] == pytest.approx(math.log(rank / (1 - rank)))
    for together in (1, 7):
        monkeypatch.setattr(overfitting, "_AT_ONCE", 3 * together)
        again = probability_of_backtest_overfitting(x, splits=6)
        for name in ("chosen", "in_sample", "out_of_sample", "logits"):
            assert getattr(again, name).tobytes() == getattr(found, name).tobytes()
