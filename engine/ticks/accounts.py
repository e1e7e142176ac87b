"""What fills do to an account, what it is worth, and what the clock asks of it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.compiled.intrinsics import keep_apart
from engine.execution.calling import called, part, rare
from engine.ticks import layout as at

__all__ = [
    "book_fill",
    "clock",
    "equity_of",
    "keep_time",
    "mark_of",
    "mid_of",
    "trade_units",
    "watch_fill",
]

_FIRST_INTERVAL = at.NANOSECONDS


@part
def mid_of(touch: NDArray[np.float64], symbol: int) -> float:
    """Return the middle of the touch; NaN where a side is empty."""
    return float(0.5 * (touch[symbol, at.BID] + touch[symbol, at.ASK]))


@part
def mark_of(touch: NDArray[np.float64], symbol: int, units: float, at_mid: bool) -> float:
    """Return the price at which units are valued: the side that would take them, as last seen."""
    bid, ask = touch[symbol, at.BID], touch[symbol, at.ASK]
    if math.isnan(bid):
        bid = touch[symbol, at.LAST_BID]
    if math.isnan(ask):
        ask = touch[symbol, at.LAST_ASK]
    if at_mid:
        return float(0.5 * (bid + ask))
    return float(bid if units > 0.0 else ask)


@called
def equity_of(
    rules: NDArray[np.float64],
    touch: NDArray[np.float64],
    books: NDArray[np.float64],
    cash: float,
) -> float:
    """Return cash and the value of what is held."""
    worth = cash
    for symbol in range(books.shape[0]):
        units = books[symbol, at.UNITS]
        if units != 0.0:
            price = mark_of(touch, symbol, units, rules[at.MARK_AT_MID] != 0.0)
            worth += units * price * rules[at.MULTIPLIER]
    return worth


@part
def trade_units(
    books: NDArray[np.float64], symbol: int, units: float, price: float, lot: float
) -> tuple[float, float]:
    """Enter a fill; return the units of the position that it closed, and their gain per multiplier.

    A position has one mean price: what opens moves it, what closes does not.
    """
    held = books[symbol, at.UNITS]
    after = np.rint((held + units) / lot) * lot
    closed = gain = 0.0
    if held == 0.0:
        books[symbol, at.AVERAGE] = price
    elif (held > 0.0) == (units > 0.0):
        size, more = abs(held), abs(units)
        mean = (books[symbol, at.AVERAGE] * size + price * more) / (size + more)
        books[symbol, at.AVERAGE] = mean
    else:
        closed = min(abs(units), abs(held))
        move = price - books[symbol, at.AVERAGE]
        gain = closed * (move if held > 0.0 else -move)
        if after == 0.0 or (after > 0.0) != (held > 0.0):
            books[symbol, at.AVERAGE] = price
    books[symbol, at.UNITS] = after
    return closed, gain


@called
def book_fill(s: Any, symbol: int, units: float, price: float, fee: float, stamp: int) -> float:
    """Enter a fill in the account as it is; return the profit of what it closed."""
    numbers, counts, books = s.numbers, s.counts, s.books
    multiplier = s.rules[at.MULTIPLIER]
    keep_time(s, stamp)
    before, size = abs(books[symbol, at.UNITS]), abs(units)
    closed, gain = trade_units(books, symbol, units, price, s.rules[at.LOT])
    value = units * price * multiplier
    numbers[at.CASH] -= value + fee
    numbers[at.FEES] += fee
    numbers[at.TRADED_VALUE] += abs(value)
    since = float(stamp - counts[at.ORIGIN])
    opened = size - closed
    profit = 0.0
    if closed > 0.0:
        share = closed / before
        costs = books[symbol, at.OPEN_FEES] * share + fee * (closed / size)
        profit = gain * multiplier - costs
        books[symbol, at.OPEN_FEES] -= books[symbol, at.OPEN_FEES] * share
        numbers[at.REALISED] += profit
        _count_trade(s, profit, (since - books[symbol, at.OPENED]) / at.NANOSECONDS)
    if opened > 0.0:
        kept = before - closed
        mean = (books[symbol, at.OPENED] * kept + since * opened) / (kept + opened)
        books[symbol, at.OPENED] = mean
        books[symbol, at.OPEN_FEES] += fee * (opened / size)
    numbers[at.INVENTORY_MOST] = max(numbers[at.INVENTORY_MOST], abs(books[symbol, at.UNITS]))
    return profit


@part
def _count_trade(s: Any, profit: float, seconds: float) -> None:
    counts, numbers = s.counts, s.numbers
    counts[at.TRADES] += 1
    numbers[at.DURATION_SUM] += seconds
    numbers[at.DURATION_MAX] = max(numbers[at.DURATION_MAX], seconds)
    if profit > 0.0:
        counts[at.WINS] += 1
        numbers[at.WON] += profit
        counts[at.STREAK] = 0
    elif profit < 0.0:
        counts[at.LOSSES] += 1
        numbers[at.LOST] += profit
        counts[at.STREAK] += 1
        counts[at.STREAK_MAX] = max(counts[at.STREAK_MAX], counts[at.STREAK])


@part
def _held(s: Any) -> float:
    """Return the units of all positions, whichever side."""
    held = 0.0
    for symbol in range(s.books.shape[0]):
        held += abs(s.books[symbol, at.UNITS])
    return held


@called
def keep_time(s: Any, stamp: int) -> None:
    """Add the time for which positions have stood, before one of them changes."""
    passed = float(stamp - s.counts[at.HELD_SINCE])
    held = _held(s)
    if held > 0.0:
        s.numbers[at.EXPOSED_TIME] += passed
        s.numbers[at.INVENTORY_TIME] += held * passed
    s.counts[at.HELD_SINCE] = stamp


@rare
def clock(s: Any, stamp: int) -> None:
    """Do what has fallen due up to `stamp`, at the touch as it stood: marks, funding, the watch."""
    keep_apart()
    counts = s.counts
    if counts[at.NEXT_CLOCK] < 0:
        counts[at.ORIGIN] = counts[at.HELD_SINCE] = stamp
        counts[at.INTERVAL] = _FIRST_INTERVAL
        counts[at.NEXT_MARK] = stamp + _FIRST_INTERVAL
        every = s.times[at.FUNDING_EVERY]
        if every > 0:
            counts[at.NEXT_FUNDING] = (stamp // every + 1) * every
        _set_clock(s)
    while counts[at.NEXT_CLOCK] <= stamp:
        due = counts[at.NEXT_CLOCK]
        if counts[at.NEXT_FUNDING] == due:
            _pay_funding(s)
        if counts[at.NEXT_MARK] == due:
            _mark(s)
        for horizon in range(3):
            _look(s, horizon, due)
        _set_clock(s)


@part
def _set_clock(s: Any) -> None:
    counts = s.counts
    due = min(counts[at.NEXT_MARK], counts[at.NEXT_FUNDING])
    for horizon in range(3):
        head = counts[at.WATCH_HEAD + horizon]
        if head < counts[at.WATCH_TAIL]:
            due = min(due, s.watch[head % at.WATCH_ROOM] + at.WATCH_HORIZONS[horizon])
    counts[at.NEXT_CLOCK] = due


@part
def _pay_funding(s: Any) -> None:
    """Let who is long pay the rate on the middle of the touch, and who is short receive it."""
    for symbol in range(s.books.shape[0]):
        units = s.books[symbol, at.UNITS]
        if units != 0.0:
            price = mark_of(s.touch, symbol, units, True)
            paid = units * price * s.rules[at.MULTIPLIER] * s.rules[at.FUNDING]
            s.numbers[at.CASH] -= paid
            s.numbers[at.HEARD_CASH] -= paid
            s.numbers[at.FUNDING_PAID] += paid
    s.counts[at.NEXT_FUNDING] += s.times[at.FUNDING_EVERY]


@part
def _mark(s: Any) -> None:
    counts = s.counts
    if counts[at.MARKS] == at.MOST_MARKS - 1:
        # One place is left for the end. The marks that stay are those of twice the interval.
        kept = counts[at.MARKS] // 2
        for mark in range(kept):
            s.curve[mark] = s.curve[2 * mark + 1]
        counts[at.MARKS] = kept
        counts[at.INTERVAL] *= 2
        # The mark that is due now is one of those only if an odd number was kept before it.
        counts[at.NEXT_MARK] = counts[at.ORIGIN] + (kept + 1) * counts[at.INTERVAL]
        return
    s.curve[counts[at.MARKS]] = equity_of(s.rules, s.touch, s.books, s.numbers[at.CASH])
    counts[at.MARKS] += 1
    counts[at.NEXT_MARK] += counts[at.INTERVAL]


@part
def _look(s: Any, horizon: int, due: int) -> None:
    """Measure how far the middle has moved against fills of a horizon ago."""
    counts = s.counts
    while counts[at.WATCH_HEAD + horizon] < counts[at.WATCH_TAIL]:
        place = counts[at.WATCH_HEAD + horizon] % at.WATCH_ROOM
        if s.watch[place] + at.WATCH_HORIZONS[horizon] > due:
            break
        units = s.watch_numbers[place, at.WATCH_UNITS]
        symbol = int(s.watch_numbers[place, at.WATCH_SYMBOL])
        moved = mark_of(s.touch, symbol, units, True) - s.watch_numbers[place, at.WATCH_MID]
        s.numbers[at.ADVERSE_SUM + horizon] -= units * moved
        s.numbers[at.ADVERSE_UNITS + horizon] += abs(units)
        counts[at.WATCH_HEAD + horizon] += 1


@part
def watch_fill(s: Any, symbol: int, units: float, price: float, stamp: int) -> None:
    """Count what a fill earned of the spread, and watch what the middle does after it."""
    mid = mid_of(s.touch, symbol)
    if math.isnan(mid):
        return
    s.numbers[at.SPREAD_SUM] += units * (mid - price) * s.rules[at.MULTIPLIER]
    counts = s.counts
    head = min(counts[at.WATCH_HEAD], counts[at.WATCH_HEAD + 1], counts[at.WATCH_HEAD + 2])
    if counts[at.WATCH_TAIL] - head == at.WATCH_ROOM:
        return
    place = counts[at.WATCH_TAIL] % at.WATCH_ROOM
    s.watch[place] = stamp
    s.watch_numbers[place, at.WATCH_SYMBOL] = symbol
    s.watch_numbers[place, at.WATCH_UNITS] = units
    s.watch_numbers[place, at.WATCH_MID] = mid
    counts[at.WATCH_TAIL] += 1
    counts[at.NEXT_CLOCK] = min(counts[at.NEXT_CLOCK], stamp + at.WATCH_HORIZONS[0])
