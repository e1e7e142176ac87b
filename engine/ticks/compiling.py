"""From a strategy class to the compiled loop over the events of a chunk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.compiled.intrinsics import seldom
from engine.compiled.kernel import kernel
from engine.compiled.views import floats_at
from engine.execution.calling import hook, part, users_hook
from engine.strategies.compiling import cast_of, tuple_function
from engine.strategies.strategy import Strategy
from engine.strategies.user_functions import namespace_of
from engine.ticks import layout as at
from engine.ticks.batch_form import BatchCalls, compile_batch, follow_target, is_batch
from engine.ticks.handles import touch_of_event
from engine.ticks.hearing import catch_up, concerns, hear, leave_at, next_concern, show
from engine.ticks.indicators import indicators_of, planned, starting_numbers
from engine.ticks.linked import exchange_calls
from engine.ticks.rewriting import check_indicators, reads_worth, rewrite_tick_hook
from engine.ticks.state import desk_at

__all__ = ["TickLoop", "compile_ticks", "initial_state"]

# Orders sent, filled and sent anew between two events: more means that it would never end.
_MOST_TURNS: Final = 1_000_000
# After some events in a row that concern no order the next one that does is looked for ahead, among
# twice as many events each time.
_CALM: Final = 3
_LEAST_AHEAD: Final = 8
_MOST_DOUBLED: Final = 6


class TickLoop(NamedTuple):
    """The compiled loop of one strategy over the events of a chunk.

    Both forms take integers: the address of a simulation's frame and of its encoded parameters,
    the event to begin at and the one to end before, and whether the stream ends there. They return
    the event at which to go on, or -1 less the status of a simulation that failed.
    """

    advance: Callable[..., int]
    advance_raising: Callable[..., int]
    #: What computes targets, of a strategy in the batch form.
    batch: BatchCalls | None


def compile_ticks(cls: type[Strategy], symbol_count: int) -> TickLoop:
    """Return the loop of a strategy.

    Raises
    ------
    StrategyError
        If a hook uses something the interface does not offer.
    """
    key = (cls, symbol_count)
    if key not in _COMPILED:
        _COMPILED[key] = _make_loop(cls, symbol_count)
    return _COMPILED[key]


_COMPILED: dict[tuple[type[Strategy], int], TickLoop] = {}


def _make_loop(cls: type[Strategy], symbol_count: int) -> TickLoop:
    cls.check_hooks()
    check_indicators(cls)
    found = cls.hooks()
    hooks: dict[str, Any] = {}
    for name in ("on_start", "on_tick", "on_fill", "on_finish"):
        hooks[name] = _keep_state
        if name in found:
            names = namespace_of(found[name])
            function = rewrite_tick_hook(cls, name, symbol_count=symbol_count, namespace=names)
            hooks[name] = users_hook(function)
    on_start, on_tick = hooks["on_start"], hooks["on_tick"]
    on_fill, on_finish = hooks["on_fill"], hooks["on_finish"]
    batch = None
    parameters = [cast_of(p, f"row[{i}]") for i, p in enumerate(cls.parameters.values())]
    parameter_count = len(parameters)
    decode = tuple_function("row", parameters)
    load_state, save_state = _state_functions(cls)
    clock, meet, serve = exchange_calls()
    refresh = _refreshing(cls, symbol_count)
    one = symbol_count == 1
    # What a hook reads of the event it is told of stands in the event itself.
    shows = reads_worth(cls) or not one
    if is_batch(cls):
        batch = compile_batch(cls, symbol_count, decode, refresh)
        # Indicators have moved when targets were computed.
        on_tick, refresh = follow_target, _no_refresh

    @hook
    def follow(frame: int, encoded: int, first: int, end: int, ends: int) -> int:
        s = desk_at(frame)
        counts = s.counts
        p = decode(floats_at(encoded, parameter_count))
        state = load_state(s)
        if counts[at.STARTED] == 0:
            counts[at.STARTED] = 1
            counts[at.NOW] = s.heard[0] + s.times[at.FEED]
            state = on_start(-1, s, p, (), (), state)
        heard, delay = counts[at.LOCAL], s.times[at.FEED]
        fill_room = s.fills.shape[0]
        most_rows = fill_room - 8 * at.ORDER_ROOM if fill_room > 0 else at.NEVER
        # Of one symbol the touch is shown once it is looked at, not with every event.
        shown = first - 1
        event, last = first, end + ends - 1
        calm = turns = 0
        while event <= last:
            if seldom(max(counts[at.TAPED], counts[at.LOGGED]) > most_rows):
                if one:
                    catch_up(s, shown, event - 1)
                leave_at(s, event, heard)
                save_state(s, state)
                return event
            # The exchange has nothing to do before this event but with what is due.
            stop = event
            if one and calm >= _CALM:
                ahead = _LEAST_AHEAD << min(calm - _CALM, _MOST_DOUBLED)
                stop = next_concern(s, event, min(event + ahead, last))
            # Of a whole number without a sign nobody asks whether it counts from the end.
            stamp = s.stamps[np.uint64(stop)] if stop < end else s.stamps[end - 1] + 1
            while heard < stop:
                wakes = s.heard[np.uint64(heard)] + delay
                if wakes >= min(stamp, counts[at.NEXT_DUE]):
                    break
                hear(s, heard, wakes)
                if shows:
                    show(s, s.heard_touch, heard, 0 if one else s.symbol[heard])
                refresh(s, heard, p)
                state = on_tick(heard, s, p, touch_of_event(s, heard), (), state)
                heard += 1
            due = counts[at.NEXT_DUE]
            if seldom(due < stamp):
                before = event
                while event < stop and s.stamps[np.uint64(event)] <= due:
                    event += 1
                turns = 1 if event > before else turns + 1
                if turns > _MOST_TURNS:
                    counts[at.STATUS] = at.ENDLESS
                    return -1 - at.ENDLESS
                if one:
                    shown = catch_up(s, shown, event - 1)
                answer = serve(frame)
                if answer >= 0:
                    state = on_fill(answer, s, p, (), (), state)
                calm = 0
                continue
            calm += 1
            if stop < end:
                if seldom(stamp >= counts[at.NEXT_CLOCK]):
                    if one:
                        shown = catch_up(s, shown, stop - 1)
                    clock(frame, stamp)
                if counts[at.LIVE_COUNT] > 0 and seldom(concerns(s, stop)):
                    if one:
                        shown = catch_up(s, shown, stop - 1)
                    meet(frame, stop)
                    calm = 0
                if not one:
                    show(s, s.touch, stop, s.symbol[stop])
            event, turns = stop + 1, 0
        if one:
            catch_up(s, shown, end - 1)
        leave_at(s, end, heard)
        if ends != 0:
            on_finish(-1, s, p, (), (), state)
        save_state(s, state)
        if counts[at.STATUS] != at.OK:
            return int(-1 - counts[at.STATUS])
        return int(end + ends)

    @kernel
    def advance(frame: int, encoded: int, first: int, end: int, ends: int) -> int:
        done = -1 - at.RAISED
        try:
            done = follow(frame, encoded, first, end, ends)
        except Exception:
            done = -1 - at.RAISED
        return done

    @kernel
    def advance_raising(frame: int, encoded: int, first: int, end: int, ends: int) -> int:
        return follow(frame, encoded, first, end, ends)

    return TickLoop(advance, advance_raising, batch)


def initial_state(
    cls: type[Strategy], rows: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the numbers of a strategy before the first event: its state, and its indicators'.

    Parameters
    ----------
    cls : type
        The strategy.
    rows : ndarray of float64, shape (sets, parameters)
        Encoded.

    Returns
    -------
    fractions : ndarray of float64, shape (sets, places)
        Those that are fractions; a place is one number.
    whole : ndarray of int64, shape (sets, places)
        Those that are whole numbers, a stamp for one.
    """
    values = list(cls.state.values())
    behind = starting_numbers(cls)
    begun = len(values) + len(behind)
    room, plans = planned(cls, rows, begun)
    fractions = np.full((len(rows), room), np.nan)
    whole = np.zeros((len(rows), room), dtype=np.int64)
    fractions[:, len(values) : begun] = behind
    for place, value in enumerate(values):
        is_whole = isinstance(value, int)
        fractions[:, place], whole[:, place] = (0.0, value) if is_whole else (value, 0)
    for number, place, value in plans:
        whole[number, place] = value
    return fractions, whole


