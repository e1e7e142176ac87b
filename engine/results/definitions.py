"""The statistics of a study by name: the short list, the complete one, and every other."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Sequence
from typing import Final

from engine.errors import Refusal
from engine.execution.metric_groups import all_metrics
from engine.results.families import COUNTS, FAMILIES, family_member
from engine.results.rows import Rows
from engine.results.statistic_kinds import (
    Statistic,
    average_loss,
    count_of,
    deviation_of,
    mean_of,
    pooled_ratio,
    quantile_of,
    quantile_of_paths,
    share_at_most,
    share_of_profits,
    shortfall_of,
    value_at_risk,
    where_told,
)

__all__ = [
    "COMPLETE",
    "RATIOS",
    "STATISTICS",
    "Statistic",
    "chosen_statistics",
    "find_statistic",
    "named_statistic",
    "statistics_of",
    "unknown_statistic",
]

#: Ratios that are pooled over the paths of a set, never averaged over them
#: (`engine.statistics.pooled.POOLED` has their formulas).
RATIOS: Final[dict[str, Statistic]] = {
    name: pooled_ratio(name)
    for name in (
        *("sharpe", "sharpe_by_path", "sortino", "calmar", "omega", "gain_to_loss"),
        *("sharpe_autocorrelated", "information_ratio", "alpha", "beta"),
        *("win_rate", "profit_factor", "expectancy", "payoff", "average_win"),
        *("average_trade_duration", "average_mfe", "average_mae", "sqn"),
    )
} | {"average_loss": average_loss()}

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
    "mean_net_pnl": mean_of("net_pnl"),
    "std_net_pnl": deviation_of("net_pnl"),
    "net_pnl_q05": quantile_of("net_pnl", 0.05),
    "net_pnl_q25": quantile_of("net_pnl", 0.25),
    "net_pnl_q50": quantile_of("net_pnl", 0.50),
    "net_pnl_q75": quantile_of("net_pnl", 0.75),
    "net_pnl_q95": quantile_of("net_pnl", 0.95),
    "profit_probability": share_of_profits("net_pnl"),
    "gain_to_loss": RATIOS["gain_to_loss"],
    "value_at_risk_95": value_at_risk("net_pnl", 0.95),
    "expected_shortfall_95": shortfall_of("net_pnl", 0.95),
    "sharpe": RATIOS["sharpe"],
    "sharpe_by_path": RATIOS["sharpe_by_path"],
    "sharpe_of_paths_q05": quantile_of_paths("sharpe", 0.05),
    "sharpe_of_paths_q50": quantile_of_paths("sharpe", 0.50),
    "sharpe_of_paths_q95": quantile_of_paths("sharpe", 0.95),
    "sortino": RATIOS["sortino"],
    "calmar": RATIOS["calmar"],
    "omega": RATIOS["omega"],
    "total_return": mean_of("total_return"),
    "volatility": mean_of("volatility"),
    "max_drawdown": mean_of("max_drawdown"),
    "max_drawdown_q05": quantile_of("max_drawdown", 0.05),
    "trades": count_of("trades"),
    "win_rate": RATIOS["win_rate"],
    "profit_factor": RATIOS["profit_factor"],
    "expectancy": RATIOS["expectancy"],
    "exposure": mean_of("exposure"),
}

_PROBABILITIES: Final = {
    "half_loss_probability": share_at_most("total_return", -0.5),
    # Equity fell by all of its peak: at a close nothing was left.
    "ruin_probability": share_at_most("max_drawdown", -1.0),
}

_DISTRIBUTIONS: Final = (
    *("net_pnl", "total_return", "final_equity", "peak_equity"),
    *("max_drawdown", "max_drawdown_duration"),
)

#: What ``complete`` in a study's ``statistics`` stands for, of which a study has those whose
#: columns its rows hold: the short list; mean, spread, shape and quantiles of P&L, return, final
#: and peak equity, depth and duration of drawdowns; value at risk and expected shortfall at three
#: levels by three methods; probabilities; drawdown over time; trades; the benchmark.
COMPLETE: Final = tuple(
    dict.fromkeys(
        (
            *STATISTICS,
            *(
                name
                for metric in _DISTRIBUTIONS
                for name in (
                    "mean_net_pnl" if metric == "net_pnl" else metric,
                    *(f"{kind}_{metric}" for kind in ("std", "skewness", "kurtosis")),
                    *(f"{metric}_q{p}" for p in ("01", "05", "25", "50", "75", "95", "99")),
                )
            ),
            *(
                f"{kind}_{level}{method}"
                for kind in ("value_at_risk", "expected_shortfall")
                for level in (90, 95, 99)
                for method in ("", "_normal", "_cornish_fisher")
            ),
            *("loss_probability", *_PROBABILITIES),
            *("ulcer_index", "conditional_drawdown", "time_under_water", "lowest_equity"),
            *RATIOS,
            *("benchmark_return", "excess_return"),
            *(f"excess_return_q{p}" for p in ("05", "50", "95")),
        )
    )
)


def chosen_statistics(asked: Sequence[str]) -> tuple[str, ...]:
    """Return the names of what a study asks for beside the short list.

    Parameters
    ----------
    asked : sequence of str
        Statistics, and ``complete`` for all of `COMPLETE`.

    Returns
    -------
    tuple of str
        Each once.
    """
    named = [one for name in asked for one in (COMPLETE if name == "complete" else (name,))]
    return tuple(dict.fromkeys(named))


def statistics_of(rows: Rows) -> dict[str, Statistic]:
    """Return the statistics of rows, as far as these have the columns.

    They are `STATISTICS`, those that the study chooses, those of metrics that it records by name,
    and the means of its own.
    """
    summary = rows.summary
    known = dict(STATISTICS)
    for name in (*chosen_statistics(summary.statistics), *summary.record.metrics):
        entry = named_statistic(name, summary.own_metrics)
        # The mean of net P&L, say, goes by a name of its own.
        if entry is not None and known.keys().isdisjoint((name, f"mean_{name}")):
            known[name] = where_told(name, entry) if name in RATIOS else entry
    known |= {name: mean_of(name) for name in summary.own_metrics}
    return {name: entry for name, entry in known.items() if not rows.lacks(entry.needs)}


def find_statistic(rows: Rows, name: str, field: str) -> Statistic:
    """Return a statistic by name.

    Parameters
    ----------
    rows : Rows
        What it is to be estimated from.
    name : str
        Of `STATISTICS`, `RATIOS` or `COMPLETE`; a metric, which stands for its mean, or if it is a
        ratio for the pooled one; or a name that is made of a metric, a level or a bar
        (`engine.results.families.FAMILIES`).
    field : str
        What asks, for the error.

    Raises
    ------
    Refusal
        If there is none, or the rows lack a column that it needs.
    """
    entry = named_statistic(name, rows.summary.own_metrics)
    if entry is None:
        stored = set(rows.columns)
        kept = [metric for metric in rows.metrics if metric in stored]
        raise unknown_statistic(field, name, kept)
    missing = rows.lacks(entry.needs)
    if missing:
        raise rows.not_stored(field, *missing)
    return entry


def unknown_statistic(
    field: str, name: str, metrics: Collection[str], own_metrics: Collection[str] = ()
) -> Refusal:
    """Say that there is no statistic of a name, and which one may have been meant.

    Parameters
    ----------
    field : str
        What asks.
    name : str
        What it asks for.
    metrics, own_metrics : collection of str
        Columns of the rows, which stand for their means.

    Returns
    -------
    Refusal
        One sentence.
    """
    known = dict.fromkeys([*STATISTICS, *metrics, *own_metrics])
    near = difflib.get_close_matches(name, [*known, *COMPLETE], n=1)
    meant = f" (did you mean {near[0]!r}?)" if near else ""
    return Refusal(field, f"{name!r}{meant}", f"{', '.join(known)}; {FAMILIES}")


def named_statistic(name: str, own_metrics: Collection[str] = ()) -> Statistic | None:
    """Return a statistic by name, as `find_statistic` does, of any rows; None if there is none."""
    if name in own_metrics:
        return mean_of(name)
    entry = STATISTICS.get(name) or RATIOS.get(name) or _PROBABILITIES.get(name)
    if entry is not None:
        return entry
    if name in all_metrics():
        return count_of(name) if name in COUNTS else mean_of(name)
    return family_member(name, RATIOS, own_metrics)
