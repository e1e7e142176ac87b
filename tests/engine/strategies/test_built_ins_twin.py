"""Built-in strategies in plain Python: their own hooks, interpreted, with an account of lists.

The indicators are written anew, the account works in the documented sequence. Fills and the
equity at every bar of random paths must be the compiled engine's, bit for bit.
"""

from __future__ import annotations

import importlib
import itertools
import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from engine.bars import Bars
from engine.execution import Execution
from engine.strategies import backtest, get_strategy, strategy_names

BARS = 400
SETTINGS = {
    "whole units": Execution(
        cash=50_000.0, commission={"rate": 0.001, "fixed": 1.0}, slippage={"bps": 5.0}
    ),
    "fractions": Execution(
        cash=9_000.0, slippage={"ticks": 3.0}, instrument={"lot_size": 0.0, "tick_size": 0.125}
    ),
}
CASES = [
    ("buy_and_hold", {"weight": 0.7}),
    ("sma_crossover", {"fast": 4, "slow": 11}),
    ("mean_reversion", {"period": 12, "entry": 1.2, "sides": "both"}),
    ("breakout", {"entry": 15, "leave": 6, "sides": "both"}),
    ("rsi_reversal", {"period": 5, "sides": "both"}),
    ("momentum", {"period": 9, "skip": 2, "sides": "both"}),
]


class Series(float):
    """The value at a bar, with those before it."""

    def __new__(cls, values: list[float], t: int) -> Series:
        made = super().__new__(cls, values[t])
        made.values, made.t = values, t
        return made

    def __getitem__(self, back: int) -> float:
        return self.values[self.t - back] if back <= self.t else math.nan


def sma(values: list[float], n: int) -> list[float]:
    return [
        math.fsum(values[t - n + 1 : t + 1]) / n if t >= n - 1 else math.nan
        for t in range(len(values))
    ]


def z_score(values: list[float], n: int) -> list[float]:
    scores = []
    for t, mean in enumerate(sma(values, n)):
        window = values[max(0, t - n + 1) : t + 1]
        spread = math.sqrt(math.fsum((item - mean) ** 2 for item in window) / (n - 1))
        scores.append((values[t] - mean) / spread if spread > 0.0 else math.nan)
    return scores


def extreme(values: list[float], n: int, pick: Any) -> list[float]:
    return [pick(values[t - n + 1 : t + 1]) if t >= n - 1 else math.nan for t in range(len(values))]


def rsi(values: list[float], n: int) -> list[float]:
    found = [math.nan] * len(values)
    changes = [b - a for a, b in itertools.pairwise(values)]
    gain = sum(max(change, 0.0) for change in changes[:n]) / n
    loss = sum(max(-change, 0.0) for change in changes[:n]) / n
    for t in range(n, len(values)):
        if t > n:
            gain = (gain * (n - 1) + max(changes[t - 1], 0.0)) / n
            loss = (loss * (n - 1) + max(-changes[t - 1], 0.0)) / n
        found[t] = 100.0 * gain / (gain + loss) if gain + loss > 0.0 else 50.0
    return found


def momentum(values: list[float], n: int, skip: int) -> list[float]:
    found = [math.nan] * len(values)
    for t in range(n + skip, len(values)):
        found[t] = values[t - skip] / values[t - skip - n] - 1.0
    return found


def crossed_above(series: Any, other: Any) -> bool:
    before = other[1] if isinstance(other, Series) else other
    return bool(series[1] < before and series > other)


def crossed_below(series: Any, other: Any) -> bool:
    before = other[1] if isinstance(other, Series) else other
    return bool(series[1] > before and series < other)


def indicators(name: str, bars: Bars, p: dict[str, Any]) -> dict[str, Any]:
    close, high, low = bars.close.tolist(), bars.high.tolist(), bars.low.tolist()
    if name == "sma_crossover":
        return {"fast_mean": sma(close, p["fast"]), "slow_mean": sma(close, p["slow"])}
    if name == "mean_reversion":
        return {"score": z_score(close, p["period"])}
    if name == "rsi_reversal":
        return {"index": rsi(close, p["period"])}
    if name == "breakout":
        return {
            channel: {"upper": extreme(high, n, max), "lower": extreme(low, n, min)}
            for channel, n in (("outer", p["entry"]), ("inner", p["leave"]))
        }
    if name == "momentum":
        return {"change": momentum(close, p["period"], p["skip"])}
    return {}


