"""What is under way between strategy and exchange: requests and answers, each with its delay."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from engine.compiled.elementary import log
from engine.execution.calling import called, part
from engine.randomness.normals import uniform, words
from engine.randomness.streams import Stream
from engine.ticks import layout as at

__all__ = ["FEED_STREAM", "QUEUE_STREAM", "ask", "note", "respond", "set_due", "waited"]

FEED_STREAM: Final = int(Stream.EXECUTION) + 0x100
_ENTRY_STREAM: Final = FEED_STREAM + 1
_RESPONSE_STREAM: Final = FEED_STREAM + 2
#: One for each symbol.
QUEUE_STREAM: Final = FEED_STREAM + 0x100


@part
def set_due(s: Any) -> None:
    """Find the time of the earliest message and expiry that are under way."""
    counts = s.counts
    due = counts[at.NEXT_EXPIRY]
    if counts[at.REQUEST_HEAD] < counts[at.REQUEST_TAIL]:
        place = counts[at.REQUEST_HEAD] % at.REQUEST_ROOM
        due = min(due, s.requests[place, at.REQUEST_DUE])
    if counts[at.RESPONSE_HEAD] < counts[at.RESPONSE_TAIL]:
        place = counts[at.RESPONSE_HEAD] % at.RESPONSE_ROOM
        due = min(due, s.responses[place, at.RESPONSE_DUE])
    counts[at.NEXT_DUE] = due


@part
def waited(seed: int, path: int, stream: int, number: int) -> float:
    """Return the exponential number of mean 1 that belongs to one message."""
    word, _, _, _ = words(np.uint64(seed), np.uint64(stream), np.uint64(path), np.uint64(number))
    return -log(uniform(word))


@part
def _delay(s: Any, first: int, stream: int, number: int) -> int:
    """Return the nanoseconds that a message takes."""
    times = s.times
    if times[first + 1] == at.CONSTANT:
        return int(times[first])
    if times[first + 1] == at.OF_DATA:
        return int(s.counts[at.FEED_NOW])
    drawn = waited(times[at.SEED], times[at.PATH], stream, number)
    return int(times[first] + int(times[first + 2] * drawn))


@called
def ask(s: Any, kind: int, slot: int, number: int, units: float, price: float) -> bool:
    """Send a request; false where too many are under way. None overtakes another."""
    counts = s.counts
    if counts[at.REQUEST_TAIL] - counts[at.REQUEST_HEAD] == at.REQUEST_ROOM:
        return False
    delay = _delay(s, at.ENTRY, _ENTRY_STREAM, counts[at.REQUESTS])
    due = max(counts[at.NOW] + delay, counts[at.LAST_REQUEST])
    if counts[at.REQUEST_TAIL] == counts[at.REQUEST_HEAD]:
        # Begun anew where nothing is under way, the ring stays in the fastest memory.
        counts[at.REQUEST_TAIL] = counts[at.REQUEST_HEAD] = 0
    place = counts[at.REQUEST_TAIL] % at.REQUEST_ROOM
    s.requests[place, at.REQUEST_DUE] = due
    s.requests[place, at.REQUEST_KIND] = kind
    s.requests[place, at.REQUEST_SLOT] = slot
    s.requests[place, at.REQUEST_NUMBER] = number
    s.request_numbers[place, 0], s.request_numbers[place, 1] = units, price
    counts[at.REQUEST_TAIL] += 1
    counts[at.REQUESTS] += 1
    counts[at.LAST_REQUEST] = due
    counts[at.NEXT_DUE] = min(counts[at.NEXT_DUE], due)
    return True


@called
def note(s: Any, event: int, slot: int, units: float, price: float, stamp: int) -> None:
    """Write down what happens to an order, where that is recorded."""
    row = s.counts[at.LOGGED]
    if row >= s.log.shape[0]:
        return
    s.log[row, 0] = stamp
    s.log[row, 1] = s.orders[slot, at.ORDER_NUMBER]
    s.log[row, 2] = s.orders[slot, at.ORDER_SYMBOL]
    s.log[row, 3] = event
    s.log_numbers[row, 0], s.log_numbers[row, 1] = units, price
    s.counts[at.LOGGED] = row + 1


@part
def respond(
    s: Any,
    kind: int,
    slot: int,
    final: bool,
    maker: bool,
    units: float,
    price: float,
    fee: float,
    stamp: int,
) -> int:
    """Send an answer; return when it will be heard. None overtakes another."""
    counts = s.counts
    note(s, at.ANSWERED + kind, slot, units, math.nan if kind == at.ENDED else price, stamp)
    delay = _delay(s, at.RESPONSE, _RESPONSE_STREAM, counts[at.RESPONSES])
    due = max(stamp + delay, counts[at.LAST_RESPONSE])
    if counts[at.RESPONSE_TAIL] - counts[at.RESPONSE_HEAD] == at.RESPONSE_ROOM:
        counts[at.STATUS] = at.TOO_MANY_RESPONSES
        return int(due)
    if counts[at.RESPONSE_TAIL] == counts[at.RESPONSE_HEAD]:
        counts[at.RESPONSE_TAIL] = counts[at.RESPONSE_HEAD] = 0
    place = counts[at.RESPONSE_TAIL] % at.RESPONSE_ROOM
    row = s.responses
    row[place, at.RESPONSE_DUE] = due
    row[place, at.RESPONSE_KIND] = kind
    row[place, at.RESPONSE_SLOT] = slot
    row[place, at.RESPONSE_ORDER] = s.orders[slot, at.ORDER_NUMBER]
    row[place, at.RESPONSE_FINAL] = 1 if final else 0
    row[place, at.RESPONSE_MAKER] = 1 if maker else 0
    row[place, at.RESPONSE_SYMBOL] = s.orders[slot, at.ORDER_SYMBOL]
    row[place, at.RESPONSE_STAMP] = stamp
    s.response_numbers[place, at.RESPONSE_UNITS] = units
    s.response_numbers[place, at.RESPONSE_PRICE] = price
    s.response_numbers[place, at.RESPONSE_FEE] = fee
    counts[at.RESPONSE_TAIL] += 1
    counts[at.RESPONSES] += 1
    counts[at.LAST_RESPONSE] = due
    counts[at.NEXT_DUE] = min(counts[at.NEXT_DUE], due)
    return int(due)
