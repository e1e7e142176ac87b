"""Compiled loops of the zero-intelligence book: counting what a file does, and doing it at random.

A side of the book is acted on in five ways, one row of `ACTIONS` each; the rates at which they come
depend on the spread alone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.compiled import inlined, kernel
from engine.compiled.elementary import log_fast
from engine.randomness import uniform, words

__all__ = ["ACTIONS", "SPREADS", "fill_book", "observe_book", "spread_state"]

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

#: What happens to a side: its size grows, shrinks, its price goes away, comes nearer, is traded at.
ACTIONS = ("add", "cut", "away", "nearer", "trade")
ADD, CUT, AWAY, NEARER, TRADE = range(5)
#: Lower bounds of the spreads that have rates of their own, in ticks.
SPREADS = (1, 2, 3, 6)
# A pause as long as this is a closed market, and no waiting time.
PAUSE = 3_600_000_000_000
WIDEST = 100_000

# Places in the arrays of state.
BID, ASK, NOW, STEP = range(4)


@inlined
def spread_state(spread: int) -> int:
    """Return the number of a spread's state; a spread below one tick is in the first."""
    if spread < 2:
        return 0
    if spread < 3:
        return 1
    return 2 if spread < 6 else 3


@kernel
def observe_book(
    stamps: Whole,
    bid_price: Floats,
    ask_price: Floats,
    bid_size: Floats,
    ask_size: Floats,
    trade_price: Floats,
    trade_size: Floats,
    trade_side: NDArray[np.int8],
    tick: float,
    whole: Whole,
    real: Floats,
    counts: Floats,
    seconds: Floats,
    follows: Floats,
    samples: Floats,
    filled: Whole,
) -> None:
    """Count what a chunk of events does to the book.

    Parameters
    ----------
    stamps, bid_price, ask_price, bid_size, ask_size, trade_price, trade_size, trade_side : ndarray
        Of a chunk.
    tick : float
        Price step.
    whole : ndarray of int64, shape (4,)
        Bid and ask in ticks, the stamp of the event before, and 1 where there was one.
    real : ndarray of float64, shape (4,)
        Sizes of bid and ask before, and the traded volume of each that no quote has shown yet.
    counts : ndarray of float64, shape (4, 5)
        Of each action in each state of the spread.
    seconds : ndarray of float64, shape (4,)
        Time spent in each.
    follows : ndarray of float64, shape (2,)
        Moves away, and those that the other side followed in the same event.
    samples : ndarray of float64, shape (6, events)
        Sizes added, sizes of new prices, shares that a cut left, sizes of trades (below zero: at
        least that much, for it took all that was shown), moves away and moves nearer in ticks.
    filled : ndarray of int64, shape (6,)
        How many of each there are.
    """
    for i in range(len(stamps)):
        if np.isnan(bid_price[i]) or np.isnan(ask_price[i]):
            whole[STEP] = 0
            continue
        bid, ask = int(np.rint(bid_price[i] / tick)), int(np.rint(ask_price[i] / tick))
        if whole[STEP] == 0:
            whole[BID], whole[ASK], whole[NOW], whole[STEP] = bid, ask, stamps[i], 1
            real[0], real[1], real[2], real[3] = bid_size[i], ask_size[i], 0.0, 0.0
            continue
        state = spread_state(whole[ASK] - whole[BID])
        waited = stamps[i] - whole[NOW]
        if waited < PAUSE:
            seconds[state] += waited * 1e-9
        whole[NOW] = stamps[i]
        if not np.isnan(trade_price[i]):
            side = 1 if trade_side[i] == 1 else 0
            if trade_side[i] == 0:
                side = 1 if 2.0 * trade_price[i] > bid_price[i] + ask_price[i] else 0
            counts[state, TRADE] += 1.0
            real[2 + side] += trade_size[i]
            # What takes all that is shown may have wanted more.
            shown = real[side]
            samples[3, filled[3]] = -trade_size[i] if trade_size[i] >= shown else trade_size[i]
            filled[3] += 1
        # Ticks away from the other side; both in one event are one move that was followed.
        bid_away, ask_away = whole[BID] - bid, ask - whole[ASK]
        for side in range(2):
            away = ask_away if side == 1 else bid_away
            other = bid_away if side == 1 else ask_away
            size = ask_size[i] if side == 1 else bid_size[i]
            before = real[side]
            if away > 0:
                if real[2 + side] == 0.0:
                    counts[state, AWAY] += 1.0
                follows[0] += 1.0
                follows[1] += 1.0 if other < 0 else 0.0
                samples[4, filled[4]] = away
                filled[4] += 1
            elif away < 0 and other <= 0:
                counts[state, NEARER] += 1.0
                samples[5, filled[5]] = -away
                filled[5] += 1
            elif away == 0 and size > before:
                counts[state, ADD] += 1.0
                samples[0, filled[0]] = size - before
                filled[0] += 1
            elif away == 0 and size < before and real[2 + side] == 0.0:
                counts[state, CUT] += 1.0
                samples[2, filled[2]] = size / before
                filled[2] += 1
            if away != 0:
                samples[1, filled[1]] = size
                filled[1] += 1
            if away != 0 or size != before:
                real[2 + side] = 0.0
            real[side] = size
        whole[BID], whole[ASK] = bid, ask


