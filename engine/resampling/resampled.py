"""Outcomes of the courses that one record could have taken, and the risk of ruin among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.resampling.courses import Courses
from engine.resampling.ruin import RuinBySize, ruin_by_size
from engine.resampling.walks import DRAWDOWN, FINAL, LOSING_STREAK, UNDER_WATER
from engine.statistics.estimates import Estimate
from engine.statistics.quantiles import quantiles
from engine.statistics.shares import shares_at_most

if TYPE_CHECKING:
    from engine.plots import Chart

__all__ = ["LEVELS", "Resampled"]

#: Quantiles of the bands.
LEVELS: Final = (0.05, 0.25, 0.50, 0.75, 0.95)

# Quantiles of what each course comes to: of drawdowns and streaks, those that hurt.
_OF_OUTCOMES: Final = {
    "final_equity": (FINAL, (0.05, 0.25, 0.50, 0.75, 0.95)),
    "max_drawdown": (DRAWDOWN, (0.01, 0.05, 0.10, 0.50)),
    "losing_streak": (LOSING_STREAK, (0.50, 0.90, 0.95, 0.99)),
    "under_water": (UNDER_WATER, (0.50, 0.95)),
}
_NO_ORDER = "no order changes it"
_SCHEMA: Final = {
    "statistic": pl.String,
    **dict.fromkeys(("observed", "estimate", "std_error", "ci_low", "ci_high"), pl.Float64),
    "n": pl.Int64,
    "method": pl.String,
}


@dataclass(frozen=True, eq=False)
class Resampled:
    """What one simulation could have come to.

    Parameters
    ----------
    courses : Courses
        How the courses are drawn: method, number, block length, seed.
    unit : str
        What a step is: ``trade`` or ``bar``.
    compound : bool
        Whether outcomes are shares of the equity before, or money.
    start : float
        Equity before the first step.
    seen : ndarray of float64, shape (record,)
        The outcomes that were observed.
    bands : polars.DataFrame
        Equity over the courses: ``step`` (number of the trade or bar), ``bar`` and ``time`` at
        which the observed record was there, ``observed`` and the quantiles ``q05``, ``q25``,
        ``q50``, ``q75``, ``q95``.
    outcomes : ndarray of float64, shape (draws, 4)
        Of each course: final equity, deepest drawdown (a share of the peak, 0 or below), most
        losses in a row, most steps in a row below the peak.
    observed : ndarray of float64, shape (4,)
        The same of the record.
    """

    courses: Courses
    unit: str
    compound: bool
    start: float
    seen: NDArray[np.float64]
    bands: pl.DataFrame
    outcomes: NDArray[np.float64]
    observed: NDArray[np.float64]

    def statistics(self, confidence: float = 0.95) -> pl.DataFrame:
        """Return quantiles of equity, drawdown and losing streaks, with their Monte Carlo errors.

        Parameters
        ----------
        confidence : float
            Of the intervals.

        Returns
        -------
        polars.DataFrame
            ``statistic``, ``observed`` (what the record itself came to), ``estimate``,
            ``std_error``, ``ci_low``, ``ci_high``, ``n`` and ``method``. Of shuffled trades what
            they come to in the end is null, since no order changes it.
        """
        lost = shares_at_most(self.outcomes[:, FINAL], self.start).estimates(confidence)[0]
        rows = [self._row("loss_probability", None, lost)]
        for name, (column, levels) in _OF_OUTCOMES.items():
            for level in levels:
                found = quantiles(self.outcomes[:, column], level).estimates(confidence)[0]
                label = f"{name}_q{100 * level:02.0f}"
                rows.append(self._row(label, float(self.observed[column]), found))
        return pl.DataFrame(rows, schema=_SCHEMA).with_columns(pl.col(pl.Float64).fill_nan(None))

    def plot(self) -> Chart:
        """Draw the bands of equity and the course that was observed."""
        from engine.plots import Chart
        from engine.plots.sets import bands

        title = f"{self.courses.draws:,} courses by {self.courses.method}"
        return Chart(title, bands(self.bands, self.unit))

    def ruin(
        self,
        loss: float = 0.5,
        bound: float = 0.01,
        *,
        of_peak: bool = False,
        sizes: Sequence[float] | None = None,
        confidence: float = 0.95,
    ) -> RuinBySize:
        """Risk of ruin against the size that is traded, and the size that keeps it under a bound.

        Arguments as of `engine.resampling.ruin_by_size`.
        """
        scaled = self.seen if self.compound else self.seen / self.start
        return ruin_by_size(
            self.courses,
            scaled,
            1.0 if self.compound else 1.0 / self.start,
            compound=self.compound,
            loss=loss,
            bound=bound,
            of_peak=of_peak,
            sizes=sizes,
            confidence=confidence,
        )

    def _row(self, name: str, observed: float | None, found: Estimate) -> dict[str, Any]:
        row: dict[str, Any] = {"statistic": name, "observed": observed}
        if self.courses.method == "shuffle" and name.startswith(("final_equity", "loss_prob")):
            return row | {"n": found.n, "method": _NO_ORDER}
        return row | {
            "estimate": found.value,
            "std_error": found.std_error,
            "ci_low": found.low,
            "ci_high": found.high,
            "n": found.n,
            "method": found.method,
        }
