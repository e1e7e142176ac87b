"""Which indicator rows a group of parameter sets needs, and the call that fills them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from engine.compiled.linking import call_at, external
from engine.compiled.views import floats_at, integers_at
from engine.execution.state import simulation_at
from engine.strategies.indicator_code import FILLER_ARGUMENTS
from engine.strategies.longer_bars import Timeline
from engine.strategies.row_nodes import UNDEFINED, NodeMaker, RowNode, RowRead
from engine.strategies.strategy import Strategy

__all__ = ["RowPlan", "plan_rows", "row_filler"]

_Numbers: TypeAlias = tuple[float, ...]

_UNDEFINED: Final = UNDEFINED

# The code of an indicator class, by its address.
_call_filler: Any = call_at(FILLER_ARGUMENTS)


class RowPlan(NamedTuple):
    """The rows of values that a group of parameter sets reads.

    Parameters
    ----------
    row_of : ndarray of int64, shape (sets, outputs)
        Row number of each output of each declared indicator.
    plans : ndarray of float64, shape (rows, width)
        What `indicator_code` and `expression_code` say of each row. Rows of one code lie side by
        side, among them the outputs of an indicator, and behind all rows that they read.
    nodes : tuple of (int, RowNode)
        First row and node of each, in the order of the rows.
    """

    row_of: NDArray[np.int64]
    plans: NDArray[np.float64]
    nodes: tuple[tuple[int, RowNode], ...]


def plan_rows(
    cls: type[Strategy],
    fields: tuple[str, ...],
    parameters: NDArray[np.float64],
    timeline: Timeline | None = None,
) -> RowPlan:
    """Return which rows each parameter set reads, and the plans of the distinct rows.

    Parameters
    ----------
    cls : type
        The strategy.
    fields : tuple of str
        Fields of the bars.
    parameters : ndarray of float64, shape (sets, parameters)
        Encoded parameter sets.
    timeline : Timeline, optional
        When the bars are, for indicators on longer ones.

    Raises
    ------
    ValueError
        If a field is not simulated, an argument is out of range, or a timeframe does not fit the
        bars. A whole number that is None makes rows of NaN.
    """
    deciding = {name: item.parameters_of() for name, item in cls.indicators.items()}
    found: dict[tuple[str, _Numbers], tuple[RowRead, ...]] = {}
    wanted: list[tuple[str, _Numbers]] = []
    for values in parameters.tolist():
        # One NaN for all, so that they are found again as keys.
        numbers = (value if value == value else math.nan for value in values)
        by_name = dict(zip(cls.parameters, numbers, strict=True))
        for name, declared in cls.indicators.items():
            key = name, tuple(by_name[item.name] for item in deciding[name])
            if key not in found:
                maker = NodeMaker(f"{cls.name}.{name}", fields, by_name, timeline)
                found[key] = maker.rows_of(declared)
            wanted.append(key)
    first_row, plans = _numbered(read.node for reads in found.values() for read in reads)
    rows_of = {
        key: [first_row[read.node] + read.output for read in reads] for key, reads in found.items()
    }
    rows = [row for key in wanted for row in rows_of[key]]
    columns = sum(len(declared.outputs) for declared in cls.indicators.values())
    return RowPlan(
        np.array(rows, dtype=np.int64).reshape(len(parameters), columns),
        plans,
        tuple((row, node) for node, row in first_row.items()),
    )


def _numbered(wanted: Iterable[RowNode]) -> tuple[dict[RowNode, int], NDArray[np.float64]]:
    """Return the first row of each node and of all that it rests on, and the plans of the rows."""
    levels: dict[int, dict[RowNode, None]] = {}
    waiting = list(wanted)
    while waiting:
        node = waiting.pop()
        known = levels.setdefault(node.level, {})
        if node not in known:
            known[node] = None
            waiting += [read.node for read in node.reads if isinstance(read, RowRead)]
    first_row: dict[RowNode, int] = {}
    plans: list[_Numbers] = []
    for level in sorted(levels):
        # Where a row lies among those of its level says what its plan is compared with.
        place = {node: _plan(node, first_row, 0) for node in levels[level]}
        for node in sorted(levels[level], key=lambda node: (place[node], node.outputs)):
            row = first_row[node] = len(plans)
            plans += [_plan(node, first_row, row)] * node.outputs
    table = np.zeros((len(plans), max(map(len, plans), default=1)))
    for row, plan in enumerate(plans):
        table[row, : len(plan)] = plan
    return first_row, table


def _plan(node: RowNode, first_row: Mapping[RowNode, int], own: int) -> _Numbers:
    reads: list[float] = []
    for read in node.reads:
        if isinstance(read, RowRead):
            reads += (-1.0, float(own - first_row[read.node] - read.output))
        else:
            reads += (float(read.symbol), float(read.field))
    return (node.address, *node.head, *reads, *node.numbers)


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
