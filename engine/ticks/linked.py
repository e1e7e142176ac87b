"""The exchange as the loops of strategies call it: compiled once, not anew with each of them."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from engine.compiled.kernel import kernel
from engine.compiled.linking import external
from engine.ticks import layout as at
from engine.ticks.accounts import clock, equity_of, keep_time
from engine.ticks.exchange import meet
from engine.ticks.hearing import serve
from engine.ticks.state import desk_at

__all__ = ["ExchangeCalls", "close_at", "exchange_calls"]


class ExchangeCalls(NamedTuple):
    """What a kernel calls; each takes the address of a frame."""

    clock: Any  # (frame, stamp)
    meet: Any  # (frame, event)
    serve: Any  # (frame), returns the place of a fill among the answers, or -1


@cache
def exchange_calls() -> ExchangeCalls:
    """Compile or load the exchange, once per process."""
    return ExchangeCalls(external(_clock, 2), external(_meet, 2), external(_serve, 1))


@kernel
def close_at(frame: int) -> float:
    """Return the equity of a simulation at the last touch; its times of holding end there."""
    s = desk_at(frame)
    keep_time(s, s.counts[at.LAST_STAMP])
    return equity_of(s.rules, s.touch, s.books, s.numbers[at.CASH])


def _clock(frame: int, stamp: int) -> int:
    clock(desk_at(frame), stamp)
    return 0


def _meet(frame: int, event: int) -> int:
    meet(desk_at(frame), event)
    return 0


def _serve(frame: int) -> int:
    answer: int = serve(desk_at(frame))
    return answer
