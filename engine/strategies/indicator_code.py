"""From an indicator class to the machine code that fills its rows."""

from __future__ import annotations

import ast
import inspect
import math
from collections.abc import Callable
from types import FunctionType
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.compiled.compiler import COMPILER_ERRORS
from engine.compiled.kernel import kernel
from engine.compiled.linking import address_of_compiled
from engine.compiled.views import floats_at, integers_at, read_only
from engine.execution.calling import called, hook
from engine.execution.state import simulation_at
from engine.strategies.captured import from_library
from engine.strategies.compiler_errors import explain
from engine.strategies.hook_text import HookText
from engine.strategies.indicator import Indicator
from engine.strategies.parameters import Int
from engine.strategies.purity import check_purity
from engine.strategies.syntax import is_none
from engine.strategies.user_functions import compiled_function

__all__ = [
    "FILLER_ARGUMENTS",
    "WORK_ROWS",
    "RowCode",
    "check_fill",
    "plain_fill",
    "row_code",
    "users_fill",
]

# A plan of a row: address of the code, symbol and field of each array that is read, arguments,
# bars of warm-up.
_FIRST_READ: Final = 1
# Rows of work space that the code of a built-in may use.
WORK_ROWS: Final = 2

#: Arguments of the code that fills rows, each an integer.
FILLER_ARGUMENTS: Final = 7


class RowCode(NamedTuple):
    """Compiled code that fills the rows of an indicator class on a path.

    Both forms take the address of the worker's frame, that of the plans of the rows, their number
    and width, and the addresses of their values, of the work space and of a flag for each row.
    """

    # Machine code that returns the number of rows it could not fill, and flags these.
    address: int
    # Raises what `fill` raises; compiled when a row has failed.
    raising: Callable[..., int]


def users_fill(kind: type[Indicator]) -> FunctionType | None:
    """Return the `fill` of an indicator that a user wrote; None for a built-in."""
    return None if from_library(kind.__module__) else plain_fill(kind)


def check_fill(kind: type[Indicator]) -> None:
    """Refuse a user's `fill` that no simulation should run.

    Raises
    ------
    StrategyError
        If it draws at random, reads a clock or a file, prints, returns a value or replaces an
        output instead of filling it; names the line.
    """
    fill = users_fill(kind)
    if fill is None:
        return
    check_purity(fill)
    hook = HookText(fill)
    definition = hook.definition()
    outputs = [item.arg for item in definition.args.args][-len(kind.outputs) :]
    for node in ast.walk(definition):
        if isinstance(node, ast.Return) and node.value is not None and not is_none(node.value):
            raise hook.error(node, f"fill writes to {', '.join(outputs)}, allowed a bare return")
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id in outputs:
            name = node.id
            raise hook.error(
                node, f"fill writes to {name}, as in {name}[:] = ...; found a new {name}"
            )


def row_code(kind: type[Indicator]) -> RowCode:
    """Compile or load the code of an indicator class, once per process.

    Raises
    ------
    StrategyError
        If a user's `fill` cannot be compiled; names the line.
    """
    if kind not in _COMPILED:
        _COMPILED[kind] = _compile(kind)
    return _COMPILED[kind]


_COMPILED: dict[type[Indicator], RowCode] = {}


def _compile(kind: type[Indicator]) -> RowCode:
    if kind.fill_group is not None:
        group = hook(kind.fill_group)
        safe = raising = _group_code(group)
    elif users_fill(kind) is None:
        safe = raising = _built_in_code(_row_function(kind), len(kind.outputs))
    else:
        safe, raising = _users_code(kind)
    dispatcher = kernel(safe)
    try:
        address = address_of_compiled(dispatcher, FILLER_ARGUMENTS)
    except COMPILER_ERRORS as error:
        raise explain(error, kind) from error
    _KEPT_ALIVE.append(dispatcher)
    return RowCode(address, kernel(raising))


_KEPT_ALIVE: list[Any] = []


def plain_fill(kind: type[Indicator]) -> FunctionType:
    """Return `fill` as the plain function that was written."""
    function: FunctionType = inspect.getattr_static(kind, "fill").__func__
    return function


