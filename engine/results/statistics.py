"""Statistics of a study: per parameter set, each with its Monte Carlo error."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.errors import Refusal
from engine.execution.metric_names import METRICS
from engine.results.rows import Rows
from engine.statistics import clustered, monte_carlo
from engine.statistics.monte_carlo import Estimate

__all__ = [
    "STATISTICS",
    "Sample",
    "estimate_statistic",
    "statistics_by",
    "study_statistics",
]


@dataclass(frozen=True)
class Sample:
    """Outcomes of one group of simulations.

    Parameters
    ----------
    columns : dict of str to ndarray, shape (n,)
        Metrics; NaN where undefined.
    units : ndarray of int, shape (n,), optional
        Independent units that outcomes belong to, where several belong to one: parameter sets on
        the same path, antithetic pairs of paths. None if every outcome is a unit of its own.
    confidence : float
        Level of the intervals.
    """

    columns: dict[str, NDArray[np.float64]]
    units: NDArray[np.int64] | None
    confidence: float

    def mean(self, metric: str) -> Estimate:
        """Mean of a metric."""
        x = self.columns[metric]
        if self.units is None:
            return monte_carlo.mean(x, self.confidence)
        return clustered.clustered_mean(x, self.units, self.confidence)

    def standard_deviation(self, metric: str) -> Estimate:
        """Estimate the standard deviation of a metric."""
        x = self.columns[metric]
        if self.units is None:
            return monte_carlo.standard_deviation(x, self.confidence)
        return clustered.clustered_standard_deviation(x, self.units, self.confidence)

    def quantile(self, metric: str, probability: float, sign: float = 1.0) -> Estimate:
        """Quantile of a metric times `sign`."""
        x = sign * self.columns[metric] + 0.0  # no minus zero
        if self.units is None:
            return monte_carlo.quantile(x, probability, self.confidence)
        return clustered.clustered_quantile(x, self.units, probability, self.confidence)

    def expected_shortfall(self, metric: str, level: float) -> Estimate:
        """Mean of the losses (minus the metric) beyond their `level` quantile."""
        losses = -self.columns[metric]
        if self.units is None:
            return monte_carlo.expected_shortfall(losses, level, self.confidence)
        return clustered.clustered_expected_shortfall(losses, self.units, level, self.confidence)

    def share_above_zero(self, metric: str) -> Estimate:
        """Share of outcomes above zero."""
        x = self.columns[metric]
        above = np.where(np.isnan(x), np.nan, (x > 0).astype(np.float64))
        if self.units is None:
            n = int((~np.isnan(x)).sum())
            return monte_carlo.proportion(int(np.nansum(above)), n, self.confidence)
        return clustered.clustered_proportion(above, self.units, self.confidence)

    def gain_to_loss(self, metric: str) -> Estimate:
        """Mean of the positive part over the mean of the negative part."""
        x = self.columns[metric]
        gain, loss = np.maximum(x, 0.0), np.maximum(-x, 0.0)
        if self.units is None:
            return monte_carlo.ratio(gain, loss, self.confidence)
        return clustered.clustered_ratio(gain, loss, self.units, self.confidence)


def _mean(metric: str) -> tuple[str, Callable[[Sample], Estimate]]:
    return metric, lambda sample: sample.mean(metric)


def _quantile(metric: str, p: float) -> tuple[str, Callable[[Sample], Estimate]]:
    return metric, lambda sample: sample.quantile(metric, p)


#: Statistics of a study, by name: the metric they need, and how they are estimated.
#:
#: ``profit_probability`` is the share of simulations with ``net_pnl > 0``; ``value_at_risk_95`` and
#: ``expected_shortfall_95`` are losses (positive) of ``net_pnl`` over simulations;
#: ``gain_to_loss`` is the mean gain over the mean loss of ``net_pnl``; the others are means and
#: quantiles over simulations of the metric they name.
STATISTICS: dict[str, tuple[str, Callable[[Sample], Estimate]]] = {
    "mean_net_pnl": _mean("net_pnl"),
    "std_net_pnl": ("net_pnl", lambda sample: sample.standard_deviation("net_pnl")),
    "net_pnl_q05": _quantile("net_pnl", 0.05),
    "net_pnl_q25": _quantile("net_pnl", 0.25),
    "net_pnl_q50": _quantile("net_pnl", 0.50),
    "net_pnl_q75": _quantile("net_pnl", 0.75),
    "net_pnl_q95": _quantile("net_pnl", 0.95),
    "profit_probability": ("net_pnl", lambda sample: sample.share_above_zero("net_pnl")),
    "gain_to_loss": ("net_pnl", lambda sample: sample.gain_to_loss("net_pnl")),
    "value_at_risk_95": ("net_pnl", lambda sample: sample.quantile("net_pnl", 0.95, -1.0)),
    "expected_shortfall_95": ("net_pnl", lambda s: s.expected_shortfall("net_pnl", 0.95)),
    "sharpe": _mean("sharpe"),
    "sortino": _mean("sortino"),
    "total_return": _mean("total_return"),
    "volatility": _mean("volatility"),
    "max_drawdown": _mean("max_drawdown"),
    "max_drawdown_q05": _quantile("max_drawdown", 0.05),
    "trades": _mean("trades"),
    "exposure": _mean("exposure"),
}


def study_statistics(
    rows: Rows, *, names: Sequence[str] | None = None, confidence: float = 0.95
) -> pl.DataFrame:
    """Estimate every statistic, and the mean of every own metric, for every parameter set.

    Failed simulations are left out; undefined metrics (null) are left out of their statistic, and
    ``n`` says how many outcomes are behind each number.

    Parameters
    ----------
    rows : Rows
        Of one study.
    names : sequence of str, optional
        Only these statistics, or means of these metrics.
    confidence : float
        Level of the intervals.

    Returns
    -------
    polars.DataFrame
        One row per parameter set and statistic: ``study``, ``world``, ``parameter_set``,
        ``set_id``, the parameters, ``statistic``, ``estimate``, ``std_error``, ``ci_low``,
        ``ci_high``, ``n``. An end of an interval is infinite where a quantile has too few
        outcomes beyond it.
    """
    keys = ["study", "world", "parameter_set", "set_id", *rows.parameters]
    return statistics_by(rows, keys, names=names, confidence=confidence)


def statistics_by(
    rows: Rows,
    keys: list[str],
    *,
    names: Sequence[str] | None = None,
    confidence: float = 0.95,
) -> pl.DataFrame:
    """Estimate statistics for every combination of `keys`.

    Outcomes of a group that share a path are not independent; the errors account for it. `names`
    are of `STATISTICS`, or any metric, which stands for its mean; by default all of `STATISTICS`
    and the means of the study's own metrics.
    """
    available = set(rows.columns)
    if names is None:
        own = [name for name in rows.summary.own_metrics if name not in STATISTICS]
        named = {name: entry for name, entry in STATISTICS.items() if entry[0] in available}
        wanted = named | {name: _mean(name) for name in own}
    else:
        wanted = {name: _entry(rows, name, "statistic") for name in names}
    metrics = sorted({metric for metric, _ in wanted.values()})
    frame = _successful(rows, keys, metrics)
    found_rows: list[dict[str, object]] = []
    for group in frame.partition_by(keys, maintain_order=True) if len(frame) else []:
        key = group.select(keys).row(0, named=True)
        sample = _sample(group, metrics, confidence)
        for name, (_, estimator) in wanted.items():
            found = estimator(sample)
            found_rows.append(
                key
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
    table = pl.DataFrame(found_rows, schema=schema, orient="row")
    if "parameter_set" in keys:
        table = table.sort("parameter_set", maintain_order=True)
    return table.with_columns(pl.col(numbers).fill_nan(None))


def estimate_statistic(rows: Rows, statistic: str, confidence: float = 0.95) -> dict[int, Estimate]:
    """Estimate one statistic per parameter set."""
    metric, estimator = _entry(rows, statistic, "until.statistic")
    frame = _successful(rows, ["parameter_set"], [metric])
    groups = frame.partition_by("parameter_set", as_dict=True, maintain_order=True)
    return {
        int(key[0]): estimator(_sample(group, [metric], confidence))
        for key, group in groups.items()
    }


def _entry(rows: Rows, name: str, field: str) -> tuple[str, Callable[[Sample], Estimate]]:
    """Return what a statistic needs and how it is estimated; a metric stands for its mean."""
    stored = set(rows.columns)
    entry = STATISTICS.get(name) or (_mean(name) if name in {*rows.metrics, *METRICS} else None)
    if entry is not None and entry[0] in stored:
        return entry
    if entry is not None:
        raise Refusal(
            field,
            f"the stored results of {rows.name} have no column {entry[0]!r}",
            hint=f"`mc run {rows.name}` computes it",
        )
    statistics = [known for known, (metric, _) in STATISTICS.items() if metric in stored]
    means = [metric for metric in rows.metrics if metric in stored and metric not in STATISTICS]
    raise Refusal(field, repr(name), ", ".join(statistics + means))


def _successful(rows: Rows, keys: list[str], metrics: list[str]) -> pl.DataFrame:
    """Read successful simulations: keys, metrics, and the independent unit each belongs to."""
    unit = rows.unit.alias("_unit")
    # Renamed, since a key may be a metric as well.
    values = [pl.col(m).cast(pl.Float64).fill_null(np.nan).alias(f"_{m}") for m in metrics]
    kept = rows.lazy.filter(pl.col("status") == "ok")
    # Sums depend on their order: by number of the simulation, however the parts were cut.
    return kept.sort("simulation").select(*keys, unit, *values).collect()


def _sample(group: pl.DataFrame, metrics: list[str], confidence: float) -> Sample:
    columns = {metric: group[f"_{metric}"].to_numpy() for metric in metrics}
    units = group["_unit"]
    alone = units.n_unique() == len(units)
    return Sample(columns, None if alone else units.to_numpy(), confidence)
