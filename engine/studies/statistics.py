"""Statistics of a study: per parameter set, each with its Monte Carlo error."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.statistics.monte_carlo import (
    Estimate,
    expected_shortfall,
    mean,
    proportion,
    quantile,
    ratio,
    standard_deviation,
)
from engine.studies.errors import ConfigurationError

if TYPE_CHECKING:
    from engine.studies.results import Results

__all__ = ["STATISTICS", "estimate_statistic", "study_statistics"]

Columns = dict[str, NDArray[np.float64]]


def _win_rate(columns: Columns, confidence: float) -> Estimate:
    pnl = columns["net_pnl"]
    pnl = pnl[~np.isnan(pnl)]
    return proportion(int((pnl > 0).sum()), len(pnl), confidence)


def _value_at_risk(columns: Columns, confidence: float) -> Estimate:
    return quantile(-columns["net_pnl"], 0.95, confidence)


def _expected_shortfall(columns: Columns, confidence: float) -> Estimate:
    return expected_shortfall(-columns["net_pnl"], 0.95, confidence)


def _profit_factor(columns: Columns, confidence: float) -> Estimate:
    pnl = columns["net_pnl"]
    return ratio(np.maximum(pnl, 0.0), np.maximum(-pnl, 0.0), confidence)


def _mean_of(metric: str) -> tuple[str, Callable[[Columns, float], Estimate]]:
    return metric, lambda columns, confidence: mean(columns[metric], confidence)


def _quantile_of(metric: str, p: float) -> tuple[str, Callable[[Columns, float], Estimate]]:
    return metric, lambda columns, confidence: quantile(columns[metric], p, confidence)


#: Statistics of a study, by name: the metric they need, and how they are estimated.
#:
#: ``win_rate`` is the share of simulations with ``net_pnl > 0``; ``value_at_risk_95`` and
#: ``expected_shortfall_95`` are losses (positive) of ``net_pnl`` over simulations;
#: ``profit_factor`` is the mean gain over the mean loss of ``net_pnl``; the others are means and
#: quantiles over simulations of the metric they name.
STATISTICS: dict[str, tuple[str, Callable[[Columns, float], Estimate]]] = {
    "mean_net_pnl": _mean_of("net_pnl"),
    "std_net_pnl": ("net_pnl", lambda c, level: standard_deviation(c["net_pnl"], level)),
    "net_pnl_q05": _quantile_of("net_pnl", 0.05),
    "net_pnl_q25": _quantile_of("net_pnl", 0.25),
    "net_pnl_q50": _quantile_of("net_pnl", 0.50),
    "net_pnl_q75": _quantile_of("net_pnl", 0.75),
    "net_pnl_q95": _quantile_of("net_pnl", 0.95),
    "win_rate": ("net_pnl", _win_rate),
    "profit_factor": ("net_pnl", _profit_factor),
    "value_at_risk_95": ("net_pnl", _value_at_risk),
    "expected_shortfall_95": ("net_pnl", _expected_shortfall),
    "sharpe": _mean_of("sharpe"),
    "sortino": _mean_of("sortino"),
    "total_return": _mean_of("total_return"),
    "volatility": _mean_of("volatility"),
    "max_drawdown": _mean_of("max_drawdown"),
    "max_drawdown_q05": _quantile_of("max_drawdown", 0.05),
    "trades": _mean_of("trades"),
    "exposure": _mean_of("exposure"),
}


def study_statistics(results: Results, *, confidence: float = 0.95) -> pl.DataFrame:
    """Estimate every statistic for every parameter set.

    Failed simulations are left out; undefined metrics (null) are left out of their statistic, and
    ``n`` says how many outcomes are behind each number.

    Parameters
    ----------
    results : Results
        Of one study.
    confidence : float
        Level of the intervals.

    Returns
    -------
    polars.DataFrame
        One row per parameter set and statistic: ``study``, ``fingerprint``, ``parameter_set``,
        the parameters, ``statistic``, ``estimate``, ``std_error``, ``ci_low``, ``ci_high``, ``n``.
    """
    return statistics_by(
        results,
        ["study", "fingerprint", "parameter_set", *results.parameters],
        confidence=confidence,
    )


def statistics_by(results: Results, keys: list[str], *, confidence: float = 0.95) -> pl.DataFrame:
    """Estimate every statistic for every combination of `keys`."""
    available = set(results.columns)
    wanted = {name: entry for name, entry in STATISTICS.items() if entry[0] in available}
    metrics = sorted({metric for metric, _ in wanted.values()})
    frame = results.lazy.filter(pl.col("status") == "ok").select(*keys, *metrics).collect()
    rows: list[dict[str, object]] = []
    for group in frame.partition_by(keys, maintain_order=True) if len(frame) else []:
        named = group.select(keys).row(0, named=True)
        columns = {m: group[m].cast(pl.Float64).fill_null(np.nan).to_numpy() for m in metrics}
        for name, (_, estimator) in wanted.items():
            found = estimator(columns, confidence)
            rows.append(
                named
                | {
                    "statistic": name,
                    "estimate": found.value,
                    "std_error": found.std_error,
                    "ci_low": found.low,
                    "ci_high": found.high,
                    "n": found.n,
                }
            )
    numbers = ["estimate", "std_error", "ci_low", "ci_high"]
    schema = {key: frame.schema[key] for key in keys} | {"statistic": pl.String()}
    schema |= {name: pl.Float64() for name in numbers} | {"n": pl.Int64()}
    table = pl.DataFrame(rows, schema=schema)
    if "parameter_set" in keys:
        table = table.sort("parameter_set", maintain_order=True)
    return table.with_columns(pl.col(numbers).fill_nan(None))


def estimate_statistic(
    results: Results, statistic: str, confidence: float = 0.95
) -> dict[int, Estimate]:
    """Estimate one statistic per parameter set."""
    if statistic not in STATISTICS:
        raise ConfigurationError("until.statistic", repr(statistic), ", ".join(STATISTICS))
    metric, estimator = STATISTICS[statistic]
    frame = (
        results.lazy.filter(pl.col("status") == "ok")
        .select("parameter_set", pl.col(metric).cast(pl.Float64).fill_null(np.nan))
        .collect()
    )
    groups = frame.partition_by("parameter_set", as_dict=True, maintain_order=True)
    return {
        int(key[0]): estimator({metric: group[metric].to_numpy()}, confidence)
        for key, group in groups.items()
    }