class Account:
    """One symbol, market orders only; the orders of a bar fill at the next open."""

    def __init__(self, settings: Execution) -> None:
        self.settings, self.cash, self.position = settings, settings.cash, 0.0
        self.due: list[tuple[str, float]] = []
        self.fills: list[tuple[int, float, float, float]] = []

    def close(self) -> None:
        self.due.append(("close", 0.0))

    def long(self) -> None:
        self.due.append(("enter", 1.0))

    def short(self) -> None:
        self.due.append(("enter", -1.0))

    def target_percent(self, fraction: float) -> None:
        self.due.append(("percent", fraction))

    def slipped(self, side: float, price: float) -> float:
        slip = self.settings.slippage
        moved = price + side * price * (slip.bps * 1e-4)
        return moved + side * slip.ticks * self.settings.instrument.tick_size

    def fee(self, units: float, price: float) -> float:
        terms = self.settings.commission
        return abs(units) * price * terms.rate + (abs(units) * terms.per_unit + terms.fixed)

    def whole(self, units: float) -> float:
        lot = self.settings.instrument.lot_size
        return math.floor(units / lot) * lot if lot else units

    def affordable(self, side: float, budget: float, price: float) -> float:
        terms = self.settings.commission
        each = self.slipped(side, price) * (1.0 + terms.rate) + terms.per_unit
        return self.whole(max(0.0, budget - terms.fixed) / each)

    def after_closing(self, equity: float, price: float) -> float:
        terms = self.settings.commission
        out = self.slipped(-1.0 if self.position >= 0.0 else 1.0, price)
        return equity - abs(self.position) * (out * terms.rate + abs(out - price) + terms.per_unit)

    def wanted(self, kind: str, amount: float, price: float) -> float:
        held, equity = self.position, self.cash + self.position * price
        if kind == "close" or (kind == "percent" and amount == 0.0):
            return -held
        if kind == "enter":
            if held * amount > 0.0:
                return 0.0
            left = self.after_closing(equity, price)
            return amount * self.affordable(amount, left, price) - held
        assert held == 0.0, "the built-in strategies open targets from flat"
        return self.affordable(1.0, amount * equity, price)

    def covers(self, units: float, price: float) -> bool:
        paid = self.slipped(1.0 if units > 0.0 else -1.0, price)
        cost = abs(units) * abs(paid - price) + self.fee(units, paid)
        equity = self.cash + self.position * price
        return abs(self.position + units) * price <= (equity - cost) * (1.0 + 1e-12)

    def cut(self, units: float, price: float) -> float:
        """Halve the way to the most units that equity covers."""
        side = 1.0 if units > 0.0 else -1.0
        closed = abs(self.position) if self.position * side < 0.0 else 0.0
        least, most = 0.0, abs(units) - closed
        for _ in range(60):
            middle = 0.5 * (least + most)
            if self.covers(side * (closed + middle), price):
                least = middle
            else:
                most = middle
        return side * (closed + self.whole(least))

    def open_bar(self, t: int, price: float) -> None:
        for kind, amount in self.due:
            units = self.wanted(kind, amount, price)
            if units == 0.0:
                continue
            if kind != "close" and not self.covers(units, price):
                units = self.cut(units, price)
            paid = self.slipped(1.0 if units > 0.0 else -1.0, price)
            fee = self.fee(units, paid)
            self.cash -= units * paid + fee
            self.position += units
            self.fills.append((t, units, paid, fee))
        self.due.clear()


def random_bars(seed: int) -> Bars:
    """Prices in eighths, which add without rounding, that swing enough for every strategy."""
    rng = np.random.default_rng(seed)
    moves = rng.integers(-16, 17, BARS) + np.round(14 * np.sin(np.arange(BARS) / 9.0))
    close = 150.0 + np.cumsum(moves - moves.mean()).round() / 8.0
    close += max(0.0, 40.0 - close.min())
    opens = np.append(close[0], close[:-1]) + rng.integers(-4, 5, BARS) / 8.0
    high = np.maximum(opens, close) + rng.integers(0, 9, BARS) / 8.0
    low = np.minimum(opens, close) - rng.integers(0, 9, BARS) / 8.0
    stamps = np.arange(BARS, dtype=np.int64) * 86_400_000_000
    return Bars("X", stamps, opens, high, low, close, np.full(BARS, 1e6))


def at(rows: dict[str, Any], t: int) -> dict[str, Any]:
    return {
        name: SimpleNamespace(**at(row, t)) if isinstance(row, dict) else Series(row, t)
        for name, row in rows.items()
    }


def interpret(
    name: str, bars: Bars, parameters: dict[str, Any], settings: Execution
) -> tuple[list[tuple[int, float, float, float]], list[float]]:
    cls = get_strategy(name)
    values = {key: item.default for key, item in cls.parameters.items()} | parameters
    rows = indicators(name, bars, values)
    account, curve = Account(settings), []
    hook = cls.hooks()["on_bar"]
    wants = hook.__code__.co_varnames[1 : hook.__code__.co_argcount]
    close = bars.close.tolist()
    for t in range(len(bars)):
        account.open_bar(t, float(bars.open[t]))
        handles = {
            "bar": SimpleNamespace(index=t, close=Series(close, t)),
            "order": account,
            "account": account,
        }
        hook(SimpleNamespace(**values, **at(rows, t)), *(handles[item] for item in wants))
        curve.append(account.cash + account.position * close[t])
    return account.fills, curve


def test_every_built_in_has_a_twin() -> None:
    # Those that hold options have theirs in tests/engine/options/plain.py.
    own = {
        name
        for name in strategy_names()
        if get_strategy(name).__module__.startswith("engine.strategies.")
    }
    assert {name for name, _ in CASES} == own


@pytest.mark.parametrize("costs", SETTINGS)
@pytest.mark.parametrize(("name", "parameters"), CASES)
def test_a_built_in_and_its_interpreted_twin_agree_bit_for_bit(
    monkeypatch, name, parameters, costs
) -> None:
    settings, paths = SETTINGS[costs], [random_bars(seed) for seed in range(8)]
    compiled = [backtest(name, bars, parameters, settings) for bars in paths]
    # Only now: the compiler must see the words that it knows.
    module = importlib.import_module(f"engine.strategies.{name}")
    monkeypatch.setattr(module, "crossed_above", crossed_above, raising=False)
    monkeypatch.setattr(module, "crossed_below", crossed_below, raising=False)
    for bars, result in zip(paths, compiled, strict=True):
        fills, curve = interpret(name, bars, parameters, settings)
        done = result.orders.filter(event="filled")
        columns = [done[key].to_list() for key in ("bar", "units", "price", "commission")]
        assert list(zip(*columns, strict=True)) == fills
        assert result.equity.tolist() == curve
        assert result.metrics["rejected_orders"] == 0
        assert len(fills) >= (1 if name == "buy_and_hold" else 8)
