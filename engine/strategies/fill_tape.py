"""Recorded fills, checked against the bars that they are replayed on."""

from __future__ import annotations

import datetime
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.bars import Bars
from engine.errors import Refusal
from engine.execution.layout import (
    TAPE_BAR,
    TAPE_COMMISSION,
    TAPE_ORDER,
    TAPE_PRICE,
    TAPE_SYMBOL,
    TAPE_TAG,
    TAPE_TAKEN,
    TAPE_UNITS,
    TAPE_WIDTH,
)
from engine.frames import polars_frame

__all__ = ["FillTape", "not_taken"]

_OPTIONAL = {"commission": TAPE_COMMISSION, "order": TAPE_ORDER, "tag": TAPE_TAG}
# Beyond it no account is kept to the cent.
_LARGEST = 1e15
_SIDES = {"buy": 1.0, "sell": -1.0}
# Events of a table that count, by what they say of an order.
_EVENTS = ("filled", "withdrawn")


@dataclass(frozen=True, eq=False)
class FillTape:
    """A record of fills: of an account, of another program, or of an earlier backtest.

    Parameters
    ----------
    fills : polars.DataFrame
        One row per fill, oldest first: its ``bar``, counted from the first trading bar, or a
        ``time`` inside it; ``units``, negative if sold, or ``side`` ("buy" or "sell") and
        ``quantity``; ``price``; and, where they are known, ``symbol``, ``commission``, the number
        of the ``order`` of the strategy that it is a fill of (0: of any that the bar would fill,
        else of none; -1: of none), and a ``tag``. Of a table with a column ``event``, such as
        `Backtest.orders`, the rows that say "filled", and those that say "withdrawn": the order
        left the market without a further fill, by whom else than the strategy.
    until : int or datetime, optional
        The last bar that the record covers, as a number or a time; by default that of its last
        fill. What follows is modelled.
    within_range : bool
        Refuse prices outside the range of their bar.

    Examples
    --------
    >>> tape = FillTape(pl.DataFrame({"bar": [1], "units": [10.0], "price": [99.5]}))
    >>> stamps, close = np.arange(3) * 86_400_000_000, np.array([100.0, 100.0, 103.0])
    >>> bars = Bars("X", stamps, close, close, close, close, close)
    >>> tape.rows((bars,), 0)[0][:, :4].tolist()
    [[1.0, 0.0, 10.0, 99.5]]
    """

    fills: pl.DataFrame
    until: int | datetime.datetime | None = None
    within_range: bool = False

    def rows(
        self, series: Sequence[Bars], first_trading_bar: int
    ) -> tuple[NDArray[np.float64], int]:
        """Return the fills as the order engine reads them, and how many bars they cover.

        Parameters
        ----------
        series : sequence of Bars
            What is replayed, of equal timestamps.
        first_trading_bar : int
            The bar that is number 0.

        Returns
        -------
        rows : ndarray of float64, shape (fills, TAPE_WIDTH)
            Columns of `engine.execution.layout`.
        bars : int
            From the first of the series on.

        Raises
        ------
        Refusal
            If a column is missing, a fill is not of these symbols and bars, is no number, is not in
            the order of bars or, where that is asked for, is at a price that its bar did not have.
        """
        try:
            table = polars_frame(self.fills)
        except Refusal as refusal:
            raise Refusal("fills", refusal.found, refusal.allowed) from None
        withdrawn = np.zeros(len(table), dtype=bool)
        if "event" in table.columns:
            events = [str(event) for event in table["event"].to_list()]
            kept = [event for event in events if event in _EVENTS]
            if len(kept) < len(events):
                table = table.filter([event in _EVENTS for event in events])
            withdrawn = np.array([event == _EVENTS[1] for event in kept], dtype=bool)
        rows = np.zeros((len(table), TAPE_WIDTH))
        rows[:, TAPE_BAR] = bars = _bars_of(table, series[0], first_trading_bar)
        rows[:, TAPE_SYMBOL] = symbols = _symbols_of(table, [item.symbol for item in series])
        rows[:, TAPE_UNITS] = _units_of(table, withdrawn)
        rows[:, TAPE_PRICE] = prices = _numbers(table, "price", withdrawn)
        for name, column in _OPTIONAL.items():
            if name in table.columns:
                rows[:, column] = _numbers(table, name, missing=0.0)
        nameless = np.flatnonzero(withdrawn & ~(rows[:, TAPE_ORDER] > 0.0))
        if len(nameless):
            raise _bad(int(nameless[0]), "an order that was withdrawn, without its number", "one")
        late = np.flatnonzero(np.diff(bars) < 0)
        if len(late):
            raise _bad(int(late[0]) + 1, "a bar before that of the fill above", "oldest first")
        if self.within_range:
            for row, (bar, symbol, price) in enumerate(zip(bars, symbols, prices, strict=True)):
                low, high = series[symbol].low[bar], series[symbol].high[bar]
                if not (withdrawn[row] or low <= price <= high):
                    raise _bad(
                        row, f"price {price:g}", f"{low:g} to {high:g}, the range of its bar"
                    )
        return rows, self._covered(series[0], bars, first_trading_bar)

    def _covered(self, bars: Bars, found: NDArray[np.int64], first_trading_bar: int) -> int:
        covered = int(found[-1]) + 1 if len(found) else 0
        if self.until is None:
            return covered
        if isinstance(self.until, datetime.datetime):
            last = int(_place(bars, np.array([_microseconds(self.until)]))[0])
        elif isinstance(self.until, int) and not isinstance(self.until, bool):
            last = self.until + first_trading_bar
        else:
            raise Refusal("fills.until", f"{self.until!r}"[:60], "a bar's number, or an instant")
        if not covered - 1 <= last < len(bars) or last < first_trading_bar:
            allowed = f"{max(covered - 1, first_trading_bar) - first_trading_bar} to "
            allowed += f"{len(bars) - 1 - first_trading_bar}: from the last fill to the last bar"
            raise Refusal("fills.until", str(self.until), allowed)
        return last + 1


