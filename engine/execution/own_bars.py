"""Bars of symbols that share a clock: which of them each has, and whose sessions those are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.bars import TRADED, Bars

__all__ = ["OwnBars", "own_bars_of"]


class OwnBars(NamedTuple):
    """The bars that a symbol has of a clock it shares with others.

    Parameters
    ----------
    exchange : str
        Whose sessions they are, a key of `engine.calendar.EXCHANGES`.
    traded : ndarray of bool, shape (bars,), optional
        Whether the symbol has each bar, on others it repeats its last price; None: it has all.
    """

    exchange: str
    traded: NDArray[np.bool_] | None


def own_bars_of(series: Sequence[Bars], last: int | None = None) -> tuple[OwnBars, ...] | None:
    """Return the own bars of several series of one clock; None where all have all of them.

    Parameters
    ----------
    series : sequence of Bars
        Of equal timestamps.
    last : int, optional
        How many bars at their end; by default all.

    Examples
    --------
    >>> stamps, flat = np.arange(3) * 86_400_000_000, np.full(3, 100.0)
    >>> columns = {"traded": np.array([1.0, 0.0, 1.0])}
    >>> bars = Bars("A", stamps, *[flat] * 5, columns=columns)
    >>> own_bars_of([bars], 2)
    (OwnBars(exchange='XNYS', traded=array([False,  True])),)
    """
    if all(item.own_exchange is None and TRADED not in item.columns for item in series):
        return None
    inside = slice(0 if last is None else len(series[0]) - last, None)
    found = []
    for item in series:
        traded = item.columns.get(TRADED, np.ones(len(item)))[inside]
        found.append(OwnBars(item.own_exchange or item.calendar.exchange, traded != 0.0))
    return tuple(found)
