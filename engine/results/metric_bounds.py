"""Between which values metrics lie, whatever happens on a path."""

from __future__ import annotations

import math
from typing import Final

__all__ = ["metric_bounds"]

_AT_LEAST_ZERO: Final = (
    *("volatility", "max_drawdown_duration", "trades", "average_win", "profit_factor"),
    *("average_trade_duration", "longest_trade_duration", "max_consecutive_losses"),
    *("rejected_orders", "margin_calls", "return_squares", "downside_squares", "upside_sum"),
    *("ulcer_index", "conditional_drawdown", "gain_to_loss", "omega", "payoff"),
    *("average_mfe", "benchmark_squares", "fills", "assignments", "early_exercises", "hedges"),
)
_AT_MOST_ZERO: Final = ("max_drawdown", "average_loss", "worst_position")
_SHARES: Final = ("win_rate", "exposure", "time_under_water", "fill_ratio", "maker_share")


def metric_bounds(metric: str) -> tuple[float, float]:
    """Return between which values a metric, or a ratio over paths, lies by what it is.

    Parameters
    ----------
    metric : str
        Any name; of one that is not known every value is possible.

    Returns
    -------
    tuple of float
        The least and the largest value, infinite where there is none.

    Notes
    -----
    The rule of every interval: a mean or a quantile of a metric lies where the metric does, so its
    interval ends there at the latest. That takes values away which are impossible, and can
    therefore not change how often the interval holds the truth.

    Examples
    --------
    >>> metric_bounds("max_drawdown"), metric_bounds("exposure"), metric_bounds("net_pnl")
    ((-inf, 0.0), (0.0, 1.0), (-inf, inf))
    """
    low = 0.0 if metric in (*_AT_LEAST_ZERO, *_SHARES) else -math.inf
    high = 0.0 if metric in _AT_MOST_ZERO else 1.0 if metric in _SHARES else math.inf
    return low, high
