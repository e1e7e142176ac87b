"""Which indicator rows a group of parameter sets needs, and the call that fills them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from engine.compiled.linking import call_at, external
from engine.compiled.views import floats_at, integers_at
from engine.errors import Refusal
from engine.execution.state import simulation_at
from engine.strategies.indicator import Indicator
from engine.strategies.indicator_code import FILLER_ARGUMENTS
from engine.strategies.parameters import Int
from engine.strategies.strategy import Strategy

__all__ = ["plan_rows", "row_filler"]

_Plan: TypeAlias = tuple[float, ...]

_UNDEFINED: Final = 0.0  # in place of an address: rows of NaN

# The code of an indicator class, by its address.
_call_filler: Any = call_at(FILLER_ARGUMENTS)


def plan_rows(
    cls: type[Strategy],
    fields: tuple[str, ...],
    parameters: NDArray[np.float64],
    addresses: Mapping[type[Indicator], int],
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return which rows each parameter set reads, and the plans of the distinct rows.

    Parameters
    ----------
    cls : type
        The strategy.
    fields : tuple of str
        Fields of the bars.
    parameters : ndarray of float64, shape (sets, parameters)
        Encoded parameter sets.
    addresses : mapping
        Address of the code of each indicator class, see `indicator_code.row_code`.

    Returns
    -------
    row_of : ndarray of int64, shape (sets, outputs)
        Row number of each indicator output.
    plans : ndarray of float64, shape (rows, width)
        What `indicator_code` says of each row. Rows of a class lie side by side, and among them
        the outputs of an indicator.

    Raises
    ------
    ValueError
        If a field is not simulated, or an argument is out of range. A whole number that is None
        makes rows of NaN.
    """
    reads = {name: _reads(cls, name, fields) for name in cls.indicators}
    plan_of: dict[tuple[str, _Plan], _Plan] = {}
    outputs: dict[_Plan, int] = {}
    wanted: list[_Plan] = []
    for values in parameters.tolist():
        # One NaN for all, so that they are found again as keys.
        numbers = (value if value == value else math.nan for value in values)
        by_name = dict(zip(cls.parameters, numbers, strict=True))
        for name, declared in cls.indicators.items():
            arguments = declared.values_of(by_name)
            plan = plan_of.get((name, arguments))
            if plan is None:
                address = addresses[type(declared)]
                plan = _plan(f"{cls.name}.{name}", declared, address, reads[name], arguments)
                plan_of[name, arguments] = plan
                outputs[plan] = max(outputs.get(plan, 0), len(declared.outputs))
            wanted.append(plan)
    plans = np.zeros((sum(outputs.values()), max(map(len, outputs), default=1)))
    first_row: dict[_Plan, int] = {}
    row = 0
    for plan in sorted(outputs):
        first_row[plan] = row
        plans[row : row + outputs[plan], : len(plan)] = plan
        row += outputs[plan]
    firsts = np.array([first_row[plan] for plan in wanted], dtype=np.int64)
    firsts = firsts.reshape(len(parameters), len(cls.indicators))
    columns = [
        firsts[:, [index]] + np.arange(len(declared.outputs))
        for index, declared in enumerate(cls.indicators.values())
    ]
    return np.hstack([firsts[:, :0], *columns]), plans


def _reads(cls: type[Strategy], name: str, fields: tuple[str, ...]) -> _Plan:
    """Return symbol and field of each array that an indicator reads."""
    declared = cls.indicators[name]
    for field in declared.reads:
        if field not in fields:
            raise Refusal(f"{cls.name}.{name}", f"field {field!r}", ", ".join(fields))
    pairs = zip(declared.symbols, map(fields.index, declared.reads), strict=True)
    return tuple(float(number) for pair in pairs for number in pair)


def _plan(
    where: str, declared: Indicator, address: int, reads: _Plan, arguments: tuple[float, ...]
) -> _Plan:
    for parameter, value in zip(declared.parameters.values(), arguments, strict=True):
        if math.isnan(value):
            if isinstance(parameter, Int):
                return (_UNDEFINED,)
        elif not parameter.accepts(value):
            raise Refusal(str(where), f"{parameter.name} {value:g}", parameter.allowed)
    return (float(address), *reads, *arguments, float(declared.bars_before(arguments)))


@cache
def row_filler() -> Any:
    """Compile or load what fills the indicator rows of a path, once per process.

    It takes the address of the worker's frame, that of the plans of the rows, their number and
    width, and the addresses of their values, of work space and of a flag for each row; it returns
    the number of rows that could not be filled and flags these.
    """
    return external(_fill_rows, FILLER_ARGUMENTS)


def _fill_rows(
    frame: int, plans: int, count: int, width: int, rows: int, work: int, failed: int
) -> int:
    bars = simulation_at(frame).path.shape[2]
    addresses = floats_at(plans, count * width)
    flags = integers_at(failed, count)
    failures = 0
    row = 0
    while row < count:
        flags[row] = 0
        address = addresses[row * width]
        end = row + 1
        while end < count and addresses[end * width] == address:
            flags[end] = 0
            end += 1
        values = rows + 8 * row * bars
        if address == _UNDEFINED:
            undefined = floats_at(values, (end - row) * bars)
            for index in range(undefined.shape[0]):
                undefined[index] = math.nan
        else:
            failures += _call_filler(
                int(address),
                frame,
                plans + 8 * row * width,
                end - row,
                width,
                values,
                work,
                failed + 8 * row,
            )
        row = end
    return failures
