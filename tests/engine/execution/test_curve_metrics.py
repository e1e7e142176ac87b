"""Metrics of the equity curve and of the benchmark, defined anew on plain arrays."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
import pytest

from engine.bars import Bars
from engine.jobs.replay import Replay
from engine.results import Results
from engine.sources import GBM, Historical
from engine.statistics.autocorrelation import lag_count, lag_weights
from engine.statistics.drawdown import summarise_drawdowns
from engine.statistics.path_sums import return_sums
from engine.strategies import Strategy
from engine.strategies.hook_arguments import Bar, Order
from engine.studies import Study

CASH = 100_000.0
GROUPS = ["bar_trading", "equity_curve", "benchmark"]


@cache
def results(steps: int, rate: float = 0.0, sigma: float = 0.2) -> Results:
    return Study(
        "curves",
        GBM(sigma=sigma),
        "sma_crossover",
        {"fast": 2, "slow": [3, 9]},
        seeds=4,
        steps=steps,
        record={"metrics": GROUPS},
        execution={"risk_free_rate": rate, "cash": CASH},
    ).run()


def check(replay: Replay, bars_per_year: float, rate: float = 0.0) -> None:
    """Compare a simulation's metrics with plain formulas on its equity and its bars."""
    equity, m = replay.equity, replay.metrics
    bars = len(equity)
    drawn = summarise_drawdowns(equity, CASH)
    expected = {
        "peak_equity": max(equity.max(), CASH),
        "lowest_equity": min(equity.min(), CASH),
        "ulcer_index": drawn.ulcer,
        "conditional_drawdown": drawn.conditional,
        "time_under_water": drawn.under_water,
    }
    free = rate / bars_per_year
    before = np.concatenate([[CASH], equity[:-1]])
    alive = np.minimum.accumulate(before) > 0.0
    returns = np.where(alive, equity / np.where(alive, before, 1.0) - 1.0 - free, 0.0)
    weights = lag_weights(lag_count(bars), bars_per_year)
    expected["lagged_products"] = sum(
        weight * (returns[lag:] @ returns[:-lag]) for lag, weight in enumerate(weights, 1)
    )
    prices = replay.bars.filter(replay.bars["bar"] >= 0)
    held = prices["close"].to_numpy() / prices["open"][0]
    market = held / np.concatenate([[1.0], held[:-1]]) - 1.0 - free
    sums = return_sums(equity, CASH, bars / bars_per_year, market, risk_free=free)
    expected |= {name: sums[name] for name in sums if name.startswith("benchmark")}
    expected["benchmark_return"] = held[-1] - 1.0
    expected["excess_return"] = equity[-1] / CASH - held[-1]
    for name, value in expected.items():
        assert m[name] == pytest.approx(float(value), rel=1e-9, abs=1e-12), (name, bars)


@pytest.mark.parametrize("steps", [1, 2, 19, 20, 21, 59, 252])
def test_the_metrics_of_a_curve_are_those_of_plain_formulas(steps: int) -> None:
    found = results(steps)
    for simulation in range(4):
        check(found.simulation(simulation), found.summary.bars_per_year)


def test_returns_count_above_the_risk_free_rate() -> None:
    found = results(60, rate=0.05)
    check(found.simulation(1), found.summary.bars_per_year, 0.05)


def test_the_rows_hold_what_a_replay_shows() -> None:
    found = results(59)
    row = found.frame.row(3, named=True)
    replay = found.simulation(3)
    for name in ("ulcer_index", "conditional_drawdown", "lagged_products", "benchmark_products"):
        assert row[name] == replay.metrics[name]


def history(close: np.ndarray) -> Bars:
    stamps = np.arange(len(close)) * 86_400_000_000
    open_ = np.concatenate([close[:1], close[:-1]])
    high, low = np.maximum(open_, close), np.minimum(open_, close)
    return Bars("X", stamps, open_, high, low, close, np.full(len(close), 1e9))


def on_history(close: np.ndarray, strategy: Any = "buy_and_hold", **settings: Any) -> Results:
    record = {"metrics": GROUPS}
    return Study(
        "h", Historical(history(close)), strategy, seeds=1, record=record, **settings
    ).run()


def test_a_curve_that_never_falls_has_no_drawdown_and_one_that_never_moves_no_products() -> None:
    rising = on_history(np.linspace(100.0, 150.0, 60)).frame
    for name in ("ulcer_index", "conditional_drawdown", "time_under_water"):
        assert rising[name][0] == 0.0
    idle = on_history(np.linspace(100.0, 150.0, 60), parameters={"weight": 0.0}).frame
    assert idle["lagged_products"][0] == 0.0
    assert idle["benchmark_products"][0] == 0.0
    assert idle["excess_return"][0] == -idle["benchmark_return"][0] == pytest.approx(-0.5)
    assert (idle["peak_equity"][0], idle["lowest_equity"][0]) == (CASH, CASH)


def test_equal_drawdowns_are_averaged_as_many_as_there_are() -> None:
    # Ten bars at the peak, then fifty at half of it: the deepest twentieth is all alike.
    close = np.concatenate([np.full(10, 100.0), np.full(50, 50.0)])
    row = on_history(close).frame
    assert row["conditional_drawdown"][0] == pytest.approx(0.5, abs=1e-3)
    assert row["time_under_water"][0] == pytest.approx(50 / 60)


class Borrowed(Strategy):
    """Buys four times what the account holds, and keeps it."""

    name = "borrowed"

    def on_bar(self, bar: Bar, order: Order) -> None:
        if bar.index == 0:
            order.target_percent(4.0)


def test_the_returns_of_an_account_that_is_lost_end_with_the_loss() -> None:
    close = np.concatenate([np.linspace(100.0, 101.0, 20), np.linspace(30.0, 60.0, 20)])
    terms = {"initial_margin": 0.01, "maintenance_margin": 0.0}
    found = on_history(close, Borrowed, execution={"cash": CASH, "instrument": terms})
    replay = found.simulation(0)
    lost = np.flatnonzero(replay.equity <= 0.0)
    assert len(lost) > 0
    check(replay, found.summary.bars_per_year)
    assert replay.metrics["lowest_equity"] <= 0.0


def test_prices_at_or_below_zero_have_no_benchmark() -> None:
    close = np.concatenate([np.linspace(30.0, 5.0, 30), [-36.0], np.full(10, 12.0)])
    row = on_history(close, parameters={"weight": 0.1}).frame
    for name in ("benchmark_return", "excess_return", "benchmark_sum", "benchmark_products"):
        assert row[name][0] is None
    assert math.isfinite(row["ulcer_index"][0])
