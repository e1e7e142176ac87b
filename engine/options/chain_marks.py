"""Quotes of contracts at the times of bars: what a strategy is filled at and marked with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.compiled import inlined
from engine.errors import Refusal
from engine.options.chains import OptionChain

__all__ = ["ChainMarks", "chain_marks", "quote_fill"]

Array = NDArray[np.float64]
Contract = tuple[date, float, Literal["call", "put"]]

_SECOND: Final = 1_000_000
_CONTRACT: Final = ("expiry", "strike", "right")


@dataclass(frozen=True, eq=False)
class ChainMarks:
    """Quotes of contracts over time.

    Parameters
    ----------
    contracts : list of (date, float, str)
        Expiry, strike and right of each row.
    times : ndarray of int64, shape (times,)
        Microseconds since 1970-01-01 UTC.
    bid, ask : ndarray of float64, shape (contracts, times)
        NaN where there is no quote, or only one that is too old.
    implied_volatility, delta : ndarray of float64, shape (contracts, times)
        Of the same quotes; NaN where the chain has none.
    counts : dict of str to int
        Cells by what they hold: ``quoted``, ``zero bid`` (of these), ``stale`` (the last quote is
        too old), ``missing`` (no quote yet) and ``expired``.
    """

    contracts: list[Contract]
    times: NDArray[np.int64]
    bid: Array
    ask: Array
    implied_volatility: Array
    delta: Array
    counts: dict[str, int]

    @property
    def mark(self) -> Array:
        """Middle of bid and ask, half the ask where nobody bids.

        Returns
        -------
        ndarray of float64, shape (contracts, times)
        """
        return np.asarray(0.5 * (self.bid + self.ask))

    def fills(self, side: Literal["buy", "sell"], crossed: float) -> Array:
        """Return the prices at which trades are filled.

        Parameters
        ----------
        side : {"buy", "sell"}
            Of the trade.
        crossed : float
            Share of the half-spread that is paid: 0 fills at the middle, 1 at ask or bid.

        Returns
        -------
        ndarray of float64, shape (contracts, times)
            NaN where there is no quote, and of sales where nobody bids.

        Raises
        ------
        Refusal
            If the side is unknown or `crossed` is no share.
        """
        if side not in ("buy", "sell"):
            raise Refusal("side", repr(side), "buy, sell")
        if not 0.0 <= crossed <= 1.0:
            raise Refusal("crossed", f"{crossed}", "a share from 0 to 1")
        half = 0.5 * (self.ask - self.bid) * crossed
        if side == "buy":
            return np.asarray(self.mark + half)
        return np.where(self.bid > 0.0, self.mark - half, np.nan)


def chain_marks(
    chain: OptionChain,
    times: ArrayLike,
    contracts: Iterable[Contract] | None = None,
    *,
    stale_after: float = 43_200.0,
) -> ChainMarks:
    """Return the newest quotes of contracts at each of some times, such as the closes of bars.

    Parameters
    ----------
    chain : OptionChain
        Quotes.
    times : array_like of int64, shape (times,)
        Microseconds since 1970-01-01 UTC, ascending. A quote counts from its own instant on.
    contracts : iterable of (date, float, str), optional
        Expiry, strike and right; by default all that the chain has quotes of.
    stale_after : float
        Seconds for which a quote stands in for those that are missing: half a day, so that none
        stands in for that of the next session.

    Raises
    ------
    Refusal
        If times do not ascend, or a contract is asked for that has no quote at all.

    Examples
    --------
    >>> import engine as mc
    >>> import polars as pl
    >>> quotes = {"date": ["2024-01-02", "2024-01-04"], "expiry": "2024-02-16", "strike": 470.0,
    ...           "right": "call", "bid": [12.0, 11.0], "ask": [12.4, 11.2]}
    >>> chain = mc.OptionChain.from_frame(pl.DataFrame(quotes))
    >>> day = 86_400_000_000
    >>> closes = chain.timestamps[0] + np.arange(5) * day
    >>> marks = mc.chain_marks(chain, closes, stale_after=86_400.0)
    >>> marks.mark
    array([[12.2, 12.2, 11.1, 11.1,  nan]])
    >>> float(marks.fills("sell", 0.5)[0, 0]), marks.counts["stale"]
    (12.1, 1)
    """
    at = np.asarray(times, dtype=np.int64)
    if at.ndim != 1 or (np.diff(at) <= 0).any():
        raise Refusal("times", "some that do not ascend", "ascending instants")
    if not stale_after >= 0.0:
        raise Refusal("stale_after", f"{stale_after}", "0 seconds or more")
    frame = chain.frame.sort("timestamp")
    held = frame.select(_CONTRACT).unique().sort(_CONTRACT).rows()
    wanted: list[Contract] = held if contracts is None else list(contracts)
    number = {contract: row for row, contract in enumerate(wanted)}
    _check_quoted(wanted, held)
    of_quote = np.array([number.get(row, -1) for row in frame.select(_CONTRACT).rows()])
    stamps = frame["timestamp"].dt.epoch("us").to_numpy()
    newest = _newest_quotes(of_quote, stamps, len(wanted), at)
    ends = np.zeros(len(wanted), dtype=np.int64)
    ends[of_quote[of_quote >= 0]] = frame["expires"].dt.epoch("us").to_numpy()[of_quote >= 0]
    age = at - np.where(newest >= 0, stamps[newest], at)
    expired = at[None, :] > ends[:, None]
    stale = (newest >= 0) & (age > stale_after * _SECOND) & ~expired
    quoted = (newest >= 0) & ~stale & ~expired
    rows = {
        name: np.where(quoted, frame[name].fill_null(np.nan).to_numpy()[newest], np.nan)
        for name in ("bid", "ask", "implied_volatility", "delta")
    }
    counts = {
        "quoted": int(quoted.sum()),
        "zero bid": int((rows["bid"] == 0.0).sum()),
        "stale": int(stale.sum()),
        "missing": int(((newest < 0) & ~expired).sum()),
        "expired": int(expired.sum()),
    }
    return ChainMarks(wanted, at, **rows, counts=counts)


@inlined
def quote_fill(bid: float, ask: float, buys: bool, crossed: float) -> float:
    """Return the price of a trade; NaN without a quote, and of a sale where nobody bids.

    Parameters
    ----------
    bid, ask : float
        The quote.
    buys : bool
        Whether the trade buys.
    crossed : float
        Share of the half-spread that is paid: 0 fills at the middle, 1 at ask or bid.
    """
    middle, half = 0.5 * (bid + ask), 0.5 * (ask - bid) * crossed
    sold = middle - half if bid > 0.0 else np.nan
    return middle + half if buys else sold


def _newest_quotes(
    of_quote: NDArray[np.int64], stamps: NDArray[np.int64], contracts: int, at: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the number of each contract's last quote at each time, -1 before the first."""
    first_time = np.searchsorted(at, stamps, side="left")
    newest = np.full((contracts, len(at)), -1, dtype=np.int64)
    used = np.flatnonzero((of_quote >= 0) & (first_time < len(at)))
    # Quotes are in the order of their instants: the largest number is the newest.
    np.maximum.at(newest, (of_quote[used], first_time[used]), used)
    return np.maximum.accumulate(newest, axis=1)


def _check_quoted(wanted: list[Contract], held: list[Contract]) -> None:
    known = set(held)
    for expiry, strike, right in wanted:
        if (expiry, strike, right) not in known:
            near = [f"{k:g}" for e, k, r in held if (e, r) == (expiry, right)]
            raise Refusal(
                "contracts",
                f"{expiry} {strike:g} {right}",
                f"quoted ones; strikes of that day: {', '.join(near[:8]) or 'none'}",
            )