@part
def _no_refresh(s: Any, t: int, p: Any) -> None:
    return


def _refreshing(cls: type[Strategy], symbol_count: int) -> Any:
    """Return what moves the indicators of a strategy with an event."""
    scope: dict[str, Any] = {}
    lines, names = [], list(cls.parameters)
    for number, (indicator, place) in enumerate(indicators_of(cls).values()):
        scope[f"step_{number}"] = indicator.moved_by(names)
        told = f"s, t, {place}, {indicator.span!r}, {indicator.option}, p"
        asked = f"s.symbol[t] == {indicator.symbol}" if symbol_count > 1 else indicator.symbol == 0
        lines.append(f"    if {asked}: step_{number}({told})")
    exec("def refresh(s, t, p):\n" + ("\n".join(lines) or "    pass"), scope)
    return hook(scope["refresh"])


def _state_functions(cls: type[Strategy]) -> tuple[Any, Any]:
    """Return what reads the state from the arrays of a simulation, and what puts it back.

    Whole numbers have an array of their own: a stamp would lose its last digits as a fraction.
    """
    loads, saves = [], []
    for place, value in enumerate(cls.state.values()):
        if isinstance(value, bool):
            loads.append(f"s.whole_state[{place}] != 0")
            saves.append(f"s.whole_state[{place}] = 1 if state[{place}] else 0")
        elif isinstance(value, int):
            loads.append(f"s.whole_state[{place}]")
            saves.append(f"s.whole_state[{place}] = state[{place}]")
        else:
            loads.append(f"s.state[{place}]")
            saves.append(f"s.state[{place}] = state[{place}]")
    scope: dict[str, Any] = {}
    exec(f"def save(s, state):\n    {'; '.join(saves) or 'pass'}\n", scope)
    return tuple_function("s", loads), hook(scope["save"])


@part
def _keep_state(t: Any, s: Any, p: Any, r: Any, rows: Any, state: Any) -> Any:
    return state
