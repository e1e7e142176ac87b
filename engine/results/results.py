"""Results of a study: rows to filter, group, rank and compare."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from engine.errors import Refusal
from engine.execution.metric_groups import all_metrics
from engine.files import Root
from engine.jobs.job import Job
from engine.jobs.replay import Replay, simulate_one
from engine.jobs.resampled import ResampledHistory
from engine.results.attribution import study_attribution
from engine.results.choice import Choice, choose
from engine.results.comparison import Comparison, compare
from engine.results.daily_returns import daily_returns
from engine.results.error_budget import Paths, study_error_budget
from engine.results.grouped import Grouped
from engine.results.overfitting import study_overfitting
from engine.results.pictures import ResultPictures
from engine.results.recorded import RecordedRows
from engine.results.snippet import results_snippet
from engine.results.statistics import study_statistics
from engine.results.warnings import study_warnings

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Results"]


@dataclass(frozen=True)
class Results(RecordedRows):
    """Rows of a study, one per simulation.

    Parameters
    ----------
    lazy : polars.LazyFrame
        The rows (`engine.jobs.frames` documents the columns).
    summary : JobSummary
        The job that made them.
    equity_lazy, trades_lazy : polars.LazyFrame, optional
        Recorded equity curves and trades.
    pieces : tuple of Piece
        Stored cells that they were read from.
    set_ids : ndarray of U16, shape (sets,)
        Ids of the study's parameter sets, in its order.
    seeds : ndarray of uint64, shape (seeds,)
        Its seeds, in its order.
    rare : polars.DataFrame, optional
        Its rare events, as `rare_events` returns them.
    remake : callable, optional
        Returns the job that makes them as its study stands now: needed to simulate one again.
    damages : tuple of str
        Sentences about stored parts left out for a damaged file.
    resampled : ResampledHistory, optional
        What a bootstrap draws from.
    root : Path or FileStore, optional
        Data root that they lie in, whose ledger counts what was tried.
    """

    remake: Callable[[], Job] | None = field(default=None, repr=False)
    damages: tuple[str, ...] = ()
    resampled: ResampledHistory | None = field(default=None, repr=False)
    root: Root | None = None

    def __repr__(self) -> str:
        of = f" of {self.summary.simulations:,}, partial" if self.partial else ""
        return f"Results({self.name!r}, {len(self):,} simulations{of}, {self.fingerprint})"

    def filter(self, condition: str | pl.Expr) -> Results:
        """Keep the rows for which an SQL condition or a Polars expression holds.

        Raises
        ------
        Refusal
            If it cannot be read, names a column that is not there, or is not true or false.

        Examples
        --------
        >>> import engine as mc
        >>> parameters = {"fast": [5, 10], "slow": 30}
        >>> study = mc.Study("up", mc.GBM(), "sma_crossover", parameters, seeds=50, steps=100)
        >>> results = study.run()
        >>> len(results), 0 < len(results.filter("net_pnl > 0 and fast = 5")) < 50
        (100, True)
        """
        expression, kind = self._expression(condition, "filter")
        if kind != pl.Boolean:
            found = f"{str(condition)!r}, a {kind}"
            raise Refusal("filter", found, "a condition that is true or false")
        return replace(self, lazy=self.lazy.filter(expression))

    def group_by(self, *names: str) -> Grouped:
        """Group by parameters or any other column."""
        if not names:
            known = f"columns: {', '.join(self.columns)}"
            raise Refusal("column", "a name to group by is needed", hint=known)
        for name in names:
            self._known(name)
        return Grouped(self, list(dict.fromkeys(names)))

    def statistics(
        self, *, names: Sequence[str] | None = None, confidence: float = 0.95
    ) -> pl.DataFrame:
        """Statistics per parameter set with their Monte Carlo errors.

        Parameters
        ----------
        names : sequence of str, optional
            Of `STATISTICS`, or metrics: their means, of ratios the pooled ones; by default all
            of `STATISTICS`.
        confidence : float
            Level of the intervals.

        Returns
        -------
        polars.DataFrame
            As `study_statistics` returns: ``parameter_set``, ``statistic``, ``estimate``,
            ``std_error``, ``ci_low``, ``ci_high``, ``n``, ``idle_share``, ``method`` and more.

        Raises
        ------
        Refusal
            If there is no such statistic, or the rows lack the column it needs.
        """
        return study_statistics(self, names=names, confidence=confidence)

    def error_budget(
        self, *, names: Sequence[str] | None = None, confidence: float = 0.95
    ) -> pl.DataFrame:
        """Break the error down by kind, and say which to reduce (`study_error_budget`).

        Parameters
        ----------
        names : sequence of str, optional
            As `statistics` takes them.
        confidence : float
            Level of the intervals.

        Returns
        -------
        polars.DataFrame
            One row per parameter set and statistic: ``parameter_set``, ``statistic``,
            ``estimate``, ``monte_carlo``, ``history``, ``parameters``, ``total``, ``ci_low``,
            ``ci_high``, ``dominant``, ``what_to_run`` and more.

        Raises
        ------
        Refusal
            If there is no such statistic, or the rows lack the column it needs.
        """
        paths = Paths(self.seeds, self.resampled)
        return study_error_budget(self, paths, names=names, confidence=confidence)

    def best(
        self, statistic: str = "sharpe", n: int = 10, *, ascending: bool = False
    ) -> pl.DataFrame:
        """Parameter sets with the largest estimate of a statistic, with errors.

        Sets whose estimate rests on fewer than five paths come after all others: a Sharpe ratio of
        3 of 400 paths is a matter of chance. ``supported`` says which they are.

        Parameters
        ----------
        statistic : str
            One of `STATISTICS`, or a metric: its mean, of a ratio the pooled one.
        n : int
            How many sets; of equal ones the first come first, undefined ones last.
        ascending : bool
            The smallest estimates instead.

        Returns
        -------
        polars.DataFrame
            One row per parameter set, best first: the columns of `statistics`.

        Raises
        ------
        Refusal
            If there is no such statistic, or `n` is below 1.
        """
        if not isinstance(n, int | np.integer) or n < 1:
            raise Refusal("n", repr(n), "a whole number of at least 1")
        found = study_statistics(self, names=[statistic])
        return found.sort(
            "supported",
            "estimate",
            descending=[True, not ascending],
            nulls_last=True,
            maintain_order=True,
        ).head(n)

    def choose(
        self, statistic: str = "sharpe", *, ascending: bool = False, confidence: float = 0.95
    ) -> Choice:
        """Choose the best parameter set, corrected for the choice (`engine.results.choose`).

        On one history what chance shows is that of the trial ledger of the data root that the
        results lie in.

        Raises
        ------
        Refusal
            If there is no such statistic, or nothing to choose from.
        """
        return choose(self, statistic, ascending=ascending, confidence=confidence, root=self.root)

    def overfitting(self, root: Root, *, statistic: str = "sharpe") -> pl.DataFrame:
        """Measure the overfitting of the best set, by all trials (`study_overfitting`).

        Parameters
        ----------
        root : path or FileStore
            The data root, whose ledger holds everything that was tried.
        statistic : str
            What the best set is chosen by.

        Returns
        -------
        polars.DataFrame
            One row: ``parameter_set``, ``trials_in_study``, ``trials_in_ledger``,
            ``effective_trials``, ``deflated_sharpe``, ``overfitting_probability``, ``reason``,
            ``sentence`` and more.

        Raises
        ------
        Refusal
            If there is no such statistic.
        """
        return study_overfitting(self, root, statistic=statistic)

    def attribution(self, by: str = "symbol", *, confidence: float = 0.95) -> pl.DataFrame:
        """Say what of the mean net P&L came from where (`study_attribution`).

        Parameters
        ----------
        by : str
            ``symbol``, ``side``, ``tag``, ``cost``, ``regime``, on history ``weekday``, ``hour``.
        confidence : float
            Level of the intervals.

        Returns
        -------
        polars.DataFrame
            One row per parameter set and ``value``: ``estimate``, ``std_error`` and more.

        Raises
        ------
        Refusal
            If it cannot be attributed so, or what that needs was not recorded.
        """
        return study_attribution(
            self, by, bars=lambda: self.simulation(0).bars, job=self._job, confidence=confidence
        )

    def warnings(self) -> pl.DataFrame:
        """List the warnings about these numbers (`study_warnings`).

        Returns
        -------
        polars.DataFrame
            One row per warning: ``study``, ``world``, ``parameter_set``, ``set_id``, ``code``,
            ``sentence``, ``count``.
        """
        return study_warnings(self, self.trades_lazy)

    @property
    def plot(self) -> ResultPictures:
        """Charts: ``results.plot.fan()``, ``.pnl()``, ``.heatmap()`` and others, each savable."""
        return ResultPictures(self)

    def _repr_html_(self) -> str:
        return results_snippet(self)

    def best_by_pnl(self, n: int = 10) -> pl.DataFrame:
        """Parameter sets with the largest mean net P&L.

        Returns
        -------
        polars.DataFrame
            As `best` returns.
        """
        return self.best("mean_net_pnl", n)

    def with_metric(
        self, name: str, metric: str | pl.Expr | Callable[[dict[str, Any]], float]
    ) -> Results:
        """Add a metric of one's own: an SQL or Polars expression, or a function of a row.

        Parameters
        ----------
        name : str
            Column to add.
        metric : str, polars.Expr or callable
            A callable takes a row as a dictionary and returns a number, or None where undefined;
            it runs in Python, row by row.

        Raises
        ------
        Refusal
            If the name is taken or the values are not numbers.
        """
        if name in self.columns:
            raise Refusal("metric", f"{name!r}, which exists", "a new name")
        if callable(metric) and not isinstance(metric, pl.Expr):
            rows = self.frame
            values = [metric(row) for row in rows.iter_rows(named=True)]
            try:
                column = pl.Series(name, values, dtype=pl.Float64)
            except TypeError as error:
                raise Refusal(name, str(error).splitlines()[0], "numbers") from None
            lazy = rows.with_columns(column).lazy()
        else:
            expression, kind = self._expression(metric, "metric")
            if not (kind.is_numeric() or kind == pl.Boolean):
                raise Refusal(name, f"{str(metric)!r}, a {kind}", "numbers")
            lazy = self.lazy.with_columns(expression.alias(name))
        summary = replace(
            self.summary,
            metrics=(*self.summary.metrics, name),
            own_metrics={**self.summary.own_metrics, name: ""},
        )
        return replace(self, lazy=lazy, summary=summary)

    def compare(
        self, baseline: Results, statistic: str = "mean_net_pnl", *, confidence: float = 0.95
    ) -> Comparison:
        """Compare with another study, or a part of this one, on all of their paths.

        Parameters
        ----------
        baseline : Results
            A single parameter set, or the same ones.
        statistic : str
            As `statistics` takes it.
        confidence : float
            Level of the intervals and of the verdicts.

        Raises
        ------
        Refusal
            If there is no such statistic, it is undefined on some paths, or it is unclear which
            sets to compare.
        """
        return compare(self, baseline, statistic, confidence=confidence)

    def simulation(self, simulation: int) -> Replay:
        """Run exactly one simulation again and return its bars, trades and equity.

        Raises
        ------
        Refusal
            If there is no such simulation, or the study no longer is what made these results.
        """
        return simulate_one(self._job(), simulation)

    def to_quantstats(self, simulation: int = 0) -> pd.Series[Any]:
        """Return the daily returns of one simulation, as QuantStats and pyfolio take them.

        ``quantstats.reports.html(results.to_quantstats())`` draws a tear sheet of it: of one path,
        where `statistics` are over all of them. See `engine.results.daily_returns`.

        Raises
        ------
        Refusal
            As `simulation`; or if bars are longer than a day.
        """
        job = self._job()
        return daily_returns(simulate_one(job, simulation), job.world.calendar)

    def _job(self) -> Job:
        """Return the job that made these results, if it still would."""
        if self.remake is None:
            raise Refusal(
                "study",
                f"{self.name} was made from Python objects, so no file says how to run it again",
                hint="simulate from the results of `study.run()` in the same process",
            )
        job = self.remake()
        if job.fingerprint != self.fingerprint:
            raise Refusal(
                "study",
                f"the bars, calibration, code or definition of {self.name} have changed since "
                f"these results were made ({self.fingerprint}; now {job.fingerprint})",
                hint=f"`mc run {self.name}` makes them anew",
            )
        return job

    def _known(self, name: str) -> None:
        if name in self.columns:
            return
        if name in all_metrics():
            raise self.not_stored("column", name)
        raise Refusal("column", repr(name), ", ".join(self.columns))
