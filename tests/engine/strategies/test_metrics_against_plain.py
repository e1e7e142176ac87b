"""Every metric of a simulation against formulas written here anew, on random accounts."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from engine.bars import BAR_FIELDS, Bars
from engine.calendar import BarCalendar
from engine.execution import Execution
from engine.execution.layout import ORDER_ROWS, TRADE_ROWS
from engine.statistics import performance
from engine.strategies import Strategy, backtest, prepare_strategy
from engine.strategies.audit import _random_walks

BARS, CASH = 240, 20_000.0
NAN = math.nan


class Orders(Strategy):
    """Trades at each bar what the bar says."""

    def on_bar(self, bar, order):
        if bar.units != 0.0:
            order.market(bar.units)


def plain(curve, trades, fills, opens, closes, rejected, per_year) -> dict[str, float]:
    """The definitions, by NumPy and itertools alone; NaN where undefined."""
    before = np.append(CASH, curve[:-1])
    returns = (curve - before) / before
    years = len(curve) / per_year
    peaks = np.array([max(CASH, curve[: i + 1].max()) for i in range(len(curve))])
    drops = (peaks - curve) / peaks
    deepest = drops.max()
    spread = math.sqrt(((returns - returns.mean()) ** 2).sum() / (len(returns) - 1))
    below = math.sqrt((returns[returns < 0.0] ** 2).sum() / len(returns))
    growth = (curve[-1] / CASH) ** (1.0 / years) - 1.0
    pnl = trades[:, 6]
    won, lost = pnl[pnl > 0.0], pnl[pnl < 0.0]
    lengths = trades[:, 4] - trades[:, 2]
    runs = [len(list(run)) for loss, run in itertools.groupby(pnl[pnl != 0.0] < 0.0) if loss]
    at = fills[:, 0].astype(int)
    held = np.cumsum(np.bincount(at, fills[:, 5], minlength=len(curve)))
    cash = CASH - np.cumsum(
        np.bincount(at, fills[:, 5] * fills[:, 6] + fills[:, 7], minlength=len(curve))
    )
    np.testing.assert_allclose(cash + held * closes, curve, rtol=0.0, atol=1e-9)
    some = len(pnl) > 0
    return {
        "net_pnl": curve[-1] - CASH,
        "total_return": curve[-1] / CASH - 1.0,
        "cagr": growth,
        "volatility": spread * math.sqrt(per_year),
        "sharpe": returns.mean() * per_year / (spread * math.sqrt(per_year)) if spread else NAN,
        "sortino": returns.mean() / below * math.sqrt(per_year) if below else NAN,
        "calmar": growth / deepest if deepest else NAN,
        "max_drawdown": -deepest,
        "max_drawdown_duration": max(
            [len(list(run)) for under, run in itertools.groupby(drops > 0.0) if under], default=0
        ),
        "trades": len(pnl),
        "win_rate": len(won) / len(pnl) if some else NAN,
        "average_win": won.sum() / len(won) if len(won) else NAN,
        "average_loss": lost.sum() / len(lost) if len(lost) else NAN,
        "profit_factor": won.sum() / abs(lost.sum()) if len(lost) else NAN,
        "expectancy": pnl.sum() / len(pnl) if some else NAN,
        "average_trade_duration": lengths.sum() / len(pnl) if some else NAN,
        "longest_trade_duration": lengths.max() if some else NAN,
        "exposure": (np.abs(held) > 1e-9).mean(),
        "turnover": (np.abs(fills[:, 5]) * fills[:, 6]).sum() / curve.mean() / years,
        "commission": fills[:, 7].sum(),
        "slippage": (np.abs(fills[:, 5]) * np.abs(fills[:, 6] - opens[at])).sum(),
        "max_consecutive_losses": max(runs, default=0) if some else NAN,
        "average_mfe": trades[:, 8].sum() / len(pnl) if some else NAN,
        "average_mae": trades[:, 9].sum() / len(pnl) if some else NAN,
        "rejected_orders": rejected,
        "margin_calls": 0.0,
        "final_equity": curve[-1],
        "return_sum": returns.sum(),
        "return_squares": (returns**2).sum(),
        "downside_squares": (returns[returns < 0.0] ** 2).sum(),
        "upside_sum": returns[returns > 0.0].sum(),
        "risk_free_rate": 0.0,
    }


def random_block(seed: int, density: float) -> np.ndarray:
    rng = np.random.default_rng(seed)
    walk = _random_walks(rng, paths=1, symbol_count=1, bar_count=BARS)[0, 0]
    units = rng.integers(-60, 61, BARS) * (rng.random(BARS) < density)
    return np.concatenate([walk, units[None].astype(float)])


@pytest.mark.parametrize("per_year", [252.0, 365.0 * 1440.0, 252.0 * 390.0, 52.0])
@pytest.mark.parametrize("density", [0.0, 0.02, 0.3])
def test_every_metric_follows_its_formula(per_year: float, density: float) -> None:
    settings = Execution(cash=CASH, commission={"rate": 5e-4, "fixed": 1.0}, slippage={"bps": 2.0})
    engine = prepare_strategy(
        Orders,
        settings,
        symbols=("X",),
        fields=(*BAR_FIELDS, "units"),
        steps=BARS,
        bars_per_year=per_year,
        record_trades=True,
    )
    scratch = engine.scratch(record_orders=True)
    state = scratch.simulation
    metrics = np.empty((1, 1, len(engine.metric_names)))
    status = np.empty((1, 1), dtype=np.int8)
    for seed in range(12):
        block = random_block(seed, density)
        engine.run(block[None, None], np.empty((1, 0)), metrics, status, scratch)
        assert status[0, 0] == 0
        log = state.events[: state.counts[ORDER_ROWS]]
        expected = plain(
            state.curve,
            state.trades[: state.counts[TRADE_ROWS]],
            log[log[:, 4] == 1.0],
            block[0],
            block[3],
            (log[:, 4] >= 4.0).sum(),
            per_year,
        )
        found = dict(zip(engine.metric_names, metrics[0, 0], strict=True))
        assert list(found) == list(expected)
        for name, value in expected.items():
            assert found[name] == pytest.approx(value, rel=1e-8, abs=1e-10, nan_ok=True), name
        if density == 0.3:
            assert found["trades"] > 5
            assert not np.isnan(found["sharpe"])


@pytest.mark.parametrize(
    ("exchange", "timeframe", "per_year"),
    [
        ("XNYS", "1d", 5 * 365.25 / 7),
        ("XNYS", "1m", 5 * 365.25 / 7 * 390),
        ("24/7", "1d", 365.25),
        ("24/7", "1m", 365.25 * 1440),
        ("24/7", "1h", 365.25 * 24),
        ("CMES", "1m", 5 * 365.25 / 7 * 1380),
    ],
)
def test_the_bars_and_their_timestamps_annualise(exchange, timeframe, per_year) -> None:
    # 60 weeks of weekdays, or 300 of the days, hours or minutes from Monday on.
    opening = np.datetime64("2019-03-04T14:30", "us").astype(np.int64)
    count = np.arange(300, dtype=np.int64)
    if timeframe == "1d" and exchange == "XNYS":
        count += 2 * (count // 5)
    stamps = opening + count * 60_000_000 * {"1m": 1, "1h": 60, "1d": 1440}[timeframe]
    close = 100.0 * np.exp(np.cumsum(np.random.default_rng(2).normal(0.0, 0.001, 300)))
    bars = Bars(
        "X",
        stamps,
        *[close] * 4,
        np.ones(300),
        calendar=BarCalendar(exchange, timeframe),
    )
    result = backtest("buy_and_hold", bars, {}, {"instrument": "crypto"})
    returns = np.diff(np.append(100_000.0, result.equity)) / np.append(
        100_000.0, result.equity[:-1]
    )
    expected = returns.std(ddof=1) * math.sqrt(per_year)
    assert result.metrics["volatility"] == pytest.approx(expected, rel=1e-9)
    assert result.metrics["sharpe"] == pytest.approx(returns.mean() * per_year / expected)
    growth = (result.equity[-1] / 100_000.0) ** (per_year / 300.0)
    assert 1.0 + result.metrics["cagr"] == pytest.approx(growth, rel=1e-9, abs=1e-12)


def flat_then(*prices: float) -> Bars:
    close = np.array(prices)
    stamps = np.arange(len(close), dtype=np.int64) * 86_400_000_000
    return Bars("X", stamps, *[close] * 4, np.ones(len(close)))


UNDEFINED_WITHOUT_TRADES = (
    "win_rate",
    "average_win",
    "average_loss",
    "profit_factor",
    "expectancy",
    "average_trade_duration",
    "longest_trade_duration",
    "max_consecutive_losses",
    "average_mfe",
    "average_mae",
)


class RoundTrip(Strategy):
    """In after the first bar, out after the third."""

    def on_bar(self, bar, order):
        if bar.index == 0:
            order.market(10)
        elif bar.index == 2:
            order.close()


def test_what_is_not_defined_is_null() -> None:
    unmoved = backtest("sma_crossover", flat_then(*[100.0] * 50)).metrics
    for name in (*UNDEFINED_WITHOUT_TRADES, "sharpe", "sortino", "calmar"):
        assert unmoved[name] is None, name
    assert unmoved["volatility"] == unmoved["max_drawdown"] == unmoved["exposure"] == 0.0
    won = backtest(RoundTrip, flat_then(100.0, 100.0, 105.0, 110.0, 110.0)).metrics
    for name in ("profit_factor", "average_loss", "calmar", "sortino"):
        assert won[name] is None, name
    assert won["win_rate"] == 1.0
    assert won["max_consecutive_losses"] == 0.0
    assert won["average_win"] == 100.0
    lost = backtest(RoundTrip, flat_then(100.0, 100.0, 95.0, 90.0, 90.0)).metrics
    assert lost["average_win"] is None
    assert lost["profit_factor"] == 0.0
    even = backtest(RoundTrip, flat_then(100.0, 100.0, 101.0, 100.0, 100.0)).metrics
    assert even["trades"] == 1.0
    assert even["win_rate"] == even["expectancy"] == even["max_consecutive_losses"] == 0.0
    for name in ("average_win", "average_loss", "profit_factor"):
        assert even[name] is None, name


class TenTimes(Strategy):
    """Buys ten times what the account holds, once."""

    def on_bar(self, bar, order):
        if bar.index == 0:
            order.market(1000)


def test_sums_of_a_ruined_account_end_with_the_return_that_took_the_last() -> None:
    terms = {"initial_margin": 0.01, "maintenance_margin": 0.01}
    settings = {"cash": 10_000.0, "instrument": terms}
    made = backtest(TenTimes, flat_then(100.0, 100.0, 101.0, 80.0, 120.0), {}, settings)
    assert made.equity.tolist() == [10_000.0, 10_000.0, 11_000.0, -10_000.0, -10_000.0]
    rise, fall = 0.1, -21.0 / 11.0
    assert made.metrics["return_sum"] == pytest.approx(rise + fall)
    assert made.metrics["return_squares"] == pytest.approx(rise**2 + fall**2)
    assert made.metrics["downside_squares"] == pytest.approx(fall**2)
    assert made.metrics["upside_sum"] == pytest.approx(rise)
    assert made.metrics["sharpe"] is None


def test_what_moves_by_rounding_alone_adds_nothing_to_the_sums() -> None:
    unmoved = backtest("sma_crossover", flat_then(*[100.0] * 50)).metrics
    steady = backtest("buy_and_hold", flat_then(*(100.0 * 1.001 ** np.arange(80))))
    for name in ("return_sum", "return_squares", "downside_squares", "upside_sum"):
        assert unmoved[name] == 0.0, name
    assert steady.metrics["downside_squares"] == 0.0
    assert steady.metrics["upside_sum"] == steady.metrics["return_sum"]


def test_growth_too_fast_to_annualise_is_null() -> None:
    close = np.array([100.0, 100.0, 300.0, 300.0])
    bars = Bars(
        "X",
        np.arange(4, dtype=np.int64) * 60_000_000,
        *[close] * 4,
        np.ones(4),
        calendar=BarCalendar("24/7", "1m"),
    )
    metrics = backtest("buy_and_hold", bars).metrics
    assert metrics["total_return"] == 2.0
    assert metrics["cagr"] is None
    assert metrics["calmar"] is None
    assert math.isnan(performance.cagr([300.0], 100.0, 525_600.0))
