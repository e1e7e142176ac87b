"""Resampling a backtest: what it states, what it leaves unsaid, how often its bands are right."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import ArrayLike

from engine.bars import Bars
from engine.errors import Refusal
from engine.resampling import METHODS, resample
from engine.resampling.record import delayed_profits
from engine.sources import GBM
from engine.strategies import Int, Strategy
from engine.strategies.backtest import Backtest, backtest
from engine.studies import Study

DAY = 86_400_000_000
Recorded = Callable[[ArrayLike], Any]


class EveryTenBars(Strategy):
    """Buys every tenth bar, `late` bars late, and sells five bars after it would have."""

    late = Int(0, low=0, high=3)
    age = 0.0

    def on_bar(self, bar, order):
        if self.age % 10.0 == self.late:
            order.market(7)
        if self.age % 10.0 == 5.0:
            order.close()
        self.age += 1.0


def history(count: int = 1_000) -> Bars:
    block = GBM(mu=0.05, sigma=0.2).paths(seeds=[4], steps=count)
    columns = (block.field(name)[0] for name in ("open", "high", "low", "close", "volume"))
    return Bars("X", np.arange(count) * DAY, *columns)


@pytest.fixture(scope="module")
def traded() -> Backtest:
    return backtest(EveryTenBars, history(), execution={"commission": {"rate": 0.001}})


@pytest.mark.parametrize("method", METHODS)
def test_every_method_gives_bands_and_distributions(traded: Backtest, method: str) -> None:
    found = resample(traded, method, draws=500)
    last = found.bands.row(-1, named=True)
    levels = [last[name] for name in ("q05", "q25", "q50", "q75", "q95")]
    assert levels == sorted(levels)
    assert last["observed"] == pytest.approx(traded.metrics["final_equity"], rel=1e-9)
    assert last["time"] is not None
    table = found.statistics()
    assert (table["n"] == 500).all()
    assert table["statistic"].is_unique().all()
    again = resample(traded, method, draws=500)
    assert again.bands.equals(found.bands)
    assert not resample(traded, method, draws=500, seed=1).bands.equals(found.bands)


def test_a_shuffle_says_nothing_of_the_end_and_moves_drawdowns(traded: Backtest) -> None:
    found = resample(traded, "shuffle", draws=500)
    ends = found.statistics().filter(
        pl.col("statistic").str.starts_with("final_equity")
        | (pl.col("statistic") == "loss_probability")
    )
    assert ends["estimate"].null_count() == len(ends) == 6
    assert set(ends["method"]) == {"no order changes it"}
    final, drawdown = found.outcomes[:, 0], found.outcomes[:, 1]
    assert final == pytest.approx(np.full(500, found.observed[0]))
    assert drawdown.std() > 0.0


def test_a_late_fill_is_what_the_strategy_would_have_had_being_late(traded: Backtest) -> None:
    table = delayed_profits(traded, 3)
    assert table[:, 0].tolist() == traded.trades["pnl"].to_list()
    for late in (1, 2, 3):
        truth = backtest(EveryTenBars, history(), {"late": late}).trades["pnl"].to_numpy()
        costs = traded.trades["commission"].to_numpy()
        assert table[:, late] + costs == pytest.approx(truth, abs=1e-9)


def test_a_trade_whose_exit_comes_first_is_missed(traded: Backtest) -> None:
    table = delayed_profits(traded, 8)
    assert (table[:, 5:] == 0.0).all()
    assert (table[:, 4] != 0.0).all()


def test_a_missed_trade_takes_its_share_from_the_mean(traded: Backtest) -> None:
    found = resample(traded, "skip", skip=0.3, compound=False, draws=4_000)
    earned = found.outcomes[:, 0] - found.start
    error = earned.std() / math.sqrt(len(earned))
    assert abs(earned.mean() - 0.7 * traded.trades["pnl"].sum()) < 4.0 * error


def test_a_simulation_of_a_study_is_resampled_as_a_backtest_is() -> None:
    study = Study("s", GBM(), EveryTenBars, seeds=2, steps=300)
    replay = study.run(workers=1).simulation(1)
    found = resample(replay, draws=200)
    assert found.bands["time"].null_count() == len(found.bands)
    assert found.bands.row(-1, named=True)["observed"] == pytest.approx(replay.equity[-1], rel=1e-3)


def test_a_course_may_be_longer_than_the_record(recorded: Recorded) -> None:
    rng = np.random.default_rng(1)
    found = resample(recorded(rng.normal(0.1, 1.0, 30)), steps=400, compound=False, draws=200)
    assert found.bands["step"].max() == 400
    assert found.bands.filter(pl.col("step") > 30)["observed"].null_count() > 0
    assert found.outcomes.shape == (200, 4)


def _ends(recorded: Recorded, runs: int, **options: Any) -> np.ndarray:
    """Bands of the end of `runs` records, whether the next record and the mean are inside."""
    rng = np.random.default_rng(11)
    found = np.empty((runs, 3))
    for run in range(runs):
        # Four of ten trades win 2, the others lose 1, with noise; the mean is 0.2.
        sample, fresh = (
            np.where(rng.random(40) < 0.4, 2.0, -1.0) + rng.normal(0.0, 0.3, 40) for _ in range(2)
        )
        resampled = resample(recorded(sample), compound=False, draws=400, seed=run, **options)
        low, high = resampled.bands.row(-1, named=True)["q05"], resampled.bands["q95"][-1]
        worst = np.quantile(resampled.outcomes[:, 1], 0.05)
        equity = 100.0 + np.cumsum(fresh)
        peak = np.maximum.accumulate(np.concatenate([[100.0], equity]))[1:]
        found[run] = (
            low <= equity[-1] <= high,
            low <= 100.0 + 40 * 0.2 <= high,
            (equity / peak - 1.0).min() < worst,
        )
    return found.mean(axis=0)


def _within(share: float, expected: float, runs: int) -> bool:
    return abs(share - expected) <= 3.0 * math.sqrt(expected * (1.0 - expected) / runs)


@pytest.mark.parametrize("method", [pytest.param("trades", marks=pytest.mark.slow), "parametric"])
def test_bands_of_90_percent_hold_the_next_record_90_percent_of_the_time(
    recorded: Recorded, method: str
) -> None:
    length = {"block_length": 1.0} if method == "trades" else {}
    fresh, _, deeper = _ends(recorded, 500, method=method, **length)
    assert _within(fresh, 0.90, 500), fresh
    assert _within(deeper, 0.05, 500), deeper


@pytest.mark.slow
def test_bands_resampled_once_hold_the_mean_and_the_next_record_only_75_percent(
    recorded: Recorded,
) -> None:
    fresh, mean, _ = _ends(recorded, 500, redraw=False, block_length=1.0)
    assert _within(mean, 0.90, 500), mean
    # 1.645 standard deviations of one record are 1.163 of the difference of two.
    assert _within(fresh, 0.755, 500), fresh


def test_blocks_keep_the_dependence_that_single_returns_lose(recorded: Recorded) -> None:
    rng = np.random.default_rng(3)
    shocks, values = rng.normal(0.0, 1.0, 600), np.zeros(600)
    for t in range(1, 600):
        values[t] = 0.6 * values[t - 1] + shocks[t]
    made = recorded(0.05 * values)
    spread = {
        length: resample(
            made, "returns", compound=False, redraw=False, block_length=length, draws=2_000
        )
        .outcomes[:, 0]
        .std()
        for length in (1.0, 20.0)
    }
    # In the long run the variance is (1 + 0.6) / (1 - 0.6) = 4 times that of single returns.
    assert 1.6 < spread[20.0] / spread[1.0] < 2.1
    assert resample(made, "returns").courses.block_length > 4.0


@pytest.mark.slow
def test_bands_of_dependent_returns_hold_the_next_record_by_blocks_and_not_by_single_ones(
    recorded: Recorded,
) -> None:
    rng = np.random.default_rng(5)

    def returns() -> np.ndarray:
        shocks, values = rng.normal(size=1_050), np.zeros(1_050)
        for t in range(1, 1_050):
            values[t] = 0.6 * values[t - 1] + shocks[t]
        return 0.05 * values[50:]

    runs, held = 300, {None: 0, 1.0: 0}
    for run in range(runs):
        sample, fresh = recorded(returns()), 100.0 + returns().sum()
        for length in held:
            found = resample(
                sample, "returns", compound=False, draws=300, seed=run, block_length=length
            )
            last = found.bands.row(-1, named=True)
            held[length] += last["q05"] <= fresh <= last["q95"]
    # Single returns have a quarter of the long-run variance: 1.645 deviations are 0.822 of it.
    assert _within(held[1.0] / runs, 0.589, runs), held
    # Blocks of finite length have not all of it: 85 % where 90 % are asked.
    assert _within(held[None] / runs, 0.85, runs), held


@pytest.mark.parametrize(
    ("profits", "options", "expected"),
    [
        ([], {}, "trades: found no closed trades, allowed at least 10"),
        ([1.0] * 9, {}, "trades: found 9 closed trades, allowed at least 10"),
        ([1.0] * 12, {"method": "shake"}, "method: found 'shake', allowed trades, returns, "),
        (
            [0.0] * 12,
            {"method": "returns"},
            "equity: the simulation held no position on",
        ),
        ([1.0] * 12, {"skip": 0.1}, "skip: found one for method 'trades', allowed for skip alone"),
        ([1.0] * 12, {"method": "skip", "skip": 1.0}, "skip: found 1.0"),
        ([1.0] * 12, {"method": "delay", "delay": 0}, "delay: found 0"),
        ([1.0] * 12, {"method": "shuffle", "steps": 9}, "steps: found one for method 'shuffle'"),
        ([1.0] * 12, {"steps": 0}, "steps: found 0"),
        ([1.0] * 12, {"block_length": 0.5}, "block_length: found 0.5"),
        ([1.0] * 12, {"draws": 10}, "draws: found 10, allowed at least 100"),
        ([1.0] * 12, {"seed": -1}, "seed: found -1"),
        ([-150.0] + [20.0] * 11, {}, "compound: found an account that had nothing left"),
    ],
)
def test_what_cannot_be_resampled_is_one_sentence(
    recorded: Recorded, profits: list[float], options: dict[str, Any], expected: str
) -> None:
    with pytest.raises(Refusal, match=expected):
        resample(recorded(profits), **options)


def test_a_failed_simulation_is_refused(recorded: Recorded) -> None:
    failed = recorded([1.0] * 12)
    failed.metrics["final_equity"] = None
    with pytest.raises(Refusal, match="simulation: found one that failed"):
        resample(failed)
