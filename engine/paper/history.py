"""The bars of a session: which have closed, and whether those that were decided on still stand."""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, Final

import numpy as np

from engine.bars import Bars
from engine.errors import Refusal
from engine.local_time import latest_closes
from engine.paper.booking import first_bar_of
from engine.paper.books import Books, microseconds

__all__ = ["closed_bars", "history_rows", "instant_of"]

# Vendors round prices that a split divides.
_SAME: Final = 1e-6
_ROUNDED: Final = 2e-3
_LARGEST_SPLIT: Final = 100
# What a dividend leaves of the price before it.
_LARGEST_DIVIDEND: Final = 0.8


def instant_of(bars: Bars, index: int) -> datetime.datetime:
    """Return the opening instant of a bar."""
    seconds = int(bars.timestamps[index]) / 1e6
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC)


def closed_bars(
    bars: Sequence[Bars], symbols: Sequence[str], now: datetime.datetime
) -> tuple[Bars, ...]:
    """Return the bars of a session's symbols that have closed, in its order.

    A bar of a day, a week or a month counts as closed at the regular close of its last day: on a
    half day, three hours after trading has ended, and before the next open.

    Parameters
    ----------
    bars : sequence of Bars
        One series per symbol, of equal timestamps.
    symbols : sequence of str
        What is traded.
    now : datetime
        Of this machine, UTC.

    Raises
    ------
    Refusal
        If a symbol is missing, timestamps differ, or no bar has closed.
    """
    by_symbol = {item.symbol: item for item in bars}
    absent = [symbol for symbol in symbols if symbol not in by_symbol]
    if absent:
        raise Refusal("bars", f"none of {', '.join(absent)}", f"bars of {', '.join(symbols)}")
    found = [by_symbol[symbol] for symbol in symbols]
    for other in found[1:]:
        if not np.array_equal(other.timestamps, found[0].timestamps):
            said = f"timestamps of {other.symbol} that differ from {found[0].symbol}'s"
            raise Refusal("bars", said, "equal ones")
    ends = latest_closes(found[0].timestamps, found[0].calendar)
    count = int(np.searchsorted(ends, microseconds(now), side="right"))
    if count == 0:
        raise Refusal("bars", "none that has closed", hint="`mc ingest` fetches them")
    return tuple(item[:count] for item in found)


def history_rows(
    books: Books, bars: Sequence[Bars], positions: Mapping[str, float]
) -> list[dict[str, Any]]:
    """Return the rows of splits and dividends since the last decision.

    Where the close that was last decided on is another one now, by the ratio of a split that the
    broker's position shows too, fills before it are carried in the new units. Where it is lower and
    the position is as it was, a dividend was taken out of the prices, and out of those of the
    fills. Anything else is a history that was rewritten, and is refused.

    Parameters
    ----------
    books : Books
        With the closes of the last decision.
    bars : sequence of Bars
        Closed bars.
    positions : mapping of str to float
        Units that the broker has.

    Raises
    ------
    Refusal
        If a close that was decided on is another one, and no split says why.
    """
    if books.decided < 0:
        return []
    place = first_bar_of(books, bars) + books.decided
    rows: list[dict[str, Any]] = []
    for item in bars:
        bar = {"bar": books.decided, "symbol": item.symbol}
        before = books.closes.get(item.symbol)
        now = float(item.close[place]) if place < len(item) else math.nan
        if before is None or (now == now and math.isclose(before, now, rel_tol=_SAME)):
            continue
        ratio = _split(before / now) if now == now and now != 0.0 else None
        held, found = books.position(item.symbol), positions.get(item.symbol, 0.0)
        shown = ratio is not None and math.isclose(found, held * ratio, rel_tol=1e-6, abs_tol=1e-9)
        lower = now / before if now == now and before != 0.0 else 0.0
        if ratio is None and _LARGEST_DIVIDEND <= lower < 1.0 and math.isclose(found, held):
            rows.append({"event": "dividend", **bar, "price": lower})
            rows.append({"event": "close", **bar, "price": now})
            continue
        if ratio is None or not shown:
            day = instant_of(item, min(place, len(item) - 1)).date()
            raise Refusal(
                "bars",
                f"a close of {item.symbol} on {day} that was {before:g} when it was decided on "
                f"and is {now:g} now",
                "the same one, a split that the position at the broker shows, or a dividend",
                hint="stop the session, and look what the provider has restated",
            )
        rows.append({"event": "split", **bar, "units": ratio})
        rows.append({"event": "close", **bar, "price": now})
    return rows


def _split(ratio: float) -> float | None:
    """Return the ratio of small whole numbers that a ratio of rounded prices is, else None."""
    if not ratio > 0.0:
        return None
    near = Fraction(ratio).limit_denominator(10)
    if math.isclose(ratio, 1.0, rel_tol=0.2):
        return None
    if near in (0, 1) or near.numerator > _LARGEST_SPLIT:
        inverse = Fraction(1.0 / ratio).limit_denominator(10)
        if inverse in (0, 1) or inverse.numerator > _LARGEST_SPLIT:
            return None
        near = 1 / inverse
    return float(near) if math.isclose(float(near), ratio, rel_tol=_ROUNDED) else None
