"""The batch form of a strategy of ticks: positions of many events at once, from whole arrays.

``on_ticks(self, ticks, target)`` fills the units to hold from each event on. The events come in
blocks that are counted from the first of a run, whatever the chunks of the stream are, so that
chunks change no bit; in front of each stand as many events before it as `LOOKBACK` says.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from engine.compiled.kernel import kernel
from engine.compiled.views import floats_at
from engine.execution.calling import hook, part, users_hook
from engine.strategies.hook_text import HookText, StrategyError
from engine.strategies.purity import check_purity
from engine.strategies.strategy import Strategy
from engine.strategies.user_functions import namespace_of
from engine.strategies.vector_form import WholeArrays
from engine.ticks import layout as at
from engine.ticks.indicators import indicators_of
from engine.ticks.ordering import order_market
from engine.ticks.state import desk_at

__all__ = ["MOST_LOOKBACK", "BatchCalls", "compile_batch", "follow_target", "is_batch", "lookback"]

#: The most events that may stand in front of a block.
MOST_LOOKBACK: Final = 65_536
_ALONE: Final[tuple[str, ...]] = ("on_start", "on_tick", "on_fill", "on_finish")
_N: Final = "mc_target.shape[0]"
_BID, _ASK = f"mc_s.bid[:{_N}]", f"mc_s.ask[:{_N}]"
_BID_SIZE, _ASK_SIZE = f"mc_s.bid_size[:{_N}]", f"mc_s.ask_size[:{_N}]"
# What `tick.name` is of one event, for all: the same operations in the same order.
_OFFERED: Final = {
    **{"bid": _BID, "ask": _ASK, "bid_size": _BID_SIZE, "ask_size": _ASK_SIZE},
    "mid": f"0.5 * ({_BID} + {_ASK})",
    "microprice": f"({_BID} * {_ASK_SIZE} + {_ASK} * {_BID_SIZE}) / ({_BID_SIZE} + {_ASK_SIZE})",
    "spread": f"{_ASK} - {_BID}",
    "trade": f"mc_s.trade_price[:{_N}] == mc_s.trade_price[:{_N}]",
    **{f"trade_{name}": f"mc_s.trade_{name}[:{_N}]" for name in ("price", "size", "side")},
    "time": f"mc_s.heard[:{_N}] + mc_s.times[{at.FEED}]",
    "stamp": f"mc_s.stamps[:{_N}]",
}


class BatchCalls(NamedTuple):
    """What computes the targets of a block, plainly and so that an error comes out.

    Both take integers: the addresses of a frame that names the events, of encoded parameters, of
    the rows of indicators and of the targets; the room of a row, the first event by which
    indicators move, and the event to end before. They return a status.
    """

    fill: Callable[..., int]
    fill_raising: Callable[..., int]


def is_batch(cls: type[Strategy]) -> bool:
    """Return whether a strategy has the batch form."""
    return "on_ticks" in cls.hooks()


def lookback(cls: type[Strategy]) -> int:
    """Return the events that stand in front of every block: ``LOOKBACK`` of the class, 0 without.

    Raises
    ------
    StrategyError
        If it is no whole number from 0 to `MOST_LOOKBACK`.
    """
    found = getattr(cls, "LOOKBACK", 0)
    if type(found) is not int or not 0 <= found <= MOST_LOOKBACK:
        raise StrategyError(
            f"{cls.__name__}.LOOKBACK: found {found!r}, allowed events, 0 to {MOST_LOOKBACK}"
        )
    return found


def compile_batch(cls: type[Strategy], symbol_count: int, decode: Any, refresh: Any) -> BatchCalls:
    """Return what computes the targets of a strategy.

    Parameters
    ----------
    cls : type
        The strategy.
    symbol_count : int
        Number of symbols.
    decode : callable
        Makes the parameters of an encoded row.
    refresh : callable
        Moves the indicators of a simulation with an event.

    Raises
    ------
    StrategyError
        If the strategy is more than the batch form can be, or uses what the interface does not
        offer.
    """
    _check_alone(cls, symbol_count)
    function = cls.hooks()["on_ticks"]
    check_purity(function)
    rewriter = _TicksRewriter(cls, HookText(function), namespace_of(function))
    on_ticks = users_hook(rewriter.function())
    note = _noting(cls)
    parameter_count = len(cls.parameters)
    row_count = len(indicators_of(cls))

    @hook
    def compute(
        frame: int, encoded: int, values: int, target: int, room: int, first: int, end: int
    ) -> int:
        s = desk_at(frame)
        p = decode(floats_at(encoded, parameter_count))
        rows = floats_at(values, row_count * room)
        for event in range(first, end):
            refresh(s, event, p)
            note(s, rows, room, event)
        filled = floats_at(target, end)
        filled[:] = at.NO_TARGET
        on_ticks(s, p, room, rows, filled)
        return at.OK

    @kernel
    def fill(
        frame: int, encoded: int, values: int, target: int, room: int, first: int, end: int
    ) -> int:
        done = at.RAISED
        try:
            done = compute(frame, encoded, values, target, room, first, end)
        except Exception:
            done = at.RAISED
        return done

    @kernel
    def fill_raising(
        frame: int, encoded: int, values: int, target: int, room: int, first: int, end: int
    ) -> int:
        return compute(frame, encoded, values, target, room, first, end)

    return BatchCalls(fill, fill_raising)


@part
def follow_target(t: int, s: Any, p: Any, r: Any, rows: Any, state: Any) -> Any:
    """Send a market order for what is missing to the target, if no order is under way."""
    books, wanted = s.heard_books, s.target[t]
    if wanted == wanted and books[0, at.BUYS] + books[0, at.SELLS] == 0.0:
        missing = wanted - books[0, at.UNITS]
        if abs(missing) > 0.5 * s.rules[at.LOT]:
            order_market(s, t, 0, missing)
    return state


def _check_alone(cls: type[Strategy], symbol_count: int) -> None:
    found = cls.hooks()
    beside: list[str] = [name for name in (*_ALONE, "on_bar", "signals") if name in found]
    beside += [f"the changing number {name}" for name in cls.state]
    if beside:
        raise StrategyError(
            f"{cls.__name__}: found {beside[0]} beside on_ticks, allowed on_ticks alone; it says "
            "what to hold, and sees no order, fill or account: what needs these is on_tick"
        )
    if symbol_count != 1:
        raise StrategyError(
            f"{cls.__name__}: on_ticks reads the events of one symbol, found {symbol_count}; "
            "on_tick trades several"
        )


def _noting(cls: type[Strategy]) -> Any:
    """Return what puts the values of all indicators at an event into their rows."""
    lines = [
        f"    rows[{number} * room + event] = s.state[{place}]"
        for number, (_, place) in enumerate(indicators_of(cls).values())
    ]
    scope: dict[str, Any] = {}
    exec("def note(s, rows, room, event):\n" + ("\n".join(lines) or "    pass"), scope)
    return hook(scope["note"])


class _TicksRewriter(WholeArrays):
    usual = "ticks"

    def given(self, node: ast.Attribute) -> str | None:
        """Return a number of every event."""
        name, owner = node.attr, node.value
        if isinstance(owner, ast.Attribute) and owner.attr == "trade":
            name, owner = f"trade_{name}", owner.value
        if not (isinstance(owner, ast.Name) and owner.id == self.given_name):
            return None
        if name not in _OFFERED:
            raise self.hook.error(
                node, f"found {ast.unparse(node)}, allowed ticks. and {', '.join(_OFFERED)}"
            )
        text = _OFFERED[name]
        return f"mc_read_only({text})" if text.endswith("]") and " " not in text else f"({text})"

    def row(self, node: ast.Attribute) -> str | None:
        """Return the values of an indicator."""
        names = list(indicators_of(self.cls))
        if not self.is_self(node.value) or node.attr not in names:
            return None
        start = f"{names.index(node.attr)} * mc_r"
        return f"mc_read_only(mc_rows[{start} : {start} + {_N}])"

    def known_names(self) -> list[str]:
        """Return what stands behind ``self``, for an error."""
        return [*self.cls.parameters, *indicators_of(self.cls)]
