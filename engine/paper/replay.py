"""The replay that decides: stored bars, the tape of real fills, and what is wanted behind them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import polars as pl

from engine.bars import BAR_FIELDS, TRADED, Bars
from engine.errors import Refusal
from engine.paper.terms import Terms
from engine.strategies import Backtest, FillTape, backtest
from engine.timeframes import bar_minutes

__all__ = ["Child", "Replayed", "Wanted", "replay"]

_DAY: Final = 86_400_000_000
# Longer than any exchange closes.
_MOST_CLOSED: Final = 14 * _DAY

_KINDS: Final = ("market", "limit", "stop", "stop_limit")
# Sizes that follow from nothing but the order.
_PLAIN: Final = ("units", "bracket")


@dataclass(frozen=True)
class Wanted:
    """An order that waits in the replay, and so is to be open at the broker.

    Parameters
    ----------
    order : int
        Its number in the replay.
    bar : int
        The bar at whose close it was placed, from 0 at the first that is traded on.
    symbol, kind : str
        What and how.
    units : float
        Negative: sell. A size that follows from equity is that of a fill at the last close, for a
        resting order at its own price.
    limit, stop, take_profit, stop_loss : float, optional
        Prices.
    time_in_force : str
        ``ioc`` and ``fok`` as the strategy asks for them, ``day`` of a market order, else ``gtc``.
    entry : int
        Of an exit, the order that opened what it closes; else 0.
    role : str
        Of an exit, ``take_profit`` or ``stop_loss``; else empty.
    lot : int
        Of an exit, the number of the lot that it closes; else 0.
    """

    order: int
    bar: int
    symbol: str
    kind: str
    units: float
    limit: float | None
    stop: float | None
    take_profit: float | None
    stop_loss: float | None
    time_in_force: str
    entry: int = 0
    role: str = ""
    lot: int = 0


@dataclass(frozen=True)
class Child:
    """An exit that a fill brought, as the replay numbers it."""

    order: int
    entry: int
    role: str
    units: float
    ended: int  # bar in which it filled or left; beyond the last bar while it waits


@dataclass(frozen=True, eq=False)
class Replayed:
    """A session replayed up to its last closed bar.

    Parameters
    ----------
    terms : Terms
        What is traded.
    bars : tuple of Bars
        One series per symbol, those to warm up on included.
    first_bar : int
        Number, among them, of the first that is traded on.
    tape : FillTape
        Real fills.
    found : Backtest
        What came of it.
    """

    terms: Terms
    bars: tuple[Bars, ...]
    first_bar: int
    tape: FillTape
    found: Backtest

    @property
    def last_bar(self) -> int:
        """The last closed bar, from 0 at the first that is traded on."""
        return len(self.bars[0]) - 1 - self.first_bar

    @cached_property
    def children(self) -> list[Child]:
        """Exits that fills brought, oldest first.

        A part of an order opens a lot with a number that no order has: its exits follow its fill.
        """
        children: dict[int, Child] = {}
        latest, beyond = 0, self.last_bar + 1
        for row in self.found.orders.iter_rows(named=True):
            number, event = row["order"], row["event"]
            if event == "submitted" and row["size"] == "bracket":
                role = "take_profit" if row["kind"] == "limit" else "stop_loss"
                children[number] = Child(number, latest, role, row["units"], beyond)
            elif event == "filled" and number not in children:
                latest = number
            elif event != "submitted" and number in children:
                old = children[number]
                children[number] = Child(old.order, old.entry, old.role, old.units, row["bar"])
        return list(children.values())

    def wanted(self) -> list[Wanted]:
        """Return the orders that wait, sized.

        Raises
        ------
        Refusal
            If one is of a kind that no broker of this room takes, or is tied to others.
        """
        if not self.found.waiting:
            return []
        rows = list(self.found.open_orders.iter_rows(named=True))
        exits = any(row["size"] == "bracket" for row in rows)
        entries = {child.order: child for child in self.children} if exits else {}
        sized = self._filled_at_close(None) if any(_follows(row) for row in rows) else {}
        orders = []
        for row in rows:
            if row["kind"] not in _KINDS or row["group"] != 0:
                found = "orders that are tied" if row["group"] != 0 else f"a {row['kind']} order"
                raise Refusal(
                    "strategy",
                    f"{found} for {row['symbol']}",
                    "market, limit, stop and stop-limit orders, and their exits",
                )
            units = self._units(row, sized)
            if units == 0.0 or not math.isfinite(units):
                continue
            child = entries.get(row["order"]) if row["size"] == "bracket" else None
            given = not row["exits_from_fill"]
            orders.append(
                Wanted(
                    **{name: row[name] for name in ("order", "bar", "symbol", "kind")},
                    units=units,
                    limit=_price(row["limit"]),
                    stop=_price(row["stop"]),
                    time_in_force=_time_in_force(row),
                    entry=child.entry if child else 0,
                    role=child.role if child else "",
                    lot=row["parent"] if child else 0,
                    take_profit=_price(row["take_profit"]) if given else None,
                    stop_loss=_price(row["stop_loss"]) if given else None,
                )
            )
        return orders

    def _units(self, row: dict[str, Any], sized: dict[int, float]) -> float:
        number, size, units = row["order"], row["size"], float(row["units"])
        if size == "bracket":
            return units
        if size == "units":
            return self._whole(row["symbol"], units)
        if row["kind"] == "market":
            return sized.get(number, 0.0)
        held = self.found.positions[row["symbol"]]
        if size == "target":
            return self._whole(row["symbol"], units - held)
        if size == "reduce":
            # Of an entry that waits itself there is nothing to reduce yet.
            return (
                min(self._whole(row["symbol"], units), -held, key=abs) if units * held < 0 else 0.0
            )
        price = row["limit"] if math.isfinite(row["limit"]) else row["stop"]
        return self._filled_at_close({row["symbol"]: price}).get(number, 0.0)

    def _whole(self, symbol: str, units: float) -> float:
        step, parts = self.terms.execution.terms_of(symbol).lot_size_as_fraction
        if parts == 0.0:
            return units
        lots = math.floor(abs(units) * parts / step * (1.0 + 1e-12))
        return math.copysign(lots * step / parts, units)

    def _filled_at_close(self, reached: dict[str, float] | None) -> dict[int, float]:
        """Units of the orders that the model fills on one further bar at the last close.

        Sizes that follow from equity, from what is held, or from the fills of orders before them
        are so those of the engine itself.

        Parameters
        ----------
        reached : dict of str to float, optional
            Prices that the bar reaches beside.
        """
        series, stamp = [], self._next_stamp()
        for bars in self.bars:
            close = float(bars.close[-1])
            touched = (reached or {}).get(bars.symbol, close)
            shape = {"open": close, "high": max(close, touched), "low": min(close, touched)}
            series.append(_with_bar(bars, stamp, {**shape, "close": close}))
        found = _run(self.terms, series, self.first_bar, self.tape)
        filled = found.orders.filter(
            (pl.col("event") == "filled") & (pl.col("bar") == self.last_bar + 1)
        )
        return dict(zip(filled["order"].to_list(), filled["units"].to_list(), strict=True))

    def _next_stamp(self) -> int:
        """Return the first instant, a number of bars on, at which every instrument trades."""
        stamps, execution = self.bars[0].timestamps, self.terms.execution
        minutes = bar_minutes(self.bars[0].calendar.timeframe)
        length = int(np.diff(stamps).min(initial=_DAY))
        ahead = stamps[-1] + length * np.arange(1, max(_MOST_CLOSED // length, 1) + 1)
        open_then = np.ones(len(ahead), dtype=bool)
        for bars in self.bars:
            session = execution.terms_of(bars.symbol).session
            if session is not None:
                open_then &= session.holds(ahead, minutes)
        return int(ahead[np.argmax(open_then)])


def replay(terms: Terms, bars: Sequence[Bars], first_bar: int, tape: FillTape) -> Replayed:
    """Replay a session.

    Parameters
    ----------
    terms : Terms
        What is traded.
    bars : sequence of Bars
        Closed bars of every symbol, of equal timestamps.
    first_bar : int
        Number of the first that is traded on.
    tape : FillTape
        Real fills up to the last bar.

    Raises
    ------
    Refusal
        If a fill names an order that does not wait in its bar.
    ValueError
        If the strategy fails.
    """
    return Replayed(terms, tuple(bars), first_bar, tape, _run(terms, bars, first_bar, tape))


def _run(terms: Terms, bars: Sequence[Bars], first_bar: int, tape: FillTape) -> Backtest:
    return backtest(
        terms.strategy, list(bars), terms.parameters, terms.execution, warm_up=first_bar, fills=tape
    )


def _follows(row: dict[str, Any]) -> bool:
    """Whether the size of an order follows from more than itself."""
    return row["kind"] == "market" and row["size"] not in _PLAIN


def _with_bar(bars: Bars, stamp: int, shape: dict[str, float]) -> Bars:
    """Return bars with one more, of the last volume and columns."""
    prices = {name: float(getattr(bars, name)[-1]) for name in BAR_FIELDS} | shape
    fields: dict[str, Any] = {
        name: np.append(getattr(bars, name), prices[name]) for name in BAR_FIELDS
    }
    own = {name: np.append(values, values[-1]) for name, values in bars.columns.items()}
    if TRADED in own:
        own[TRADED][-1] = 1.0
    return dataclasses.replace(
        bars,
        timestamps=np.append(bars.timestamps, stamp),
        columns=own,
        **fields,
    )


def _price(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _time_in_force(row: dict[str, Any]) -> str:
    if row["immediate"]:
        return "fok" if row["whole"] else "ioc"
    return "day" if row["kind"] == "market" else "gtc"
