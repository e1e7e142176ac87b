"""The values of an indicator over historical bars, to look at or to draw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.bars import Bars
from engine.errors import Refusal
from engine.execution.layout import RULES_WIDTH
from engine.execution.state import frame_of, new_simulation
from engine.strategies.expression import Expression
from engine.strategies.indicator import indicators_in
from engine.strategies.indicator_code import WORK_ROWS, check_fill
from engine.strategies.longer_bars import Timeline
from engine.strategies.rows import plan_rows
from engine.strategies.strategy import Strategy

__all__ = ["indicator_values"]


def indicator_values(
    indicator: Expression, bars: Bars | Sequence[Bars]
) -> dict[str, NDArray[np.float64]]:
    """Compute an indicator over bars, by the code that strategies run.

    Parameters
    ----------
    indicator : Expression
        An indicator of numbers, such as ``SMA(20)`` or a user's own, or an expression such as
        ``Close() - SMA(20)``.
    bars : Bars or sequence of Bars
        One symbol, or several with the same timestamps.

    Returns
    -------
    dict of str to ndarray of float64, shape (bars,)
        Values of each output, NaN before the first; an indicator of one row calls it ``value``.

    Raises
    ------
    StrategyError
        If the indicator cannot be compiled, or reads a symbol that is not there.
    ValueError
        If it reads a field that bars do not have, or its arguments are a strategy's parameters.

    Examples
    --------
    >>> import numpy as np
    >>> from engine.bars import Bars
    >>> from engine.strategies import Momentum, indicator_values
    >>> close = np.array([100.0, 102.0, 105.0])
    >>> bars = Bars("X", np.arange(3) * 86_400_000_000, close, close, close, close, np.ones(3))
    >>> indicator_values(Momentum(2), bars)["value"].round(4).tolist()
    [nan, nan, 0.05]
    """
    for item in indicator.parameters_of():
        raise Refusal("indicator", f"the parameter {item.name}", "a number")
    for kind in indicators_in(indicator):
        check_fill(kind)
    histories = (bars,) if isinstance(bars, Bars) else tuple(bars)
    fields = histories[0].fields
    columns: list[list[Any]] = [[one.field(name) for name in fields] for one in histories]
    path = np.ascontiguousarray(columns, dtype=np.float64)
    cls: type[Strategy] = type(type(indicator).__name__, (Strategy,), {"value": indicator})
    cls.check_symbols(len(histories))
    first = histories[0]
    timeline = Timeline(
        first.calendar,
        len(first),
        bars_per_session=first.bars_per_session,
        timestamps=first.timestamps,
    )
    planned = plan_rows(cls, fields, np.empty((1, 0)), timeline)
    simulation = new_simulation(path, np.zeros((len(histories), RULES_WIDTH)))
    frame, count = frame_of(simulation), len(planned.plans)
    rows = np.full((count, path.shape[2]), np.nan)
    work, failed = np.empty((WORK_ROWS, path.shape[2])), np.zeros(count, dtype=np.int64)
    for row, node in planned.nodes:
        if node.code is None:
            continue
        arrays = (frame, planned.plans[row:], rows[row:], work, failed[row:])
        frame_at, plan_at, rows_at, work_at, failed_at = (array.ctypes.data for array in arrays)
        width = planned.plans.shape[1]
        node.code.raising(frame_at, plan_at, node.outputs, width, rows_at, work_at, failed_at)
    return dict(zip(indicator.outputs, rows[planned.row_of[0]], strict=True))