@inlined
def _drawn(quantiles: Floats, u: float) -> float:
    value: float = quantiles[int(u * len(quantiles))]
    return value


@inlined
def _in_lots(size: float, lot: Floats) -> float:
    """Round a size to whole lots, one at least."""
    rounded: float = max(np.floor(size * lot[1] / lot[0] + 0.5), 1.0) * lot[0] / lot[1]
    return rounded


@inlined
def _put(
    place: int,
    whole: Whole,
    real: Floats,
    tick: Floats,
    stamps: Whole,
    prices: Floats,
    trade_side: NDArray[np.int8],
) -> None:
    """Write the book as it stands as an event that is no trade."""
    stamps[place] = whole[NOW]
    prices[0, place] = whole[BID] * tick[0] / tick[1]
    prices[1, place] = whole[ASK] * tick[0] / tick[1]
    prices[2, place], prices[3, place] = real[0], real[1]
    prices[4, place] = prices[5, place] = np.nan
    trade_side[place] = 0


@kernel
def fill_book(
    seed: np.uint64,
    stream: np.uint64,
    end: int,
    tick: Floats,
    lot: Floats,
    follow: float,
    rates: Floats,
    quantiles: Floats,
    whole: Whole,
    real: Floats,
    stamps: Whole,
    prices: Floats,
    trade_side: NDArray[np.int8],
) -> int:
    """Fill arrays with the next events of a book; return how many, 0 behind the end.

    Parameters
    ----------
    seed, stream : uint64
        Of the random numbers; step `n` uses the two counters `2 n` and `2 n + 1`.
    end : int
        Stamp behind the last event.
    tick, lot : ndarray of float64, shape (2,)
        Steps of prices and sizes as fractions, so that 61837.63 is the number nearest to it.
    follow : float
        Probability that the other side follows a price that goes away.
    rates : ndarray of float64, shape (4, 5)
        Of each action on one side, per second, in each state of the spread.
    quantiles : ndarray of float64, shape (6, points)
        Of the samples of `observe_book`.
    whole : ndarray of int64, shape (4,)
        Bid and ask in ticks, the stamp, and the number of the next step.
    real : ndarray of float64, shape (2,)
        Sizes of bid and ask.
    stamps : ndarray of int64, shape (events,)
        Out: stamps.
    prices : ndarray of float64, shape (6, events)
        Out: prices of bid and ask, their sizes, price and size of a trade.
    trade_side : ndarray of int8, shape (events,)
        Out: who took.

    Notes
    -----
    A step takes one event, a trade two: its print under the quote before it, and the quote after.
    """
    filled = 0
    count = len(stamps)
    while filled + 2 <= count and whole[NOW] < end:
        number = np.uint64(whole[STEP]) * np.uint64(2)
        high = number >> np.uint64(32)
        a, b, c, d = words(seed, stream, high, number)
        e, f, g, _ = words(seed, stream, high, number + np.uint64(1))
        state = spread_state(whole[ASK] - whole[BID])
        total = 0.0
        for action in range(5):
            total += rates[state, action]
        waited = -log_fast(uniform(a)) / (2.0 * total) * 1e9
        whole[NOW] += np.int64(waited + 0.5)
        whole[STEP] += 1
        if whole[NOW] >= end:
            break
        chosen = uniform(b) * 2.0
        side = 1 if chosen >= 1.0 else 0
        left = (chosen - side) * total
        action = 0
        while action < 4 and left >= rates[state, action]:
            left -= rates[state, action]
            action += 1
        size = real[side]
        # From a best price outwards.
        outwards = 1 if side == 1 else -1
        if action == TRADE:
            volume = min(_in_lots(_drawn(quantiles[3], uniform(c)), lot), size)
            _put(filled, whole, real, tick, stamps, prices, trade_side)
            prices[4, filled] = prices[side, filled]
            prices[5, filled] = volume
            trade_side[filled] = outwards
            filled += 1
            if volume < size:
                real[side] = _in_lots(size - volume, lot)
            else:
                action = AWAY
        if action == ADD:
            real[side] = _in_lots(size + _drawn(quantiles[0], uniform(c)), lot)
        elif action == CUT:
            real[side] = _in_lots(size * _drawn(quantiles[2], uniform(c)), lot)
        elif action == NEARER:
            room = whole[ASK] - whole[BID] - 1
            if room > 0:
                whole[side] -= outwards * min(int(_drawn(quantiles[5], uniform(d))), room)
                real[side] = _in_lots(_drawn(quantiles[1], uniform(c)), lot)
        elif action == AWAY:
            away = int(_drawn(quantiles[4], uniform(d)))
            # No price falls to nothing, no spread grows for ever.
            if whole[BID] <= away or whole[ASK] - whole[BID] > WIDEST:
                away = 0
            whole[side] += outwards * away
            real[side] = _in_lots(_drawn(quantiles[1], uniform(e)), lot)
            if uniform(f) < follow:
                whole[1 - side] += outwards * away
                real[1 - side] = _in_lots(_drawn(quantiles[1], uniform(g)), lot)
        _put(filled, whole, real, tick, stamps, prices, trade_side)
        filled += 1
    return filled
