"""Bars of several symbols on a common clock."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from engine.bars import DIVIDEND_YIELD, TRADED, Bars
from engine.calendar import EXCHANGES, BarCalendar
from engine.errors import Refusal
from engine.local_time import days_of_bars
from engine.own_data import bars_of
from engine.timeframes import intraday_minutes

__all__ = ["Join", "aligned", "joined"]

#: Which bars symbols of differing calendars have together: see `joined`.
Join = Literal["common", "last_known"]

_MINUTE: Final = 60_000_000


def aligned(bars: Any) -> tuple[Bars, ...]:
    """Keep the bars whose timestamps all symbols share.

    Parameters
    ----------
    bars : Bars, table, sequence or mapping of these
        History of one or several symbols; as of `engine.own_data.bars_of`.

    Returns
    -------
    tuple of Bars
        Equally long.

    Raises
    ------
    ValueError
        If there are no bars, symbols repeat, calendars differ or no timestamp is shared.
    """
    history = _history(bars)
    calendars = {item.calendar for item in history}
    if len(calendars) != 1:
        raise Refusal(
            "bars",
            f"calendars {sorted(map(str, calendars))}",
            "one",
            hint="`join: last_known` in the study's source, or `joined` in Python",
        )
    shared = reduce(np.intersect1d, [item.timestamps for item in history])
    if shared.size == 0:
        names = ", ".join(item.symbol for item in history)
        raise Refusal(
            "bars",
            f"{names} have no timestamp in common",
            hint="`join: last_known` in the study's source, or `joined` in Python",
        )
    return tuple(
        item if len(item) == shared.size else item[np.isin(item.timestamps, shared)]
        for item in history
    )


def joined(bars: Any, join: Join = "common") -> tuple[Bars, ...]:
    """Put symbols of differing calendars on one clock.

    Daily bars belong together by the day of their session, shorter ones by the instant at which
    they open. A joined bar opens with the first of its bars, and is known when the last of them is:
    each must end before any of the next opens, so that no decision fills before it is taken.

    Parameters
    ----------
    bars : Bars or sequence of Bars
        History of one or several symbols, of one timeframe.
    join : {"common", "last_known"}
        The bars that all symbols have, by the calendar with the fewest; or those that any has, by
        the calendar with the most, from the first that all have had one. A symbol without a bar
        of its own then repeats its last close, with no volume, and its column ``traded`` is 0:
        orders of it wait.

    Returns
    -------
    tuple of Bars
        Equally long, with the same timestamps and calendar.

    Raises
    ------
    Refusal
        If timeframes differ, or are longer than a day; if symbols have no bar together; or if a bar
        ends after one of the next opens.

    Examples
    --------
    >>> day, flat = 86_400_000_000, np.full(4, 100.0)
    >>> coin = Bars("BTC", np.arange(4) * day, *[flat] * 5, BarCalendar("24/7"))
    >>> share = Bars("A", np.array([0, 1]) * day + day * 3 // 5, *[flat[:2]] * 5)
    >>> [len(item) for item in joined((coin, share))]
    [2, 2]
    >>> joined((coin, share), "last_known")[1].columns["traded"].tolist()
    [1.0, 1.0, 0.0, 0.0]
    """
    history = _history(bars)
    calendars = [item.calendar for item in history]
    if len(set(calendars)) == 1 and join == "common":
        return aligned(history)
    if len({calendar.timeframe for calendar in calendars}) > 1:
        raise Refusal("timeframe", ", ".join(sorted(map(str, calendars))), "one of all symbols")
    minutes = intraday_minutes(calendars[0].timeframe)
    if minutes is None and calendars[0].timeframe != "1d":
        raise Refusal("timeframe", calendars[0].timeframe, "1d or shorter, of several calendars")
    same = len(set(calendars)) == 1
    labels = [_labels(item, by_day=minutes is None and not same) for item in history]
    if join == "common":
        wanted = reduce(np.intersect1d, labels)
        calendar = min(calendars, key=lambda item: item.bars_per_year)
    else:
        wanted = reduce(np.union1d, labels)
        wanted = wanted[wanted >= max(label[0] for label in labels)]
        calendar = max(calendars, key=lambda item: item.bars_per_year)
    if len(wanted) == 0:
        names = ", ".join(item.symbol for item in history)
        raise Refusal(
            "join",
            f"{names} have no bar after all of them have begun",
            hint="`mc ingest` fetches years that overlap",
        )
    places = [np.searchsorted(label, wanted, side="right") - 1 for label in labels]
    own = [label[place] == wanted for label, place in zip(labels, places, strict=True)]
    stamps = _clock(history, places, own, minutes)
    return tuple(
        _placed(item, place, has, stamps, calendar, repeats=join == "last_known")
        for item, place, has in zip(history, places, own, strict=True)
    )


def _history(bars: Any) -> tuple[Bars, ...]:
    """Return bars as a tuple of series that differ in their symbol alone."""
    history = bars_of(() if bars is None else bars)
    if not history:
        raise Refusal("bars", "none", "the bars of at least one symbol")
    names = [item.symbol for item in history]
    if len(set(names)) != len(names):
        raise Refusal("bars", f"symbols {', '.join(names)}", "each symbol once")
    for item in history[1:]:
        if item.fields != history[0].fields:
            raise Refusal(
                "bars",
                f"columns {', '.join(item.columns) or 'none'} of {item.symbol}",
                f"those of {names[0]} ({', '.join(history[0].columns) or 'none'})",
            )
    return history


def _labels(bars: Bars, *, by_day: bool) -> NDArray[np.int64]:
    """Return what bars of several symbols have in common that belong together."""
    if not by_day:
        return bars.timestamps
    days: NDArray[np.int64] = days_of_bars(bars.timestamps, bars.calendar.exchange)
    twice = np.flatnonzero(np.diff(days) == 0)
    if len(twice):
        day = np.datetime64(int(days[twice[0]]), "D")
        raise Refusal("bars", f"two daily bars of {bars.symbol} on {day}", "one")
    return days


def _clock(
    history: tuple[Bars, ...],
    places: list[NDArray[np.int64]],
    own: list[NDArray[np.bool_]],
    minutes: int | None,
) -> NDArray[np.int64]:
    """Return when the joined bars open; refuse those that end after the next ones do."""
    late = np.iinfo(np.int64).max
    opens, ends = [], []
    for item, place, has in zip(history, places, own, strict=True):
        length = minutes or EXCHANGES[item.calendar.exchange].minutes_open_to_close
        stamps = item.timestamps[place]
        opens.append(np.where(has, stamps, late))
        ends.append(np.where(has, stamps + int(length * _MINUTE), -late))
    first: NDArray[np.int64] = np.min(opens, axis=0)
    last: NDArray[np.int64] = np.max(ends, axis=0)
    wrong = np.flatnonzero(first[1:] < last[:-1])
    if len(wrong):
        bar = int(wrong[0])
        ending = history[int(np.argmax([end[bar] for end in ends]))].symbol
        opening = history[int(np.argmin([start[bar + 1] for start in opens]))].symbol
        when = np.datetime64(int(last[bar]), "us").astype("datetime64[m]")
        raise Refusal(
            "join",
            f"a bar of {ending} that ends at {when}Z, after the next of {opening} has opened",
            "bars that end before the next ones open, such as minutes of both",
        )
    return first


def _placed(
    bars: Bars,
    place: NDArray[np.int64],
    own: NDArray[np.bool_],
    stamps: NDArray[np.int64],
    calendar: BarCalendar,
    *,
    repeats: bool,
) -> Bars:
    """Return the bars of a symbol on the joined clock."""
    last = bars.close[place]
    listed = bars.own_exchange or bars.calendar.exchange
    columns = {name: values[place] for name, values in bars.columns.items()}
    if DIVIDEND_YIELD in columns:
        columns[DIVIDEND_YIELD] = np.where(own, columns[DIVIDEND_YIELD], 0.0)
    if repeats:
        columns[TRADED] = own.astype(np.float64)
    return replace(
        bars,
        timestamps=stamps,
        open=np.where(own, bars.open[place], last),
        high=np.where(own, bars.high[place], last),
        low=np.where(own, bars.low[place], last),
        close=last,
        volume=np.where(own, bars.volume[place], 0.0),
        calendar=calendar,
        columns=columns,
        own_exchange=None if listed == calendar.exchange else listed,
    )
