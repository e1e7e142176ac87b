"""The state of one running simulation, and the frame by which compiled code reads it."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.compiled.framed_record import Entry, Layout, framed_record
from engine.errors import Refusal
from engine.execution.calling import part
from engine.execution.layout import (
    ACCOUNT_WIDTH,
    BOOK_FULL,
    CLOCK_WIDTH,
    COUNTS_WIDTH,
    EVENT_WIDTH,
    FILL_PROBABILITY,
    LOT_WIDTH,
    LOTS_FULL,
    MARK_WIDTH,
    MOST_LOTS,
    OF_BARS,
    ORDER_CAPACITY,
    ORDER_WIDTH,
    POSITION_WIDTH,
    RULES_WIDTH,
    STATUS,
    STATUS_TEXTS,
    TAPE_BARS,
    TAPE_WIDTH,
    TRADE_WIDTH,
    TRADES_FULL,
)

__all__ = [
    "FRAME_WIDTH",
    "Simulation",
    "first_trading_bar",
    "frame_of",
    "new_simulation",
    "simulation_at",
    "status_of",
]


class Simulation(NamedTuple):
    """Arrays of one running simulation; columns are named in `engine.execution.layout`."""

    path: NDArray[np.float64]  # (symbols, fields, bars)
    account: NDArray[np.float64]
    counts: NDArray[np.int64]
    positions: NDArray[np.float64]  # (slots, POSITION_WIDTH): the symbols, then what else is held
    lots: NDArray[np.float64]  # (slots, capacity, LOT_WIDTH)
    orders: NDArray[np.float64]  # (capacity, ORDER_WIDTH)
    rules: NDArray[np.float64]  # (slots, RULES_WIDTH)
    curve: NDArray[np.float64]  # (trading bars,) equity at each close from the first trading bar
    trades: NDArray[np.float64]  # (capacity, TRADE_WIDTH)
    events: NDArray[np.float64]  # (capacity, EVENT_WIDTH)
    closed: NDArray[np.int64]  # (symbols, bars) 0, RESTS or OFF_HOURS; (symbols, 0): all are 0
    last_bars: NDArray[np.int64]  # (symbols, bars) of a day order; (symbols, 0): counted in bars
    elapsed: NDArray[np.float64]  # (bars,) mean bars since the open before; (0,): one each
    clock: NDArray[np.float64]  # (CLOCK_WIDTH, bars); (CLOCK_WIDTH, 0) where no hook asks
    marks: NDArray[np.float64]  # (rows, MARK_WIDTH, bars) quotes, written by who runs it
    mark_rows: NDArray[np.int64]  # (slots that are no symbols,) the row of marks of each
    tape: NDArray[np.float64]  # (fills, TAPE_WIDTH) recorded fills, by bar


# A frame is an int64 array: the address of each array of a `Simulation`, then these sizes.
_ARRAYS: Final = len(Simulation._fields)
_SYMBOLS: Final = _ARRAYS
_FIELDS: Final = _ARRAYS + 1
_BARS: Final = _ARRAYS + 2
_TRADE_ROWS: Final = _ARRAYS + 3
_EVENT_ROWS: Final = _ARRAYS + 4
_LOT_ROWS: Final = _ARRAYS + 5
_SESSION_BARS: Final = _ARRAYS + 6
_DAY_BARS: Final = _ARRAYS + 7
_ELAPSED_BARS: Final = _ARRAYS + 8
_CLOCK_BARS: Final = _ARRAYS + 9
_TRADING_BARS: Final = _ARRAYS + 10
_ORDER_ROWS: Final = _ARRAYS + 11
_SLOTS: Final = _ARRAYS + 12
_MARKS: Final = _ARRAYS + 13
_QUOTED: Final = _ARRAYS + 14
_TAPE_ROWS: Final = _ARRAYS + 15
#: Numbers of a frame; who runs a simulation may keep more of its own behind them.
FRAME_WIDTH: Final = _ARRAYS + 16

# In the order of the fields of `Simulation`.
_LAYOUT: Final[Layout] = {
    "path": ("float64", (Entry(_SYMBOLS), Entry(_FIELDS), Entry(_BARS))),
    "account": ("float64", (ACCOUNT_WIDTH,)),
    "counts": ("int64", (COUNTS_WIDTH,)),
    "positions": ("float64", (Entry(_SLOTS), POSITION_WIDTH)),
    "lots": ("float64", (Entry(_SLOTS), Entry(_LOT_ROWS), LOT_WIDTH)),
    "orders": ("float64", (Entry(_ORDER_ROWS), ORDER_WIDTH)),
    "rules": ("float64", (Entry(_SLOTS), RULES_WIDTH)),
    "curve": ("float64", (Entry(_TRADING_BARS),)),
    "trades": ("float64", (Entry(_TRADE_ROWS), TRADE_WIDTH)),
    "events": ("float64", (Entry(_EVENT_ROWS), EVENT_WIDTH)),
    "closed": ("int64", (Entry(_SYMBOLS), Entry(_SESSION_BARS))),
    "last_bars": ("int64", (Entry(_SYMBOLS), Entry(_DAY_BARS))),
    "elapsed": ("float64", (Entry(_ELAPSED_BARS),)),
    "clock": ("float64", (CLOCK_WIDTH, Entry(_CLOCK_BARS))),
    "marks": ("float64", (Entry(_MARKS), MARK_WIDTH, Entry(_BARS))),
    "mark_rows": ("int64", (Entry(_QUOTED),)),
    "tape": ("float64", (Entry(_TAPE_ROWS), TAPE_WIDTH)),
}


def new_simulation(
    path: NDArray[np.float64],
    rules: NDArray[np.float64],
    closed: NDArray[np.int64] | None = None,
    last_bars: NDArray[np.int64] | None = None,
    elapsed: NDArray[np.float64] | None = None,
    clock: NDArray[np.float64] | None = None,
    *,
    first_trading_bar: int = 0,
    trade_capacity: int = 0,
    event_capacity: int = 0,
    order_capacity: int = ORDER_CAPACITY,
    lot_capacity: int | None = None,
    mark_capacity: int | None = None,
    tape: NDArray[np.float64] | None = None,
    recorded_bars: int = 0,
) -> Simulation:
    """Allocate the state of one simulation.

    Parameters
    ----------
    path : ndarray of float64, shape (symbols, fields, bars)
        Its prices; the only array that is not copied.
    rules : ndarray of float64, shape (slots, RULES_WIDTH)
        As of `Execution.rules`: a row for each symbol and, behind them, for each position slot that
        is no symbol but has quotes of its own (`engine.execution.marks`).
    closed, last_bars, elapsed, clock : ndarray, optional
        As of `Simulation`.
    first_trading_bar : int
        First bar on which equity is marked.
    trade_capacity, event_capacity : int
        Most trades, and most events of orders, that are kept; 0: none is.
    order_capacity : int
        Most orders that may be open at once.
    lot_capacity : int, optional
        Most lots of a symbol that may be open at once; by default as many as bars can open.
    mark_capacity : int, optional
        Rows of quotes, NaN until they are written; by default one for each slot that has quotes.
        Slots name the first rows in turn until `Simulation.mark_rows` says otherwise.
    tape : ndarray of float64, shape (fills, TAPE_WIDTH), optional
        Recorded fills by bar, which take the place of modelled ones (`engine.execution.tape`).
    recorded_bars : int
        Bars, from the first on, that the record covers.

    Raises
    ------
    Refusal
        If a capacity cannot be one, a symbol has no rules, or those of a slot with quotes follow a
        column of the bars or a share of volume, which it has none of.

    Notes
    -----
    A simulation that needs more than it has room for ends with a status (`status_of`). Of what is
    allocated the order book is most: 512 orders are 74 KB, 16 are 2 KB.
    """
    symbols, _, bars = path.shape
    slots = len(rules)
    if slots < symbols:
        raise Refusal("rules", f"{slots} rows", f"a row for each of {symbols} symbols, or more")
    if rules[symbols:, OF_BARS].any() or (rules[symbols:, FILL_PROBABILITY] < 1.0).any():
        raise Refusal(
            "rules",
            "a slot with quotes whose rules follow columns, volume or chance",
            "constant rates, no volume limit and every fill",
        )
    mark_capacity = slots - symbols if mark_capacity is None else mark_capacity
    lot_capacity = min(bars + 64, MOST_LOTS) if lot_capacity is None else lot_capacity
    for name, capacity, least in (
        ("order_capacity", order_capacity, 1),
        ("lot_capacity", lot_capacity, 1),
        ("trade_capacity", trade_capacity, 0),
        ("event_capacity", event_capacity, 0),
        ("mark_capacity", mark_capacity, slots - symbols),
    ):
        if capacity < least:
            raise Refusal(name, str(capacity), f"{least} or more")
    trading_bars = bars - first_trading_bar
    counts = np.zeros(COUNTS_WIDTH, dtype=np.int64)
    counts[TAPE_BARS] = recorded_bars
    return Simulation(
        path=path,
        account=np.zeros(ACCOUNT_WIDTH),
        counts=counts,
        positions=np.zeros((slots, POSITION_WIDTH)),
        lots=np.zeros((slots, lot_capacity, LOT_WIDTH)),
        orders=np.zeros((order_capacity, ORDER_WIDTH)),
        rules=np.ascontiguousarray(rules),
        curve=np.zeros(trading_bars),
        trades=np.zeros((trade_capacity, TRADE_WIDTH)),
        events=np.zeros((event_capacity, EVENT_WIDTH)),
        closed=np.zeros((symbols, 0), dtype=np.int64) if closed is None else closed,
        last_bars=np.zeros((symbols, 0), dtype=np.int64) if last_bars is None else last_bars,
        elapsed=np.zeros(0) if elapsed is None else elapsed,
        clock=np.zeros((CLOCK_WIDTH, 0)) if clock is None else clock,
        marks=np.full((mark_capacity, MARK_WIDTH, bars), np.nan),
        mark_rows=np.arange(slots - symbols, dtype=np.int64),
        tape=np.zeros((0, TAPE_WIDTH)) if tape is None else tape,
    )


def frame_of(simulation: Simulation) -> NDArray[np.int64]:
    """Return the addresses and sizes of a simulation's arrays, which must outlive the frame."""
    frame = np.zeros(FRAME_WIDTH, dtype=np.int64)
    for index, array in enumerate(simulation):
        frame[index] = array.ctypes.data
    frame[_SYMBOLS], frame[_FIELDS], frame[_BARS] = simulation.path.shape
    frame[_TRADE_ROWS] = len(simulation.trades)
    frame[_EVENT_ROWS] = len(simulation.events)
    frame[_LOT_ROWS] = simulation.lots.shape[1]
    frame[_SESSION_BARS] = simulation.closed.shape[1]
    frame[_DAY_BARS] = simulation.last_bars.shape[1]
    frame[_ELAPSED_BARS] = len(simulation.elapsed)
    frame[_CLOCK_BARS] = simulation.clock.shape[1]
    frame[_TRADING_BARS] = len(simulation.curve)
    frame[_ORDER_ROWS] = len(simulation.orders)
    frame[_SLOTS] = len(simulation.positions)
    frame[_MARKS] = len(simulation.marks)
    frame[_QUOTED] = len(simulation.mark_rows)
    frame[_TAPE_ROWS] = len(simulation.tape)
    return frame


def status_of(simulation: Simulation) -> str:
    """Say in words how a simulation ended, with its own capacities.

    Examples
    --------
    >>> from engine.execution import Execution
    >>> few = new_simulation(np.ones((1, 5, 9)), Execution().rules(("X",), 252.0), order_capacity=4)
    >>> few.counts[STATUS] = BOOK_FULL
    >>> status_of(few)
    'more than 4 orders were open at once'
    """
    code = int(simulation.counts[STATUS])
    if code == BOOK_FULL:
        return f"more than {len(simulation.orders)} orders were open at once"
    if code == LOTS_FULL:
        return f"more than {simulation.lots.shape[1]} lots of one symbol were open at once"
    if code == TRADES_FULL:
        return f"more than {len(simulation.trades)} trades were closed"
    return STATUS_TEXTS[code]


# Called inside compiled code: the simulation whose frame is at an address.
simulation_at: Any = framed_record("Simulation", _LAYOUT)


@part
def first_trading_bar(s: Simulation) -> int:
    """Return the first bar at which the strategy is asked; indicators see those before it."""
    return s.path.shape[2] - s.curve.shape[0]
