"""What a statistic of a parameter set is: the columns it needs, and how it is estimated."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from engine.errors import Refusal
from engine.execution.metric_groups import all_metrics
from engine.results.outcomes import Outcomes, columns_for
from engine.results.rows import Rows
from engine.statistics.estimates import Estimates
from engine.statistics.linearised import Linearised
from engine.statistics.moments import means, standard_deviations
from engine.statistics.pooled import pooled
from engine.statistics.quantiles import expected_shortfalls, quantiles
from engine.statistics.shares import counts, shares

__all__ = [
    "RATIOS",
    "STATISTICS",
    "Statistic",
    "find_statistic",
    "named_statistic",
    "statistics_of",
]


@dataclass(frozen=True)
class Statistic:
    """A statistic over the simulations of a parameter set.

    Parameters
    ----------
    needs : tuple of str
        Columns of the rows that it is estimated from.
    of : callable
        Estimates it for all parameter sets at once.
    of_distribution : bool
        Whether it tells how outcomes are spread over paths, which one path cannot.
    bounds : tuple of float
        Between which every value lies.
    """

    needs: tuple[str, ...]
    of: Callable[[Outcomes], Linearised]
    of_distribution: bool = False
    bounds: tuple[float, float] = (-math.inf, math.inf)

    def estimates(self, found: Linearised, confidence: float) -> Estimates:
        """Estimate with intervals; of one path no value that tells of a distribution."""
        made = found.estimates(confidence)
        alone = self.of_distribution & (found.units == 1)
        return replace(made, value=np.where(alone, np.nan, made.value))


def _mean(metric: str) -> Statistic:
    return Statistic(columns_for(metric=metric), lambda o: means(o.metric(metric), o.layout))


def _count(metric: str) -> Statistic:
    return Statistic(
        (metric,), lambda o: counts(o.metric(metric), o.layout), bounds=(0.0, math.inf)
    )


def _quantile(metric: str, probability: float, sign: float = 1.0) -> Statistic:
    return Statistic(
        columns_for(metric=metric),
        # Adding zero leaves no minus zero.
        lambda o: quantiles(sign * o.metric(metric) + 0.0, probability, o.layout),
        of_distribution=True,
    )


def _of_paths(ratio: str, probability: float) -> Statistic:
    return Statistic(
        columns_for(ratio=ratio),
        lambda o: quantiles(o.ratio_of_paths(ratio), probability, o.layout),
        of_distribution=True,
    )


def _pooled(ratio: str) -> Statistic:
    return Statistic(
        columns_for(ratio=ratio), lambda o: pooled(ratio, o.sums(ratio), o.layout, idle=o.idle)
    )


def _average_loss(o: Outcomes) -> Linearised:
    """Pool the mean of losing trades, below 0 as the metric of that name."""
    found = _pooled("average_loss").of(o)
    return replace(found, value=-found.value, influence=-found.influence, shape="kurtic")


def _profitable(o: Outcomes) -> Linearised:
    return shares((o.metric("net_pnl") > 0.0).astype(float), o.layout)


def _shortfall(o: Outcomes) -> Linearised:
    return expected_shortfalls(-o.metric("net_pnl"), 0.95, o.layout)


#: Ratios that are pooled over the paths of a set, never averaged over them
#: (`engine.statistics.pooled.POOLED` has their formulas).
RATIOS: Final[dict[str, Statistic]] = {
    name: _pooled(name)
    for name in (
        *("sharpe", "sharpe_by_path", "sortino", "calmar", "omega", "gain_to_loss"),
        *("win_rate", "profit_factor", "expectancy", "payoff", "average_win"),
        *("average_trade_duration", "average_mfe", "average_mae"),
    )
} | {"average_loss": Statistic(columns_for(ratio="average_loss"), _average_loss)}

#: Statistics of a study, by name.
#:
#: ``profit_probability`` is the share of simulations with ``net_pnl > 0``; ``value_at_risk_95`` and
#: ``expected_shortfall_95`` are losses (positive) of ``net_pnl`` over simulations;
#: ``gain_to_loss`` is the gains over the losses of ``net_pnl``. The ratios are pooled over all
#: paths of the set: ``sharpe`` (also ``sharpe_by_path``, which allows for returns that depend on
#: one another), ``sortino``, ``calmar``, ``omega``, and ``win_rate``, ``profit_factor`` and
#: ``expectancy`` over all its trades. ``sharpe_of_paths_q50`` is a quantile of the ratios of single
#: paths. The others are means and quantiles over simulations of the metric they name.
STATISTICS: Final[dict[str, Statistic]] = {
    "mean_net_pnl": _mean("net_pnl"),
    "std_net_pnl": Statistic(
        ("net_pnl",), lambda o: standard_deviations(o.metric("net_pnl"), o.layout)
    ),
    "net_pnl_q05": _quantile("net_pnl", 0.05),
    "net_pnl_q25": _quantile("net_pnl", 0.25),
    "net_pnl_q50": _quantile("net_pnl", 0.50),
    "net_pnl_q75": _quantile("net_pnl", 0.75),
    "net_pnl_q95": _quantile("net_pnl", 0.95),
    "profit_probability": Statistic(("net_pnl",), _profitable, bounds=(0.0, 1.0)),
    "gain_to_loss": RATIOS["gain_to_loss"],
    "value_at_risk_95": _quantile("net_pnl", 0.95, -1.0),
    "expected_shortfall_95": Statistic(("net_pnl",), _shortfall, of_distribution=True),
    "sharpe": RATIOS["sharpe"],
    "sharpe_by_path": RATIOS["sharpe_by_path"],
    "sharpe_of_paths_q05": _of_paths("sharpe", 0.05),
    "sharpe_of_paths_q50": _of_paths("sharpe", 0.50),
    "sharpe_of_paths_q95": _of_paths("sharpe", 0.95),
    "sortino": RATIOS["sortino"],
    "calmar": RATIOS["calmar"],
    "omega": RATIOS["omega"],
    "total_return": _mean("total_return"),
    "volatility": _mean("volatility"),
    "max_drawdown": _mean("max_drawdown"),
    "max_drawdown_q05": _quantile("max_drawdown", 0.05),
    "trades": _count("trades"),
    "win_rate": RATIOS["win_rate"],
    "profit_factor": RATIOS["profit_factor"],
    "expectancy": RATIOS["expectancy"],
    "exposure": _mean("exposure"),
}

_COUNTS: Final = ("trades", "rejected_orders", "margin_calls")
# A single path has a gain or a loss, not both; losses of a path stand with the other sign.
_NOT_OF_PATHS: Final = ("gain_to_loss", "average_loss")
_QUANTILE: Final = re.compile(r"(\w+?)(_of_paths)?_q(0[1-9]|[1-9]\d)")


def statistics_of(rows: Rows) -> dict[str, Statistic]:
    """Return the statistics of rows, as far as these have the columns.

    They are `STATISTICS`, those of metrics that the study records by name, and the means of its
    own.
    """
    stored = set(rows.columns)
    known = dict(STATISTICS)
    for name in (*rows.summary.record.metrics, *rows.summary.own_metrics):
        entry = named_statistic(name, rows.summary.own_metrics)
        # The mean of net P&L, say, goes by a name of its own.
        if entry is not None and known.keys().isdisjoint((name, f"mean_{name}")):
            known[name] = entry
    return {name: entry for name, entry in known.items() if stored.issuperset(entry.needs)}


def find_statistic(rows: Rows, name: str, field: str) -> Statistic:
    """Return a statistic by name.

    Parameters
    ----------
    rows : Rows
        What it is to be estimated from.
    name : str
        Of `STATISTICS` or `RATIOS`; a metric, which stands for its mean, or if it is a ratio for
        the pooled one; ``METRIC_q05`` for a quantile of a metric, ``RATIO_of_paths_q05`` of the
        ratios of single paths.
    field : str
        What asks, for the error.

    Raises
    ------
    Refusal
        If there is none, or the rows lack a column that it needs.
    """
    stored = set(rows.columns)
    entry = named_statistic(name, rows.summary.own_metrics)
    if entry is None:
        known = statistics_of(rows)
        other = [metric for metric in rows.metrics if metric in stored and metric not in known]
        raise Refusal(field, repr(name), ", ".join([*known, *other]))
    missing = [column for column in entry.needs if column not in stored]
    if missing:
        raise rows.not_stored(field, *missing)
    return entry


def named_statistic(name: str, own_metrics: Collection[str] = ()) -> Statistic | None:
    """Return a statistic by name, as `find_statistic` does, of any rows; None if there is none."""
    if name in own_metrics:
        return _mean(name)
    entry = STATISTICS.get(name) or RATIOS.get(name)
    if entry is not None:
        return entry
    metrics = all_metrics()
    if name in metrics:
        return _count(name) if name in _COUNTS else _mean(name)
    asked = _QUANTILE.fullmatch(name)
    if asked is None:
        return None
    of, by_path, probability = asked[1], asked[2] is not None, int(asked[3]) / 100
    if by_path:
        known = of in RATIOS and of not in _NOT_OF_PATHS
        return _of_paths(of, probability) if known else None
    is_metric = of in own_metrics or (of in metrics and of not in RATIOS)
    return _quantile(of, probability) if is_metric else None