def _row_function(kind: type[Indicator]) -> Any:
    """Return ``fill_row(path, plan, rows)``, which hands the pieces of a plan to `fill`."""
    users = users_fill(kind)
    reads = [_FIRST_READ + 2 * k for k in range(len(kind.reads))]
    arguments = [f"path[int(plan[{k}]), int(plan[{k + 1}])]" for k in reads]
    if users is not None:
        arguments = [f"read_only({argument})" for argument in arguments]
    first = _FIRST_READ + 2 * len(kind.reads)
    for place, declared in enumerate(kind.parameters.values(), first):
        arguments.append(f"int(plan[{place}])" if isinstance(declared, Int) else f"plan[{place}]")
    arguments += [
        f"floats_at(rows + {8 * k} * bar_count, bar_count)" for k in range(len(kind.outputs))
    ]
    text = (
        "def fill_row(path, plan, rows):\n"
        "    bar_count = path.shape[2]\n"
        f"    fill({', '.join(arguments)})\n"
    )
    fill = hook(plain_fill(kind)) if users is None else compiled_function(users)
    scope = {"fill": fill, "floats_at": floats_at, "read_only": read_only}
    exec(text, scope)
    return hook(scope["fill_row"])


def _group_code(fill_group: Any) -> Callable[..., int]:
    def fill_indicator(
        frame: int, plans: int, count: int, width: int, rows: int, work: int, failed: int
    ) -> int:
        path = simulation_at(frame).path
        bar_count = path.shape[2]
        fill_group(
            path,
            floats_at(plans, count * width).reshape((count, width)),
            floats_at(rows, count * bar_count).reshape((count, bar_count)),
            floats_at(work, WORK_ROWS * bar_count).reshape((WORK_ROWS, bar_count)),
        )
        return 0

    return fill_indicator


def _built_in_code(fill_row: Any, outputs: int) -> Callable[..., int]:
    def fill_indicator(
        frame: int, plans: int, count: int, width: int, rows: int, work: int, failed: int
    ) -> int:
        path = simulation_at(frame).path
        bar_count = path.shape[2]
        for row in range(0, count, outputs):
            plan = floats_at(plans + 8 * row * width, width)
            fill_row(path, plan, rows + 8 * row * bar_count)
        return 0

    return fill_indicator


def _users_code(kind: type[Indicator]) -> tuple[Callable[..., int], Callable[..., int]]:
    fill_row, outputs = _row_function(kind), len(kind.outputs)
    warm_up = _FIRST_READ + 2 * len(kind.reads) + len(kind.parameters)

    def fill_indicator(
        frame: int, plans: int, count: int, width: int, rows: int, work: int, failed: int
    ) -> int:
        path = simulation_at(frame).path
        bar_count = path.shape[2]
        flags = integers_at(failed, count)
        failures = 0
        for row in range(0, count, outputs):
            plan = floats_at(plans + 8 * row * width, width)
            values = floats_at(rows + 8 * row * bar_count, outputs * bar_count)
            values[:] = math.nan
            try:
                fill_row(path, plan, rows + 8 * row * bar_count)
            except Exception:
                flags[row : row + outputs] = 1
                failures += outputs
            _discard(values, int(plan[warm_up]), bar_count)
        return failures

    def fill_raising(
        frame: int, plans: int, count: int, width: int, rows: int, work: int, failed: int
    ) -> int:
        path = simulation_at(frame).path
        bar_count = path.shape[2]
        for row in range(0, count, outputs):
            plan = floats_at(plans + 8 * row * width, width)
            values = floats_at(rows + 8 * row * bar_count, outputs * bar_count)
            values[:] = math.nan
            fill_row(path, plan, rows + 8 * row * bar_count)
            _discard(values, int(plan[warm_up]), bar_count)
        return 0

    return fill_indicator, fill_raising


@called
def _discard(values: NDArray[np.float64], warm_up: int, bar_count: int) -> None:
    """Make the first values of each row undefined."""
    for start in range(0, values.shape[0], bar_count):
        for bar in range(min(warm_up, bar_count)):
            values[start + bar] = math.nan
