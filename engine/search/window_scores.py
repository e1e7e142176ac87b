"""Scores of a stretch of equity: on a path, and of many of them together."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.statistics.layout import Layout
from engine.statistics.linearised import Linearised
from engine.statistics.moments import means
from engine.statistics.pooled import pooled

__all__ = ["SCORES", "SUMS", "Score", "sums_of"]

Floats = NDArray[np.float64]
Sums = dict[str, NDArray[np.float64]]

#: Sums that `Score.of_choices` takes.
SUMS: Final = ("value", "bars", "years", "return_sum", "return_squares")

# A spread this far below equity is rounding: nothing was held.
_ROUNDING: Final = 1e-7


def sums_of(score: Score, curve: Floats, bars_per_year: float) -> Sums:
    """Return the `SUMS` of equity of shape (..., 1 + bars), each of shape (...)."""
    returns = _returns(curve)
    bars = np.full(returns.shape[:-1], float(returns.shape[-1]))
    return {
        "value": score.of_path(curve, bars_per_year),
        "bars": bars,
        "years": bars / bars_per_year,
        "return_sum": returns.sum(axis=-1),
        "return_squares": (returns**2).sum(axis=-1),
    }


@dataclass(frozen=True)
class Score:
    """How a set is chosen by the bars of a window, and how many choices are summed up.

    Parameters
    ----------
    of_path : callable
        Score of equity of shape (..., 1 + bars), the value before the first bar in front, given the
        bars of a year: shape (...).
    of_choices : callable
        The score of many paths or windows together, of their sums.
    """

    of_path: Callable[[Floats, float], Floats]
    of_choices: Callable[[Sums, Layout], Linearised]


def _returns(equity: Floats) -> Floats:
    before = equity[..., :-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(before > 0.0, np.diff(equity, axis=-1) / before, 0.0)


def _sharpe(equity: Floats, bars_per_year: float) -> Floats:
    returns = _returns(equity)
    if returns.shape[-1] < 2:
        return np.zeros(returns.shape[:-1])
    mean, deviation = returns.mean(axis=-1), returns.std(axis=-1, ddof=1)
    ratio = np.divide(mean, deviation, out=np.zeros_like(mean), where=deviation > _ROUNDING)
    return np.asarray(ratio * math.sqrt(bars_per_year))


def _net_pnl(equity: Floats, bars_per_year: float) -> Floats:
    return np.asarray(equity[..., -1] - equity[..., 0])


def _total_return(equity: Floats, bars_per_year: float) -> Floats:
    first = equity[..., 0]
    return np.divide(equity[..., -1] - first, first, out=np.zeros_like(first), where=first > 0.0)


#: Scores by which a set may be chosen, of the bars of a window. Over paths and windows a Sharpe
#: ratio is pooled (`engine.statistics.pooled`), the others are averaged: the mean of many paths'
#: own ratios is off zero where nothing was earned.
SCORES: Final[dict[str, Score]] = {
    "sharpe": Score(_sharpe, lambda sums, layout: pooled("sharpe", sums, layout)),
    "net_pnl": Score(_net_pnl, lambda sums, layout: means(sums["value"], layout)),
    "total_return": Score(_total_return, lambda sums, layout: means(sums["value"], layout)),
}
