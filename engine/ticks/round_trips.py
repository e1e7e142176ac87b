"""Trades of simulations of ticks: what each fill closed, from the fills that a run recorded."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.execution.layout import TRADE_COLUMNS
from engine.ticks import layout as at
from engine.ticks.running import TickRun

__all__ = ["TickTape", "round_trips"]


class TickTape:
    """Trades of all simulations of a call; begun anew by every call.

    Attributes
    ----------
    columns : ndarray of float64, shape (columns, trades)
        A row per column of `engine.execution.layout.TRADE_COLUMNS`.
    ends : ndarray of int64, shape (simulations,)
        Trades up to the end of each simulation.
    """

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Forget what is on it."""
        self._last: tuple[TickRun, int, NDArray[np.int64]] | None = None
        self.columns: NDArray[np.float64] = np.empty((len(TRADE_COLUMNS), 0))
        self.ends: NDArray[np.int64] = np.zeros(0, dtype=np.int64)

    def add(self, trades: NDArray[np.float64]) -> None:
        """Write the trades of the next simulation."""
        self.columns = np.concatenate([self.columns, trades], axis=1)
        self.ends = np.append(self.ends, self.count + trades.shape[1])

    def tell_of(self, run: TickRun, number: int, opens: NDArray[np.int64]) -> None:
        """Let `order_events` be those of a simulation that kept its fills."""
        self._last = run, number, opens

    def order_events(self, first_bar: int) -> list[pl.Series]:
        """Return what happened to the orders of the last simulation, as `TickBacktest` has it.

        In front of it stands the ``bar`` into which each falls, counted from `first_bar`.
        """
        if self._last is None:
            return []
        run, number, opens = self._last
        events = run.orders(number)
        bars = np.searchsorted(opens, events["stamp"].to_numpy(), side="right") - 1 - first_bar
        return [pl.Series("bar", bars, dtype=pl.Int32), *events.get_columns()]

    @property
    def count(self) -> int:
        """Trades of all simulations."""
        return int(self.ends[-1]) if len(self.ends) else 0


def round_trips(
    run: TickRun, number: int, opens: NDArray[np.int64], lot: float
) -> NDArray[np.float64]:
    """Return the trades of one simulation that kept its fills.

    A trade is what one fill closed of a position, which has one mean price and one mean time of
    opening, each fill weighing as many units as it opened: as the metric ``trades`` counts them.

    Parameters
    ----------
    run : TickRun
        With recorded fills.
    number : int
        Of the simulation.
    opens : ndarray of int64, shape (bars,)
        When each bar opens, in nanoseconds: entry and exit are told by the bar they fall into.
    lot : float
        Smallest step of units.

    Returns
    -------
    ndarray of float64, shape (columns, trades)
        Columns as in `engine.execution.layout.TRADE_COLUMNS`; the tags are 0, and no excursions
        are known.
    """
    count = int(run.desks.counts[number, at.TAPED])
    whole = run.desks.fills[number, :count]
    fills = run.desks.fill_numbers[number, :count]
    stamp, _, _, symbols, _ = whole.T.tolist()
    units, price, fee, _, _, pnl = fills.T.tolist()
    held: dict[int, tuple[float, float, float, float]] = {}
    rows = []
    for fill in range(count):
        symbol, size, time = symbols[fill], units[fill], float(stamp[fill] - stamp[0])
        before, mean, opened_at, fees = held.get(symbol, (0.0, 0.0, 0.0, 0.0))
        after = round((before + size) / lot) * lot
        closed = min(abs(size), abs(before)) if before * size < 0.0 else 0.0
        if closed > 0.0:
            paid = fees * (closed / abs(before)) + fee[fill] * (closed / abs(size))
            entry = stamp[0] + int(opened_at)
            rows.append(
                [
                    *(symbol, closed if before > 0.0 else -closed, _bar(opens, entry), mean),
                    *(_bar(opens, stamp[fill]), price[fill], pnl[fill], paid),
                    *(np.nan, np.nan, 0.0, 0.0),
                ]
            )
            fees -= fees * (closed / abs(before))
        kept, opened = abs(before) - closed, abs(size) - closed
        if opened > 0.0:
            mean = (mean * kept + price[fill] * opened) / (kept + opened)
            opened_at = (opened_at * kept + time * opened) / (kept + opened)
            fees += fee[fill] * (opened / abs(size))
        held[symbol] = after, mean, opened_at, fees
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(TRADE_COLUMNS)).T


def _bar(opens: NDArray[np.int64], stamp: int) -> int:
    return max(int(np.searchsorted(opens, stamp, side="right")) - 1, 0)
