"""What the page of a study is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.errors import Refusal
from engine.jobs.parameter_text import parameter_text
from engine.results import Results
from engine.studies import load_results
from mc_assets.headlines import with_all_errors
from mc_assets.project import Project
from mc_assets.stored_market_data import StoredMarketData
from mc_assets.study_tables import read_error_budget, read_statistics

__all__ = ["MOST_SETS", "Material"]

#: Parameter sets of which a page has rows and charts; pictures of all sets are small.
MOST_SETS: Final = 40


class Course(NamedTuple):
    """What one simulation did on a history, bar by bar."""

    times: pl.Series
    equity: NDArray[np.float64]
    start: float
    closes: NDArray[np.float64]


@dataclass(frozen=True)
class Material:
    """Everything a page shows, parameter sets ordered by mean net P&L, best first."""

    results: Results
    statistics: pl.DataFrame

    @classmethod
    def of(cls, project: Project, study: str) -> Material:
        """Read a study's results, statistics and errors.

        Raises
        ------
        Refusal
            If it has no results or no statistics yet.
        """
        statistics = read_statistics(project.data, study)
        budget = read_error_budget(project.data, study)
        results = load_results(project.data, study, market_data=StoredMarketData(project))
        return cls(results, with_all_errors(statistics, budget))

    @cached_property
    def sets(self) -> list[int]:
        """Numbers of the sets, the best by mean net P&L first; without it, in their order."""
        if not self.has("net_pnl"):
            return sorted(self.parameters)
        ordered = self.statistics.filter(pl.col("statistic") == "mean_net_pnl").sort(
            "supported", "estimate", descending=True, nulls_last=True, maintain_order=True
        )
        return ordered["parameter_set"].to_list()

    @property
    def shown(self) -> list[int]:
        """The first of `sets`, as many as a page that can be mailed has room for."""
        return self.sets[:MOST_SETS]

    @cached_property
    def parameters(self) -> dict[int, dict[str, Any]]:
        """Parameters of each set."""
        names = list(self.results.parameters)
        stored = self.results.stored
        if stored is not None:
            sets = stored.keys(names)
        else:
            sets = self.results.lazy.group_by("parameter_set").agg(pl.col(names).first()).collect()
        return {
            row["parameter_set"]: {name: row[name] for name in names}
            for row in sets.sort("parameter_set").iter_rows(named=True)
        }

    @cached_property
    def swept(self) -> list[str]:
        """Parameters that take more than one value."""
        names = list(next(iter(self.parameters.values()), {}))
        return [n for n in names if len({str(p[n]) for p in self.parameters.values()}) > 1]

    @cached_property
    def labels(self) -> dict[int, str]:
        """Each set in words: the parameters that vary."""
        return {
            number: ", ".join(f"{n} {self.value(number, n)}" for n in self.swept)
            or "the only parameter set"
            for number in self.parameters
        }

    def value(self, parameter_set: int, name: str) -> str:
        """Value of a parameter of a set, as it is read: numbers with six digits."""
        return parameter_text(self.parameters[parameter_set][name])

    @cached_property
    def sensitivity(self) -> pl.DataFrame:
        """Mean net P&L of every set, with a column per parameter that varies."""
        return self.by_set("mean_net_pnl")

    def by_set(self, statistic: str) -> pl.DataFrame:
        """Return a statistic of every set, with a column per parameter that varies."""
        return self._with_swept(self.statistics.filter(pl.col("statistic") == statistic))

    def means(self, metrics: Sequence[str]) -> dict[str, pl.DataFrame]:
        """Return mean and standard error of metrics over the simulations of every set."""
        chosen = self.results.lazy.filter(status="ok").group_by("parameter_set")
        of_each = [
            expression
            for name in metrics
            for expression in (
                pl.col(name).mean().alias(f"{name} estimate"),
                (pl.col(name).std() / pl.col(name).count().sqrt()).alias(f"{name} std_error"),
            )
        ]
        found = chosen.agg(of_each).sort("parameter_set").collect()
        return {
            name: self._with_swept(
                found.select(
                    "parameter_set",
                    pl.col(f"{name} estimate").alias("estimate"),
                    pl.col(f"{name} std_error").alias("std_error"),
                )
            )
            for name in metrics
        }

    def _with_swept(self, table: pl.DataFrame) -> pl.DataFrame:
        for name in self.swept:
            values = [self.parameters[number][name] for number in table["parameter_set"]]
            table = table.with_columns(pl.Series(name, values, strict=False))
        return table

    def has(self, metric: str) -> bool:
        """Whether the rows hold a metric."""
        return metric in self.results.metrics

    @property
    def of_options(self) -> bool:
        """Whether its strategy trades options."""
        return bool((self.results.summary.definition or {}).get("options")) or self.has("premium")

    @property
    def one_path(self) -> bool:
        """Whether every set ran on a single path, which has no distribution."""
        return len(self.results) == len(self.parameters) > 0

    @property
    def has_equity(self) -> bool:
        """Whether equity curves were recorded."""
        return self.results.equity_lazy is not None

    @property
    def description(self) -> str:
        """What the study says of itself."""
        return self.results.summary.description

    def metric(self, parameter_set: int, name: str) -> pl.Series:
        """Values of a metric over the simulations of a set that succeeded."""
        results = self.results
        if results.stored is None or not results.stored.holds([name]):
            return self._succeeded(parameter_set, [name])[name]
        found = results.stored.read([name], range(parameter_set, parameter_set + 1))
        return pl.Series(name, found.columns[name], nan_to_null=True)

    def statistic(self, parameter_set: int, name: str) -> dict[str, Any]:
        """Row of the table of statistics."""
        return self._by_set[parameter_set, name]

    @cached_property
    def _by_set(self) -> dict[tuple[int, str], dict[str, Any]]:
        rows = self.statistics.iter_rows(named=True)
        return {(row["parameter_set"], row["statistic"]): row for row in rows}

    def estimate(self, parameter_set: int, statistic: str) -> float:
        """Return the estimate of a statistic of a set, NaN where undefined or not kept."""
        row = self._by_set.get((parameter_set, statistic))
        found = None if row is None else row["estimate"]
        return float("nan") if found is None else float(found)

    def curves(self, parameter_set: int) -> pl.DataFrame:
        """Stack the sampled equity of a parameter set: ``bar`` and ``equity``, a row per sample."""
        assert self.results.equity_lazy is not None
        curves = (
            self.results.equity_lazy.filter(pl.col("parameter_set") == parameter_set)
            .select("equity")
            .collect()["equity"]
            .to_numpy()
        )
        samples = curves.shape[1]
        steps = self.results.summary.steps
        bars = np.floor((np.arange(samples) + 1) * steps / samples).astype(np.int64)
        return pl.DataFrame({"bar": np.tile(bars, len(curves)), "equity": curves.ravel()})

    @cached_property
    def course(self) -> Course | None:
        """Return the best set's course on history; None on simulated paths."""
        source = (self.results.summary.definition or {}).get("source") or {}
        kept = self.has("net_pnl") and self.has("final_equity")
        if source.get("model") != "historical" or not self.sets or not kept:
            return None
        try:
            worst = self.ranked(self.sets[0], [0.0])
            replay = self.results.simulation(worst["simulation"].item(0))
        except (Refusal, IndexError):
            return None
        final, earned = replay.metrics.get("final_equity"), replay.metrics.get("net_pnl")
        bars = replay.bars
        if final is None or earned is None or "timestamp" not in bars.columns:
            return None
        own = bars.filter((pl.col("symbol") == bars["symbol"].item(0)) & (pl.col("bar") >= 0))
        return Course(own["timestamp"], replay.equity, final - earned, own["close"].to_numpy())

    def ranked(self, parameter_set: int, shares: Sequence[float]) -> pl.DataFrame:
        """Return simulations of a set that succeeded, by their rank in net P&L.

        Of millions none but these are put in order.

        Parameters
        ----------
        parameter_set : int
            Number of the set.
        shares : sequence of float
            0 for the least profitable, 1 for the most, 0.5 for the one in the middle.

        Returns
        -------
        polars.DataFrame
            ``simulation``, ``seed``, ``net_pnl`` and what else is kept, a row per share; no row
            where none succeeded.
        """
        wanted = [n for n in ("net_pnl", "max_drawdown", "trades") if self.has(n)]
        profits = self.metric(parameter_set, "net_pnl").to_numpy()
        profits = np.where(np.isnan(profits), -np.inf, profits)
        if not len(profits):
            return self._succeeded(parameter_set, wanted)
        places = [int(share * (len(profits) - 1)) for share in shares]
        values = np.partition(profits, places)[places]
        # Of equals the first comes first.
        before = [place - int((profits < v).sum()) for place, v in zip(places, values, strict=True)]
        rows = [int(np.flatnonzero(profits == v)[n]) for v, n in zip(values, before, strict=True)]
        return self._succeeded(parameter_set, wanted, rows)

    def _succeeded(
        self, parameter_set: int, names: list[str], rows: list[int] | None = None
    ) -> pl.DataFrame:
        """Return number, seed and metrics of the simulations of a set that succeeded, or of some.

        `rows` count those that succeeded, in the order of their numbers.
        """
        results, summary = self.results, self.results.summary
        if results.stored is None or not results.stored.holds(names):
            chosen = (pl.col("parameter_set") == parameter_set) & (pl.col("status") == "ok")
            lazy = results.lazy.filter(chosen).select("simulation", "seed", *names)
            every = lazy.sort("simulation").collect()
            return every if rows is None else every[rows]
        some = slice(None) if rows is None else rows
        one = range(parameter_set, parameter_set + 1)
        columns: dict[str, NDArray[np.float64]] = {}
        paths = results.stored.read([], one).paths[some]
        for name in names:
            # Column by column, so that one of millions of rows is held.
            columns[name] = results.stored.read([name], one).columns[name][some]
        return pl.DataFrame(
            {
                "simulation": paths * summary.parameter_sets + parameter_set,
                "seed": results.seeds[paths // summary.paths_per_seed],
                **columns,
            },
            nan_to_null=True,
        )
