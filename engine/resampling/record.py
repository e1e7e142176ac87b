"""The record of one simulation, as far as it can be resampled: trades, returns, late fills."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.errors import Refusal

__all__ = ["FEWEST", "Record", "Recorded", "delayed_profits"]

Floats = NDArray[np.float64]

#: Fewer trades, or bars, have no distribution to speak of and no block length.
FEWEST = 10


class Recorded(Protocol):
    """What a `Backtest` and a `Replay` have in common: one simulation with all that happened."""

    @property
    def metrics(self) -> Mapping[str, float | None]:
        """The metrics of the simulation."""

    @property
    def trades(self) -> pl.DataFrame:
        """One row per closed lot."""

    @property
    def equity(self) -> Floats:
        """Equity at each close."""

    @property
    def bars(self) -> pl.DataFrame:
        """The bars that it ran on."""


@dataclass(frozen=True)
class Record:
    """Outcomes of one simulation in the order in which they came.

    Parameters
    ----------
    start : float
        Equity before the first.
    profits : ndarray of float64, shape (steps,)
        What each earned, in account currency.
    shares : ndarray of float64, shape (steps,)
        The same as a share of the equity before it.
    exit_bars : ndarray of int64, shape (steps,)
        Bar at which each was earned: the exit of a trade.
    """

    start: float
    profits: Floats
    shares: Floats
    exit_bars: NDArray[np.int64]

    @classmethod
    def of_trades(cls, found: Recorded) -> Record:
        """Take the closed trades, each as one outcome at its exit."""
        trades = found.trades
        if len(trades) < FEWEST:
            raise Refusal("trades", _count(len(trades), "closed trade"), f"at least {FEWEST}")
        return cls._of(start_of(found), _column(trades, "pnl"), _whole(trades, "exit_bar"))

    @classmethod
    def of_returns(cls, found: Recorded) -> Record:
        """Take the change of equity over each bar."""
        equity = np.asarray(found.equity, dtype=np.float64)
        if len(equity) < FEWEST:
            raise Refusal("equity", _count(len(equity), "bar"), f"at least {FEWEST}")
        start = start_of(found)
        profits = np.diff(equity, prepend=start)
        if not profits.any():
            raise Refusal(
                "equity",
                "the simulation held no position on any bar",
                hint="choose one that traded",
            )
        return cls._of(start, profits, np.arange(len(equity)))

    @classmethod
    def _of(cls, start: float, profits: Floats, exit_bars: NDArray[np.int64]) -> Record:
        before = start + np.concatenate([[0.0], np.cumsum(profits)[:-1]])
        shares = np.divide(profits, before, out=np.zeros_like(profits), where=before > 0.0)
        return cls(start, profits, shares, exit_bars)

    @property
    def equity_before(self) -> Floats:
        """Equity before each outcome, shape (steps,)."""
        before: Floats = self.start + np.concatenate([[0.0], np.cumsum(self.profits)[:-1]])
        return before


def start_of(found: Recorded) -> float:
    """Return the equity before the first bar; refuse a simulation that failed or began with none.

    Raises
    ------
    Refusal
    """
    final, earned = found.metrics.get("final_equity"), found.metrics.get("net_pnl")
    if final is None or earned is None:
        raise Refusal("simulation", "one that failed", "one that succeeded")
    if final - earned <= 0.0:
        raise Refusal("simulation", f"starting equity {final - earned:,.0f}", "above 0")
    return final - earned


def delayed_profits(found: Recorded, longest: int) -> Floats:
    """Return what each trade would have earned had it been entered some bars later.

    Parameters
    ----------
    found : Recorded
        The simulation.
    longest : int
        Longest delay, in bars.

    Returns
    -------
    ndarray of float64, shape (trades, longest + 1)
        Column ``k`` is a delay of ``k`` bars. A trade whose exit comes no later than its delayed
        entry is missed and earns 0.

    Notes
    -----
    The price of the entry moves as the opens do, so what was lost to slippage stays lost: with
    opens O, entry bar e, ``k`` bars later and u units worth v per point, a trade earns
    ``u v (O[e + k] - O[e])`` less. Its exit stays where it was.
    """
    trades = found.trades
    units, commission = _column(trades, "units"), _column(trades, "commission")
    entry_price, exit_price = _column(trades, "entry_price"), _column(trades, "exit_price")
    profits = _column(trades, "pnl")
    moved = units * (exit_price - entry_price)
    # Account currency per point and unit, which is only seen where the price moved.
    point = np.divide(
        profits + commission, moved, out=np.full_like(moved, np.nan), where=moved != 0
    )
    known = np.isfinite(point)
    point = np.where(known, point, np.median(point[known]) if known.any() else 1.0)
    entry, last = _whole(trades, "entry_bar"), _whole(trades, "exit_bar")
    symbols = trades["symbol"].to_numpy()
    table = np.repeat(profits[:, None], longest + 1, axis=1)
    for symbol in np.unique(symbols):
        own = found.bars.filter(pl.col("symbol") == symbol).sort("bar")
        opens, first = own["open"].to_numpy(), int(own["bar"].item(0))
        of_symbol = np.flatnonzero(symbols == symbol)
        for delay in range(1, longest + 1):
            later = entry[of_symbol] + delay
            kept = later < last[of_symbol]
            some = of_symbol[kept]
            change = opens[later[kept] - first] - opens[entry[some] - first]
            table[some, delay] -= units[some] * point[some] * change
            table[of_symbol[~kept], delay] = 0.0
    return table


def _column(trades: pl.DataFrame, name: str) -> Floats:
    return trades[name].to_numpy().astype(np.float64)


def _whole(trades: pl.DataFrame, name: str) -> NDArray[np.int64]:
    return trades[name].to_numpy().astype(np.int64)


def _count(number: int, what: str) -> str:
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"
