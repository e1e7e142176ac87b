"""The short table of a study: one row per parameter set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mc_assets.estimate_text import estimate_text
from mc_assets.headlines import HEADLINES

if TYPE_CHECKING:
    import polars as pl

__all__ = ["headline_table", "print_headlines"]


def print_headlines(
    statistics: pl.DataFrame, *, title: str | None = None, limit: int = 100
) -> None:
    """Print the headline statistics; on a narrow terminal with the error of the P&L alone."""
    from mc_assets.cli.tables import print_frame

    print_frame(
        headline_table(statistics),
        headline_table(statistics, errors=False),
        title=title,
        limit=limit,
    )


def headline_table(statistics: pl.DataFrame, *, errors: bool = True) -> pl.DataFrame:
    """Parameters and headline statistics, each as ``estimate ± Monte Carlo standard error``.

    Parameters
    ----------
    statistics : polars.DataFrame
        One row per parameter set and statistic, the headlines among them
        (`engine.results.study_statistics`).
    errors : bool
        Whether every statistic shows its error, or the first alone.
    """
    import polars as pl

    named = statistics.columns
    parameters = named[named.index("parameter_set") + 1 : named.index("statistic")]
    columns = []
    for headline in HEADLINES:
        own = statistics.filter(pl.col("statistic") == headline.statistic)
        shown = errors or headline is HEADLINES[0]
        cells = [
            estimate_text(estimate, error, headline.unit, show_error=shown)
            for estimate, error in zip(own["estimate"], own["std_error"], strict=True)
        ]
        columns.append(pl.Series(headline.title, cells, dtype=pl.String))
    sets = statistics.filter(pl.col("statistic") == HEADLINES[0].statistic)
    return sets.select(pl.col("parameter_set").alias("set"), *parameters).with_columns(columns)
