"""What a position is valued and traded at: a symbol's own bars, or the quotes of its slot.

A position slot is a symbol of the path or, behind the symbols, something else that is held, such
as an option contract. Such a slot names a row of `Simulation.marks`: bid, ask and mark at the close
of each bar, which whoever runs the simulation writes, up to a bar before that bar is traded. Its
orders fill at the close of a bar, buys at the ask, sales at the bid; it is valued at the mark, at
an open at that of the close before. Without bid or ask it does not trade at that close.
"""

from __future__ import annotations

import math

from engine.compiled.intrinsics import keep_apart
from engine.execution.calling import part, rare
from engine.execution.layout import ASK, BID, CLOSE, MARK, UNITS, VOLUME
from engine.execution.state import Simulation

__all__ = [
    "exit_quote",
    "is_quoted",
    "is_symbol",
    "mark_range",
    "price_of",
    "quote_for",
    "volume_of",
]


@part
def is_symbol(s: Simulation, slot: int) -> bool:
    """Whether a position slot is a symbol of the path."""
    return slot < s.path.shape[0]


@part
def price_of(s: Simulation, slot: int, field: int, bar: int) -> float:
    """Price at which a position is valued at the open (0) or close (3) of `bar`."""
    if is_symbol(s, slot):
        return s.path[slot, field, bar]
    return _mark_of(s, slot, field, bar)


@rare
def _mark_of(s: Simulation, slot: int, field: int, bar: int) -> float:
    keep_apart()
    at = bar if field == CLOSE else max(bar - 1, 0)
    return s.marks[s.mark_rows[slot - s.path.shape[0]], MARK, at]


@part
def volume_of(s: Simulation, slot: int, bar: int) -> float:
    """Volume of a bar; infinite of a slot that is quoted: its quotes hold for any size."""
    return s.path[slot, VOLUME, bar] if is_symbol(s, slot) else math.inf


@rare
def is_quoted(s: Simulation, slot: int, bar: int) -> bool:
    """Whether a slot that is no symbol has bid and ask at the close of `bar`."""
    keep_apart()
    row = s.mark_rows[slot - s.path.shape[0]]
    return s.marks[row, BID, bar] == s.marks[row, BID, bar] and (
        s.marks[row, ASK, bar] == s.marks[row, ASK, bar]
    )


@rare
def quote_for(s: Simulation, slot: int, buys: bool, bar: int) -> float:
    """Ask of a slot that is no symbol for a buy, its bid for a sale."""
    keep_apart()
    return s.marks[s.mark_rows[slot - s.path.shape[0]], ASK if buys else BID, bar]


@rare
def exit_quote(s: Simulation, slot: int, bar: int) -> float:
    """Price at which what is held of a slot that is no symbol can be closed at the close of `bar`.

    The mark where there is no bid or ask.
    """
    keep_apart()
    price = quote_for(s, slot, s.positions[slot, UNITS] < 0.0, bar)
    return price if price == price else _mark_of(s, slot, CLOSE, bar)


@rare
def mark_range(s: Simulation, slot: int, start: int, end: int) -> tuple[float, float]:
    """Highest and lowest mark of the bars from `start` to before `end`; infinite without any."""
    keep_apart()
    top, bottom = -math.inf, math.inf
    for bar in range(start, end):
        mark = _mark_of(s, slot, CLOSE, bar)
        top, bottom = max(top, mark), min(bottom, mark)
    return top, bottom