def _bad(row: int, found: str, allowed: str) -> Refusal:
    return Refusal(f"fills, row {row}", found, allowed)


def _numbers(
    table: pl.DataFrame,
    name: str,
    withdrawn: NDArray[np.bool_] | None = None,
    missing: float = math.nan,
) -> NDArray[np.float64]:
    if name not in table.columns:
        raise Refusal("fills", f"columns {', '.join(table.columns) or 'none'}", f"a column {name}")
    column = table[name]
    try:
        # Each step is one over all rows, which costs more than the rows of a short tape.
        column = column if column.dtype == pl.Float64 else column.cast(pl.Float64)
        values = (column.fill_null(missing) if column.null_count() else column).to_numpy()
    except pl.exceptions.PolarsError:
        raise Refusal(f"fills.{name}", str(table[name].dtype), "numbers") from None
    if withdrawn is not None:
        values = np.where(withdrawn, 0.0, values)
    wrong = np.flatnonzero(~(np.abs(values) <= _LARGEST))
    if len(wrong):
        raise _bad(
            int(wrong[0]), f"{name} {values[wrong[0]]}", f"a finite number up to {_LARGEST:g}"
        )
    return values


def _units_of(table: pl.DataFrame, withdrawn: NDArray[np.bool_]) -> NDArray[np.float64]:
    if "units" in table.columns or "side" not in table.columns:
        units = _numbers(table, "units", withdrawn)
    else:
        sides = table["side"].to_list()
        for row, side in enumerate(sides):
            if not isinstance(side, str) or side not in _SIDES:
                raise _bad(row, f"side {side!r}", "buy or sell")
        units = _numbers(table, "quantity", withdrawn)
        below = np.flatnonzero(units < 0.0)
        if len(below):
            found = f"quantity {units[below[0]]:g}"
            raise _bad(int(below[0]), found, "above 0: side says which way")
        units = units * np.array([_SIDES[side] for side in sides])
    nothing = np.flatnonzero((units == 0.0) & ~withdrawn)
    if len(nothing):
        raise _bad(int(nothing[0]), "no units", "a fill of some")
    return units


def _symbols_of(table: pl.DataFrame, symbols: list[str]) -> NDArray[np.int64]:
    if "symbol" not in table.columns and len(symbols) == 1:
        return np.zeros(len(table), dtype=np.int64)
    if "symbol" not in table.columns:
        raise Refusal("fills", f"columns {', '.join(table.columns) or 'none'}", "a column symbol")
    named = table["symbol"].to_list()
    for row, name in enumerate(named):
        if name not in symbols:
            raise _bad(row, f"symbol {name!r}", ", ".join(symbols))
    return np.array([symbols.index(name) for name in named], dtype=np.int64)


def _bars_of(table: pl.DataFrame, bars: Bars, first_trading_bar: int) -> NDArray[np.int64]:
    last = len(bars) - 1 - first_trading_bar
    if "bar" in table.columns:
        given = _numbers(table, "bar")
        wrong = np.flatnonzero((given < 0) | (given > last) | (given != np.floor(given)))
        if len(wrong):
            raise _bad(int(wrong[0]), f"bar {given[wrong[0]]:g}", f"0 to {last}")
        return given.astype(np.int64) + first_trading_bar
    if "time" not in table.columns:
        raise Refusal("fills", f"columns {', '.join(table.columns) or 'none'}", "bar or time")
    times = table["time"]
    if not isinstance(times.dtype, pl.Datetime) or times.null_count():
        raise Refusal("fills.time", str(times.dtype), "instants, none of them missing")
    utc = times if times.dtype.time_zone is None else times.dt.convert_time_zone("UTC")
    found = _place(bars, utc.dt.cast_time_unit("us").to_physical().to_numpy())
    wrong = np.flatnonzero((found < first_trading_bar) | (found > len(bars) - 1))
    if len(wrong):
        at = int(wrong[0])
        raise _bad(at, f"time {times[at]}", "one inside the bars that are traded on")
    return found


def _place(bars: Bars, instants: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the bar that each instant lies in; behind the last bar, their number."""
    stamps = bars.timestamps
    found = np.searchsorted(stamps, instants, side="right") - 1
    # The last bar is as long as the one before it.
    length = stamps[-1] - stamps[-2] if len(stamps) > 1 else np.iinfo(np.int64).max // 2
    return np.where(instants >= stamps[-1] + length, len(stamps), found)


def _microseconds(instant: datetime.datetime) -> Any:
    if instant.tzinfo is not None:
        instant = instant.astimezone(datetime.UTC).replace(tzinfo=None)
    return np.datetime64(instant, "us").astype(np.int64)


def not_taken(rows: NDArray[np.float64], first_trading_bar: int) -> Refusal | None:
    """Return what is wrong with the fills that found no order, None where there are none."""
    left = np.flatnonzero(rows[:, TAPE_TAKEN] == 0.0)
    if not len(left):
        return None
    row = rows[left[0]]
    return _bad(
        int(left[0]),
        f"a fill of order {row[TAPE_ORDER]:.0f}",
        f"an order that waits at bar {row[TAPE_BAR] - first_trading_bar:.0f}, or 0: of none",
    )
