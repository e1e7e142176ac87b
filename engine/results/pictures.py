"""Pictures of a study's results: `results.plot.fan()` and its kin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import polars as pl

from engine.errors import Refusal

if TYPE_CHECKING:
    from engine.jobs.replay import Replay
    from engine.jobs.summary import JobSummary
    from engine.plots import Chart
    from engine.results.comparison import Comparison

__all__ = ["KINDS", "ResultPictures"]

#: What `mc plot` draws of a study.
KINDS = (
    *("fan", "pnl", "drawdown", "sensitivity", "heatmap", "convergence", "compare", "monthly"),
    "simulation",
)

# A menu of more sets is no menu.
_MOST_SETS = 24


class Pictured(Protocol):
    """What pictures need of `Results`, which has them."""

    @property
    def lazy(self) -> pl.LazyFrame:
        """The rows."""

    @property
    def frame(self) -> pl.DataFrame:
        """The rows, in memory."""

    @property
    def summary(self) -> JobSummary:
        """The job that made them."""

    @property
    def name(self) -> str:
        """Name of the study."""

    @property
    def parameters(self) -> list[str]:
        """Columns that hold parameters."""

    @property
    def metrics(self) -> list[str]:
        """Columns that hold metrics."""

    def equity(self) -> pl.DataFrame:
        """Return sampled equity curves."""

    def statistics(self, *, names: Sequence[str] | None = None) -> pl.DataFrame:
        """Return estimates with their errors."""

    def best(self, statistic: str, n: int) -> pl.DataFrame:
        """Return the best sets."""

    def compare(self, baseline: Any, statistic: str) -> Comparison:
        """Compare with other results."""

    def simulation(self, simulation: int) -> Replay:
        """Run a simulation again."""


@dataclass(frozen=True)
class ResultPictures:
    """Charts of a study; each shows itself in a notebook and has ``save(path)``.

    Parameters
    ----------
    of : Results
        What is drawn.
    """

    of: Pictured

    def fan(self, parameter_set: int | None = None) -> Chart:
        """Draw quantiles of equity over simulations at each sampled bar.

        Parameters
        ----------
        parameter_set : int, optional
            By default a menu of the best sets by Sharpe ratio.

        Raises
        ------
        Refusal
            If the study recorded no equity, or has no such set.
        """
        from engine.plots import Chart
        from engine.plots.study import equity_fan, fan_quantiles

        equity, steps = self.of.equity(), self.of.summary.steps
        fans = []
        for number, label in self._sets(parameter_set).items():
            curves = equity.filter(pl.col("parameter_set") == number)["equity"].to_numpy()
            samples = curves.shape[1]
            bars = np.floor((np.arange(samples) + 1) * steps / samples).astype(np.int64)
            stacked = {"bar": np.tile(bars, len(curves)), "equity": curves.ravel()}
            fans.append((label, fan_quantiles(pl.DataFrame(stacked))))
        return Chart(f"{self.of.name}: equity through time", equity_fan(fans))

    def pnl(self, parameter_set: int | None = None) -> Chart:
        """Draw the distribution of net P&L over simulations, with its mean and value at risk.

        Arguments as of `fan`.
        """
        from engine.plots import Chart
        from engine.plots.study import pnl_histogram

        chosen = self._sets(parameter_set)
        values = [(label, self._metric(number, "net_pnl")) for number, label in chosen.items()]
        risk = [-float(np.quantile(series, 0.05)) for _, series in values]
        return Chart(f"{self.of.name}: net P&L", pnl_histogram(values, risk))

    def drawdown(self, parameter_set: int | None = None) -> Chart:
        """Draw the maximum drawdown over simulations, a box per set. Arguments as of `fan`."""
        from engine.plots import Chart
        from engine.plots.study import drawdown_distribution

        chosen = self._sets(parameter_set)
        values = [(label, self._metric(number, "max_drawdown")) for number, label in chosen.items()]
        return Chart(f"{self.of.name}: maximum drawdown", drawdown_distribution(values))

    def sensitivity(self, statistic: str = "mean_net_pnl", over: str | None = None) -> Chart:
        """Draw a statistic with its interval against one swept parameter.

        Parameters
        ----------
        statistic : str
            As `Results.statistics` names it.
        over : str, optional
            The parameter; by default the first that takes more than one value. Others are averaged.
        """
        from engine.plots import Chart
        from engine.plots.study import parameter_sensitivity

        names = self._swept(1, [over] if over else None)
        figure = parameter_sensitivity(self._averaged(statistic, names), names)
        figure.update_layout(yaxis_title_text=statistic, yaxis_tickformat=",.4~r")
        return Chart(f"{self.of.name}: {statistic} against {names[0]}", figure)

    def heatmap(self, statistic: str = "mean_net_pnl", over: Sequence[str] | None = None) -> Chart:
        """Draw a statistic over two swept parameters; others are averaged.

        Parameters
        ----------
        statistic : str
            As `Results.statistics` names it.
        over : sequence of str, optional
            The two parameters; by default the first that take more than one value.
        """
        from engine.plots import Chart
        from engine.plots.study import parameter_sensitivity

        names = self._swept(2, list(over) if over else None)
        figure = parameter_sensitivity(self._estimates(statistic), names, title=statistic)
        return Chart(f"{self.of.name}: {statistic}", figure)

    def convergence(self, metric: str = "net_pnl", parameter_set: int | None = None) -> Chart:
        """Draw the mean of a metric and its 95 % interval against the number of paths.

        Parameters
        ----------
        metric : str
            Column of the rows.
        parameter_set : int, optional
            By default the best by Sharpe ratio.
        """
        from engine.plots import Chart
        from engine.plots.sets import convergence

        if metric not in self.of.metrics:
            raise Refusal("metric", repr(metric), ", ".join(self.of.metrics))
        number, label = next(iter(self._sets(parameter_set).items()))
        values = self._metric(number, metric).to_numpy()
        if len(values) < 2:
            raise Refusal("results", "one path, whose mean converges to nothing", "two or more")
        figure = convergence(values, metric.replace("_", " "))
        return Chart(f"{self.of.name}: {metric} of {label} against paths", figure)

    def compare(self, baseline: Any, statistic: str = "mean_net_pnl") -> Chart:
        """Draw the differences to a baseline with their intervals, as `Results.compare` finds them.

        Parameters
        ----------
        baseline : Results
            What to compare with.
        statistic : str
            As `Results.compare` takes it.
        """
        from engine.plots import Chart
        from engine.plots.sets import intervals

        found = self.of.compare(baseline, statistic)
        names = [name for name in found.parameters if found.table[name].n_unique() > 1]
        labels = [
            ", ".join(f"{name} {value}" for name, value in zip(names, row, strict=True))
            or found.name
            for row in found.table.select(found.parameters).select(names).rows()
            or [()] * len(found.table)
        ]
        shown = found.table.select("ci_low", "ci_high", estimate="difference").with_columns(
            label=pl.Series(labels or [found.name] * len(found.table))
        )
        figure = intervals(shown, "label", f"difference in {statistic}")
        other = "the baseline" if found.baseline == found.name else found.baseline
        return Chart(f"{found.name} less {other}", figure)

    def monthly(self, simulation: int = 0) -> Chart:
        """Draw the return of every month of one simulation on bars with instants.

        Parameters
        ----------
        simulation : int
            Of a study on history, by default its first.

        Raises
        ------
        Refusal
            If its bars have no instants, as those of models.
        """
        from engine.plots import Chart
        from engine.plots.history import monthly_returns

        replay = self.of.simulation(simulation)
        if "timestamp" not in replay.bars.columns:
            raise Refusal("monthly", "paths without a calendar", "a study on history")
        symbol = replay.bars["symbol"].item(0)
        times = replay.bars.filter((pl.col("symbol") == symbol) & (pl.col("bar") >= 0))["timestamp"]
        final, earned = replay.metrics["final_equity"], replay.metrics["net_pnl"]
        assert final is not None
        assert earned is not None
        figure = monthly_returns(times, replay.equity, final - earned)
        return Chart(f"{self.of.name}: monthly returns in percent", figure)

    def _sets(self, parameter_set: int | None) -> dict[int, str]:
        """Return the sets to draw with their labels, the best first."""
        from engine.results.set_names import set_names

        parameters = self.of.parameters
        sets = self.of.frame.select("parameter_set", *parameters).unique(
            "parameter_set", maintain_order=True
        )
        named = dict(zip(sets["parameter_set"], set_names(sets, parameters), strict=True))
        if parameter_set is not None:
            if parameter_set not in named:
                raise Refusal("parameter_set", str(parameter_set), f"0 to {len(named) - 1}")
            return {parameter_set: named[parameter_set]}
        try:
            best = self.of.best("sharpe", n=_MOST_SETS)["parameter_set"].to_list()
        except Refusal:  # a study that keeps no metric that ranks its sets
            best = list(named)[:_MOST_SETS]
        return {number: named[number] for number in best}

    def _metric(self, parameter_set: int, name: str) -> pl.Series:
        if name not in self.of.metrics:
            raise Refusal(
                "record.metrics",
                f"{name} was not kept",
                hint=f"add {name} to them and run the study again",
            )
        rows = self.of.lazy.filter(
            (pl.col("parameter_set") == parameter_set) & (pl.col("status") == "ok")
        )
        found = rows.sort("simulation").select(name).collect()[name].drop_nulls()
        if found.is_empty():
            raise Refusal(
                "results",
                f"no simulation of parameter set {parameter_set} has a {name}",
                hint="draw another set or metric",
            )
        return found

    def _swept(self, count: int, given: list[str] | None) -> list[str]:
        frame = self.of.frame
        varied = [name for name in self.of.parameters if frame[name].n_unique() > 1]
        names = varied[:count] if given is None else given
        if len(names) != count or not set(names) <= set(self.of.parameters):
            raise Refusal(
                "over", ", ".join(names) or "nothing swept", f"{count} of {', '.join(varied)}"
            )
        return names

    def _estimates(self, statistic: str) -> pl.DataFrame:
        return self.of.statistics(names=[statistic])

    def _averaged(self, statistic: str, names: list[str]) -> pl.DataFrame:
        table = self._estimates(statistic)
        return table.group_by(names, maintain_order=True).agg(
            pl.col("estimate", "ci_low", "ci_high").mean()
        )
