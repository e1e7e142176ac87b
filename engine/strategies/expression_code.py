"""The machine code that fills rows from other rows: indicators of expressions, and expressions.

The plan of such a row: address of the code; number of values, 0 for one at each bar; for each
series that is read symbol and field, or -1 and how many rows before its own it lies; then what
each code says.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from engine.compiled.compiler import COMPILER_ERRORS
from engine.compiled.kernel import kernel
from engine.compiled.linking import address_of_compiled
from engine.compiled.views import address_of, floats_at, integers_at, read_only
from engine.execution.calling import called, hook, part
from engine.execution.state import simulation_at
from engine.strategies.compiler_errors import explain
from engine.strategies.expression import OPERATIONS
from engine.strategies.indicator import Indicator
from engine.strategies.indicator_code import FILLER_ARGUMENTS, RowCode, plain_fill, users_fill
from engine.strategies.parameters import Int
from engine.strategies.user_functions import compiled_function

__all__ = [
    "HOW_JOINED",
    "FillRow",
    "expression_code",
    "fill_lag",
    "fill_longer",
    "fill_of_two",
    "fill_seen",
    "fill_sessions",
    "fill_with_number",
    "indicator_of_rows_code",
]

_LENGTH: Final = 1
_FIRST_READ: Final = 2

_ADD, _SUBTRACT, _MULTIPLY, _DIVIDE = range(len(OPERATIONS))
_FIRST, _HIGHEST, _LOWEST, _LAST, _SUM = range(5)
#: How the values of a field become one of a longer bar; of other fields the last counts.
HOW_JOINED: Final = {"open": _FIRST, "high": _HIGHEST, "low": _LOWEST, "volume": _SUM, "": _LAST}

Floats: TypeAlias = NDArray[np.float64]
#: Fills a row, ``(path, plan, own, out)``, from the address of its values on.
FillRow: TypeAlias = Callable[[Floats, Floats, int, Floats], None]


@cache
def expression_code(fill_row: FillRow, reads: int) -> RowCode:
    """Compile or load the code of a kind of expression, once per process.

    Parameters
    ----------
    fill_row : callable
        One of the `fill_*` functions of this module.
    reads : int
        Series that it reads.
    """

    def fill_rows(
        frame: int, plans: int, count: int, width: int, rows: int, work: int, failed: int
    ) -> int:
        path = simulation_at(frame).path
        bars = path.shape[2]
        failures = 0
        for row in range(count):
            plan = floats_at(plans + 8 * row * width, width)
            own = rows + 8 * row * bars
            length = bars if plan[_LENGTH] == 0.0 else int(plan[_LENGTH])
            out = floats_at(own, length)
            if _takes_over_failure(plan, reads, failed + 8 * row):
                out[:] = math.nan
                integers_at(failed + 8 * row, 1)[0] = 1
                failures += 1
            else:
                fill_row(path, plan, own, out)
        return failures

    dispatcher = kernel(fill_rows)
    address = address_of_compiled(dispatcher, FILLER_ARGUMENTS)
    _KEPT_ALIVE.append(dispatcher)
    return RowCode(address, dispatcher)


def indicator_of_rows_code(kind: type[Indicator]) -> RowCode:
    """Compile or load the code of an indicator class on series that are rows themselves.

    `fill` is called on each stretch of bars on which all rows that it reads have a value. Behind
    what it reads, a plan holds arguments and bars of warm-up. Compiled once per process.

    Raises
    ------
    StrategyError
        If a user's `fill` cannot be compiled; names the line.
    """
    if kind not in _COMPILED:
        safe, raising = _indicator_code(kind)
        dispatcher = kernel(safe)
        try:
            address = address_of_compiled(dispatcher, FILLER_ARGUMENTS)
        except COMPILER_ERRORS as error:
            raise explain(error, kind) from error
        _KEPT_ALIVE.append(dispatcher)
        _COMPILED[kind] = RowCode(address, kernel(raising))
    return _COMPILED[kind]


_COMPILED: dict[type[Indicator], RowCode] = {}
_KEPT_ALIVE: list[Any] = []


# --- indicators --------------------------------------------------------------------------------


def _indicator_code(kind: type[Indicator]) -> tuple[Callable[..., int], Callable[..., int]]:
    fill_stretch, reads, outputs = _stretch_function(kind), len(kind.reads), len(kind.outputs)
    users = users_fill(kind) is not None
    warm_up = _FIRST_READ + 2 * reads + len(kind.parameters)

    @hook
    def fill_row(path: Floats, plan: Floats, own: int) -> None:
        bars = path.shape[2]
        length = bars if plan[_LENGTH] == 0.0 else int(plan[_LENGTH])
        for output in range(outputs):
            floats_at(own + 8 * output * bars, length)[:] = math.nan
        start = 0
        while start < length:
            end = _end_of_stretch(path, plan, reads, own, start, length)
            if end > start:
                fill_stretch(path, plan, own, start, end)
                if users:
                    for output in range(outputs):
                        values = floats_at(own + 8 * output * bars, length)
                        for bar in range(start, min(start + int(plan[warm_up]), end)):
                            values[bar] = math.nan
            start = max(end, start + 1)

    def fill_safely(
        frame: int, plans: int, count: int, width: int, rows: int, work: int, failed: int
    ) -> int:
        path = simulation_at(frame).path
        bars = path.shape[2]
        flags = integers_at(failed, count)
        failures = 0
        for row in range(0, count, outputs):
            plan = floats_at(plans + 8 * row * width, width)
            fails = _takes_over_failure(plan, reads, failed + 8 * row)
            if not fails:
                try:
                    fill_row(path, plan, rows + 8 * row * bars)
                except Exception:
                    fails = True
            if fails:
                flags[row : row + outputs] = 1
                failures += outputs
        return failures

    def fill_raising(
        frame: int, plans: int, count: int, width: int, rows: int, work: int, failed: int
    ) -> int:
        path = simulation_at(frame).path
        for row in range(0, count, outputs):
            plan = floats_at(plans + 8 * row * width, width)
            fill_row(path, plan, rows + 8 * row * path.shape[2])
        return 0

    return fill_safely, fill_raising


def _stretch_function(kind: type[Indicator]) -> Any:
    """Return ``fill_stretch(path, plan, own, start, end)``, which hands pieces to `fill`."""
    users = users_fill(kind)
    arguments = [
        f"floats_at(place_of(path, plan, {_FIRST_READ + 2 * k}, own) + 8 * start, count)"
        for k in range(len(kind.reads))
    ]
    if users is not None:
        arguments = [f"read_only({argument})" for argument in arguments]
    first = _FIRST_READ + 2 * len(kind.reads)
    for place, declared in enumerate(kind.parameters.values(), first):
        arguments.append(f"int(plan[{place}])" if isinstance(declared, Int) else f"plan[{place}]")
    arguments += [
        f"floats_at(own + 8 * ({k} * bars + start), count)" for k in range(len(kind.outputs))
    ]
    text = (
        "def fill_stretch(path, plan, own, start, end):\n"
        "    bars, count = path.shape[2], end - start\n"
        f"    fill({', '.join(arguments)})\n"
    )
    fill = hook(plain_fill(kind)) if users is None else compiled_function(users)
    scope = {"fill": fill, "floats_at": floats_at, "read_only": read_only, "place_of": place_of}
    exec(text, scope)
    return hook(scope["fill_stretch"])


@called
def _end_of_stretch(
    path: Floats, plan: Floats, reads: int, own: int, start: int, length: int
) -> int:
    """End of the bars from `start` on at which every row that is read has a value."""
    end = length
    for read in range(reads):
        place = _FIRST_READ + 2 * read
        if plan[place] < 0.0:
            values = floats_at(place_of(path, plan, place, own), length)
            for bar in range(start, end):
                if values[bar] - values[bar] != 0.0:
                    end = bar
                    break
    return end


@part
def place_of(path: Floats, plan: Floats, place: int, own: int) -> int:
    """Address of a series that a plan says where to read."""
    symbol, field = int(plan[place]), int(plan[place + 1])
    if symbol < 0:
        return int(own - 8 * field * path.shape[2])
    address: int = address_of(path[symbol, field])
    return address


@part
def _takes_over_failure(plan: Floats, reads: int, failed: int) -> bool:
    """Whether a row that is read could not be filled; `failed` is the address of the own flag."""
    found = False
    for read in range(reads):
        place = _FIRST_READ + 2 * read
        if plan[place] < 0.0:
            found |= integers_at(failed - 8 * int(plan[place + 1]), 1)[0] != 0
    return found


# --- expressions -------------------------------------------------------------------------------


@called
def fill_lag(path: Floats, plan: Floats, own: int, out: Floats) -> None:
    """Fill a series some bars ago."""
    length = out.shape[0]
    values = floats_at(place_of(path, plan, _FIRST_READ, own), length)
    back = int(plan[_FIRST_READ + 2])
    for bar in range(length):
        out[bar] = values[bar - back] if bar >= back else math.nan


@called
def fill_of_two(path: Floats, plan: Floats, own: int, out: Floats) -> None:
    """Fill two series joined by an operation."""
    length = out.shape[0]
    left = floats_at(place_of(path, plan, _FIRST_READ, own), length)
    right = floats_at(place_of(path, plan, _FIRST_READ + 2, own), length)
    operation = int(plan[_FIRST_READ + 4])
    for bar in range(length):
        out[bar] = _joined(left[bar], operation, right[bar])


@called
def fill_with_number(path: Floats, plan: Floats, own: int, out: Floats) -> None:
    """Fill a series joined with a number, which stands on the left or on the right."""
    length = out.shape[0]
    values = floats_at(place_of(path, plan, _FIRST_READ, own), length)
    operation, first = int(plan[_FIRST_READ + 2]), plan[_FIRST_READ + 3] != 0.0
    number = plan[_FIRST_READ + 4]
    for bar in range(length):
        if first:
            out[bar] = _joined(number, operation, values[bar])
        else:
            out[bar] = _joined(values[bar], operation, number)


@part
def _joined(left: float, operation: int, right: float) -> float:
    if operation == _ADD:
        value = left + right
    elif operation == _SUBTRACT:
        value = left - right
    elif operation == _MULTIPLY:
        value = left * right
    else:
        value = left / right
    return value if value - value == 0.0 else math.nan


@called
def fill_longer(path: Floats, plan: Floats, own: int, out: Floats) -> None:
    """Fill the values of longer bars from those of the bars that they are made of."""
    bars = path.shape[2]
    values = floats_at(place_of(path, plan, _FIRST_READ, own), bars)
    group = integers_at(int(plan[_FIRST_READ + 2]), bars)
    how = int(plan[_FIRST_READ + 3])
    before = -1
    for bar in range(bars):
        at = group[bar]
        if at < 0:
            continue
        value = values[bar]
        if at != before:
            out[at] = value
        elif how == _HIGHEST:
            out[at] = max(out[at], value)
        elif how == _LOWEST:
            out[at] = min(out[at], value)
        elif how == _LAST:
            out[at] = value
        elif how == _SUM:
            out[at] += value
        before = at


@called
def fill_seen(path: Floats, plan: Floats, own: int, out: Floats) -> None:
    """Fill the value of the last longer bar that has closed at each bar."""
    bars = path.shape[2]
    count = int(plan[_FIRST_READ + 2])
    values = floats_at(place_of(path, plan, _FIRST_READ, own), count)
    seen = integers_at(int(plan[_FIRST_READ + 3]), count)
    last = -1
    for bar in range(bars):
        while last + 1 < count and seen[last + 1] <= bar:
            last += 1
        out[bar] = values[last] if last >= 0 else math.nan


@called
def fill_sessions(path: Floats, plan: Floats, own: int, out: Floats) -> None:
    """Fill the day of the session of each bar."""
    days = floats_at(int(plan[_FIRST_READ]), out.shape[0])
    for bar in range(out.shape[0]):
        out[bar] = days[bar]
