"""Which indicator rows a group of parameter sets needs, and the call that fills one."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.compiled.linking import external
from engine.compiled.views import floats_at
from engine.execution.state import simulation_at
from engine.strategies.indicator_rows import PLAN_WIDTH, UNDEFINED, WORK_ROWS, fill_rows
from engine.strategies.indicators import KINDS, periods_of
from engine.strategies.parameters import Parameter
from engine.strategies.strategy import Strategy

_NAMES = {number: name for name, number in KINDS.items()}

__all__ = ["plan_rows", "row_filler"]


def plan_rows(
    cls: type[Strategy],
    fields: tuple[str, ...],
    parameters: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return which rows each parameter set reads, and the plans of the distinct rows.

    Parameters
    ----------
    parameters : ndarray of float64, shape (sets, parameters)
        Encoded parameter sets.

    Returns
    -------
    row_of : ndarray of int64, shape (sets, outputs)
        Row number of each indicator output.
    plans : ndarray of float64, shape (rows, PLAN_WIDTH)
        Kind, symbol, field and arguments of each row.

    Raises
    ------
    ValueError
        If a field is not simulated, or a period is not a whole number of at least 1. One that is
        None makes a row of NaN.
    """
    index = {name: column for column, name in enumerate(cls.parameters)}
    for name, declared in cls.indicators.items():
        if declared.field not in fields:
            raise ValueError(
                f"{cls.name}.{name}: found field {declared.field!r}, allowed {', '.join(fields)}"
            )
    outputs = [
        (
            float(output.kind),
            float(declared.symbol),
            float(fields.index(declared.field)),
            output,
            name,
        )
        for name, declared in cls.indicators.items()
        for output in declared.outputs.values()
    ]
    known: dict[tuple[float, ...], int] = {}
    periods: list[tuple[str, int]] = []  # of each known row: its indicator, how many it has
    row_of = np.zeros((len(parameters), len(outputs)), dtype=np.int64)
    for m, values in enumerate(parameters.tolist()):
        for column, (kind, symbol, field, output, name) in enumerate(outputs):
            arguments = [
                values[index[a.name]] if isinstance(a, Parameter) else float(a)
                for a in output.arguments
            ]
            arguments += [0.0] * (PLAN_WIDTH - 3 - len(arguments))
            plan = (kind, symbol, field, *arguments)
            row = known.get(plan)
            if row is None:
                row = known[plan] = len(known)
                periods.append((name, len(periods_of(_NAMES[output.kind], output.arguments))))
            row_of[m, column] = row
    # Rows of a kind side by side: averages of one series are computed together.
    places = sorted(range(len(known)), key=list(known).__getitem__)
    row_of = np.argsort(np.array(places, dtype=np.int64))[row_of]
    plans = np.array(sorted(known), dtype=np.float64).reshape(len(known), PLAN_WIDTH)
    for plan_row, place in zip(plans, places, strict=True):
        name, count = periods[place]
        given = plan_row[3 : 3 + count].tolist()
        if any(math.isnan(period) for period in given):
            plan_row[0] = UNDEFINED
        elif not all(period >= 1.0 and period.is_integer() for period in given):
            found = ", ".join(f"{period:g}" for period in given)
            raise ValueError(
                f"{cls.name}.{name}: found period {found}, allowed a whole number >= 1"
            )
    return row_of, plans


@cache
def row_filler() -> Any:
    """Compile or load what fills the indicator rows of a path, once per process."""
    return external(_fill_rows, 5)


def _fill_rows(frame: int, plans: int, count: int, rows: int, work: int) -> int:
    path = simulation_at(frame).path
    bars = path.shape[2]
    fill_rows(
        path,
        floats_at(plans, count * PLAN_WIDTH).reshape((count, PLAN_WIDTH)),
        floats_at(rows, count * bars).reshape((count, bars)),
        floats_at(work, WORK_ROWS * bars).reshape((WORK_ROWS, bars)),
    )
    return 0
