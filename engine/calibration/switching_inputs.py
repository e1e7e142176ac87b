"""What a return depends on beside its regime: returns before it, and columns of the bars."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.bars import Bars
from engine.calibration.sample import SpotSample
from engine.errors import Refusal

__all__ = ["SwitchingInputs", "switching_inputs"]

Array = NDArray[np.float64]

_MOST_LAGS = 10


class SwitchingInputs(NamedTuple):
    """Explanatory variables of a sample's returns.

    Parameters
    ----------
    explanatory : ndarray, shape (n, c), optional
        Of the returns that have as many before them as are asked for; None where nothing is.
    names : tuple of str
        Of their coefficients: ``ar_1`` and so on, then ``beta_NAME``.
    last : dict of str to float
        Start state of the bar after the sample: ``return_1``, the last return, and so on, then
        ``value_NAME``.
    """

    explanatory: Array | None
    names: tuple[str, ...]
    last: dict[str, float]


def switching_inputs(
    bars: Bars, sample: SpotSample, ar: int, regressors: Sequence[str]
) -> SwitchingInputs:
    """Collect explanatory variables, each known at the close before its return.

    Parameters
    ----------
    bars : Bars
        What the sample was taken from.
    sample : SpotSample
        The returns.
    ar : int
        Returns before, 0 to 10.
    regressors : sequence of str
        Columns of the bars.

    Raises
    ------
    Refusal
        If a number of lags or a column is not there, or a value is missing.
    """
    if isinstance(ar, bool) or int(ar) != ar or not 0 <= ar <= _MOST_LAGS:
        raise Refusal("ar", repr(ar), f"a whole number from 0 to {_MOST_LAGS}")
    if isinstance(regressors, str):
        regressors = (regressors,)
    columns = []
    last = {f"return_{lag}": float(sample.returns[-lag]) for lag in range(1, ar + 1)}
    for lag in range(1, ar + 1):
        columns.append(sample.returns[ar - lag : len(sample.returns) - lag])
    before = np.searchsorted(bars.timestamps, sample.begins)[ar:]
    final = int(np.searchsorted(bars.timestamps, sample.stamps[-1]))
    for name in regressors:
        if name not in bars.columns:
            raise Refusal(
                "regressors", repr(name), ", ".join(bars.columns) or "columns of the bars"
            )
        values = np.asarray(bars.columns[name], dtype=np.float64)
        used = np.append(values[before], values[final])
        if not np.isfinite(used).all():
            missing = int((~np.isfinite(used)).sum())
            raise Refusal(f"{bars.symbol} {name}", f"{missing} bars without a value", "none")
        columns.append(values[before])
        last[f"value_{name}"] = float(values[final])
    names = [f"ar_{lag}" for lag in range(1, ar + 1)] + [f"beta_{name}" for name in regressors]
    return SwitchingInputs(np.column_stack(columns) if columns else None, tuple(names), last)
