"""The state of running simulations of ticks, and the frame by which compiled code reads one."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.compiled.framed_record import Entry, Layout, framed_record
from engine.ticks import layout as at
from engine.ticks.chunk import TickChunk

__all__ = ["RECORDED", "Desks", "desk_at", "keep_chunk", "new_desks", "point_at", "rows_at"]

# What of a chunk compiled code reads, in the order of the frame.
_OF_CHUNK: Final = (
    *("stamps", "heard", "bid", "ask", "bid_size", "ask_size"),
    *("trade_price", "trade_size", "trade_side", "symbol"),
)
# Behind them what a simulation of the batch form wants to hold: a row of its own for each.
_TARGET: Final = "target"
_WHOLE: Final = {"stamps": "int64", "heard": "int64", "trade_side": "int8", "symbol": "int32"}


#: Arrays of what is recorded, which grow on the way.
RECORDED: Final = ("fills", "fill_numbers", "log", "log_numbers")


@dataclass(frozen=True, eq=False)
class Desks:
    """Arrays of simulations that read one stream, a row for each; columns as in `layout`.

    All that passes from one chunk to the next is here: it can be saved and put back.
    """

    rules: NDArray[np.float64]
    times: NDArray[np.int64]
    counts: NDArray[np.int64]
    numbers: NDArray[np.float64]
    touch: NDArray[np.float64]
    heard_touch: NDArray[np.float64]
    books: NDArray[np.float64]
    heard_books: NDArray[np.float64]
    orders: NDArray[np.int64]
    order_numbers: NDArray[np.float64]
    live: NDArray[np.int64]
    requests: NDArray[np.int64]
    request_numbers: NDArray[np.float64]
    responses: NDArray[np.int64]
    response_numbers: NDArray[np.float64]
    watch: NDArray[np.int64]
    watch_numbers: NDArray[np.float64]
    curve: NDArray[np.float64]
    state: NDArray[np.float64]
    whole_state: NDArray[np.int64]
    fills: NDArray[np.int64]
    fill_numbers: NDArray[np.float64]
    log: NDArray[np.int64]
    log_numbers: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.counts)

    def frames(self) -> NDArray[np.int64]:
        """Return a frame for each simulation; the arrays must outlive them."""
        arrays = [getattr(self, field.name) for field in fields(self)]
        strides = np.array([array.strides[0] for array in arrays])
        made = np.zeros((len(self), _FRAME_WIDTH), dtype=np.int64)
        rows = np.arange(len(self))[:, np.newaxis]
        made[:, : len(arrays)] = [_address(array) for array in arrays] + strides * rows
        made[:, _SYMBOLS] = self.touch.shape[1]
        made[:, _STATE_ROOM] = self.state.shape[1]
        made[:, _FILL_ROOM] = self.fills.shape[1]
        return made

    def with_fill_room(self, room: int) -> Desks:
        """Return the same with room for that many fills and events of orders of each simulation."""
        kept = {field.name: getattr(self, field.name) for field in fields(self)}
        for name in RECORDED:
            used = kept[name]
            kept[name] = np.zeros((len(self), room, used.shape[2]), dtype=used.dtype)
            kept[name][:, : used.shape[1]] = used
        return Desks(**kept)


def new_desks(
    rules: NDArray[np.float64],
    times: NDArray[np.int64],
    *,
    simulations: int,
    symbol_count: int,
    states: int,
    fill_room: int,
) -> Desks:
    """Allocate the state of simulations before their first event.

    Parameters
    ----------
    rules : ndarray of float64, shape (RULES_WIDTH,)
        Settings.
    times : ndarray of int64, shape (TIMES_WIDTH,)
        Settings.
    simulations, symbol_count, states, fill_room : int
        How many there are; states of the strategy, and recorded fills that have room.
    """

    def floats(*shape: int) -> NDArray[np.float64]:
        return np.zeros((simulations, *shape))

    def whole(*shape: int) -> NDArray[np.int64]:
        return np.zeros((simulations, *shape), dtype=np.int64)

    desks = Desks(
        rules=np.tile(rules, (simulations, 1)),
        times=np.tile(times, (simulations, 1)),
        counts=whole(at.COUNTS_WIDTH),
        numbers=floats(at.NUMBERS_WIDTH),
        touch=floats(symbol_count, at.TOUCH_WIDTH),
        heard_touch=floats(symbol_count, at.TOUCH_WIDTH),
        books=floats(symbol_count, at.BOOK_WIDTH),
        heard_books=floats(symbol_count, at.BOOK_WIDTH),
        orders=whole(at.ORDER_ROOM, at.ORDER_WIDTH),
        order_numbers=floats(at.ORDER_ROOM, at.ORDER_NUMBERS),
        live=whole(at.ORDER_ROOM),
        requests=whole(at.REQUEST_ROOM, at.REQUEST_WIDTH),
        request_numbers=floats(at.REQUEST_ROOM, 2),
        responses=whole(at.RESPONSE_ROOM, at.RESPONSE_WIDTH),
        response_numbers=floats(at.RESPONSE_ROOM, at.RESPONSE_NUMBERS),
        watch=whole(at.WATCH_ROOM),
        watch_numbers=floats(at.WATCH_ROOM, at.WATCH_NUMBERS),
        curve=floats(at.MOST_MARKS),
        state=floats(max(states, 1)),
        whole_state=whole(max(states, 1)),
        fills=whole(fill_room, at.FILL_WIDTH),
        fill_numbers=floats(fill_room, at.FILL_NUMBERS),
        log=whole(fill_room, at.LOG_WIDTH),
        log_numbers=floats(fill_room, at.LOG_NUMBERS),
    )
    desks.touch[:] = np.nan
    desks.heard_touch[:] = np.nan
    desks.counts[:, [at.NEXT_DUE, at.NEXT_MARK, at.NEXT_EXPIRY, at.NEXT_FUNDING]] = at.NEVER
    desks.numbers[:, at.BUY_EDGE], desks.numbers[:, at.SELL_EDGE] = np.inf, -np.inf
    # The first event finds the clock due, and sets it.
    desks.counts[:, at.NEXT_CLOCK] = -1
    desks.numbers[:, [at.CASH, at.HEARD_CASH]] = rules[at.START_CASH]
    return desks


def point_at(
    frames: NDArray[np.int64],
    chunk: TickChunk,
    heard: NDArray[np.int64],
    targets: NDArray[np.float64],
) -> tuple[NDArray[Any], ...]:
    """Let frames read a chunk; return its arrays, which must be kept until the next.

    `targets` has a row for each frame, of shape (frames, events), or of none where nobody reads it.
    """
    arrays = (
        *(chunk.stamps, heard, chunk.bid_price, chunk.ask_price, chunk.bid_size, chunk.ask_size),
        *(chunk.trade_price, chunk.trade_size),
        *(chunk.trade_side, chunk.symbol),
    )
    frames[:, _CHUNK : _CHUNK + len(arrays)] = [_address(array) for array in arrays]
    if targets.size:
        rows = targets.strides[0] * np.arange(len(frames))
        frames[:, _CHUNK + len(arrays)] = _address(targets) + rows
    frames[:, _EVENTS] = len(chunk)
    return (*arrays, targets)


def keep_chunk(frames: NDArray[np.int64], anew: NDArray[np.int64]) -> None:
    """Let frames name the arrays of other desks, and the chunk that they name already."""
    anew[:, _CHUNK:_SYMBOLS] = frames[:, _CHUNK:_SYMBOLS]
    anew[:, _EVENTS] = frames[:, _EVENTS]
    frames[:] = anew


def rows_at(array: NDArray[Any]) -> list[int]:
    """Return the address of each row of an array, which must outlive them."""
    first, step = _address(array), array.strides[0]
    return [first + step * row for row in range(len(array))]


def _address(array: NDArray[Any]) -> int:
    # The attribute `ctypes` would make an object for each array.
    address: int = array.__array_interface__["data"][0]
    return address


_ARRAYS: Final = len(fields(Desks))
_CHUNK: Final = _ARRAYS
_SYMBOLS: Final = _ARRAYS + len(_OF_CHUNK) + 1
_STATE_ROOM: Final = _SYMBOLS + 1
_FILL_ROOM: Final = _SYMBOLS + 2
_EVENTS: Final = _SYMBOLS + 3
_FRAME_WIDTH: Final = _SYMBOLS + 4

# In the order of the fields of `Desks`.
_LAYOUT: Final[Layout] = {
    "rules": ("float64", (at.RULES_WIDTH,)),
    "times": ("int64", (at.TIMES_WIDTH,)),
    "counts": ("int64", (at.COUNTS_WIDTH,)),
    "numbers": ("float64", (at.NUMBERS_WIDTH,)),
    "touch": ("float64", (Entry(_SYMBOLS), at.TOUCH_WIDTH)),
    "heard_touch": ("float64", (Entry(_SYMBOLS), at.TOUCH_WIDTH)),
    "books": ("float64", (Entry(_SYMBOLS), at.BOOK_WIDTH)),
    "heard_books": ("float64", (Entry(_SYMBOLS), at.BOOK_WIDTH)),
    "orders": ("int64", (at.ORDER_ROOM, at.ORDER_WIDTH)),
    "order_numbers": ("float64", (at.ORDER_ROOM, at.ORDER_NUMBERS)),
    "live": ("int64", (at.ORDER_ROOM,)),
    "requests": ("int64", (at.REQUEST_ROOM, at.REQUEST_WIDTH)),
    "request_numbers": ("float64", (at.REQUEST_ROOM, 2)),
    "responses": ("int64", (at.RESPONSE_ROOM, at.RESPONSE_WIDTH)),
    "response_numbers": ("float64", (at.RESPONSE_ROOM, at.RESPONSE_NUMBERS)),
    "watch": ("int64", (at.WATCH_ROOM,)),
    "watch_numbers": ("float64", (at.WATCH_ROOM, at.WATCH_NUMBERS)),
    "curve": ("float64", (at.MOST_MARKS,)),
    "state": ("float64", (Entry(_STATE_ROOM),)),
    "whole_state": ("int64", (Entry(_STATE_ROOM),)),
    "fills": ("int64", (Entry(_FILL_ROOM), at.FILL_WIDTH)),
    "fill_numbers": ("float64", (Entry(_FILL_ROOM), at.FILL_NUMBERS)),
    "log": ("int64", (Entry(_FILL_ROOM), at.LOG_WIDTH)),
    "log_numbers": ("float64", (Entry(_FILL_ROOM), at.LOG_NUMBERS)),
    **{name: (_WHOLE.get(name, "float64"), (Entry(_EVENTS),)) for name in (*_OF_CHUNK, _TARGET)},
}

# Called inside compiled code: the simulation whose frame is at an address.
desk_at: Any = framed_record("Desk", _LAYOUT)
