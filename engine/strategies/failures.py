"""What a strategy or an indicator of its raised."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.strategies.rows import RowPlan
from engine.strategies.strategy import Strategy

__all__ = ["raised", "raised_by_indicator"]


def raised_by_indicator(
    cls: type[Strategy],
    planned: RowPlan,
    frame: NDArray[np.int64],
    rows: NDArray[np.float64],
    work: NDArray[np.float64],
    failed: NDArray[np.int64],
) -> str | None:
    """Return what the first indicator that could not be computed raised, if any.

    Parameters
    ----------
    cls : type
        The strategy.
    planned : RowPlan
        The rows of its parameter set.
    frame, rows, work : ndarray
        The worker's, after the rows were filled.
    failed : ndarray of int64, shape (rows,)
        Not 0 for a row that could not be filled.
    """
    outputs = (name for name, item in cls.indicators.items() for _ in item.outputs)
    read = zip(outputs, planned.row_of[0].tolist(), strict=True)
    name = next((output for output, row in read if failed[row]), None)
    if name is None:
        return None
    # The first row that failed is the cause of those that rest on it.
    for row, node in planned.nodes:
        if failed[row] and node.code is not None:
            arrays = (frame, planned.plans[row:], rows[row:], work, failed[row:])
            at, plan, values, space, flags = (array.ctypes.data for array in arrays)
            width = planned.plans.shape[1]
            try:
                node.code.raising(at, plan, node.outputs, width, values, space, flags)
            except Exception as error:
                return raised(f"the indicator {name}", error)
    return None


def raised(what: str, error: Exception) -> str:
    """Return a sentence about an exception."""
    text = f"{what} raised {type(error).__name__}"
    return f"{text}: {error}" if str(error) else text
