"""The short table of a study: one row per parameter set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl

    from engine.results import Results

__all__ = ["HEADLINES", "json_rows", "print_summary_table", "summary_frame", "with_error"]

#: Columns of the short tables: heading, statistic, format.
HEADLINES = (
    ("mean net P&L", "mean_net_pnl", ",.0f"),
    ("profit probability", "profit_probability", ".1%"),
    ("Sharpe", "sharpe", ".2f"),
    ("95 % VaR", "value_at_risk_95", ",.0f"),
    ("max drawdown", "max_drawdown", ".1%"),
)


def print_summary_table(results: Results, *, title: str | None = None, limit: int = 100) -> None:
    """Print the headline statistics; on a narrow terminal with the error of the P&L alone."""
    from mc_assets.cli.tables import print_frame

    print_frame(
        summary_frame(results), summary_frame(results, errors=False), title=title, limit=limit
    )


def summary_frame(results: Results, *, errors: bool = True) -> pl.DataFrame:
    """Parameters and headline statistics, each as ``estimate ± Monte Carlo standard error``.

    Parameters
    ----------
    results : Results
        Of one study.
    errors : bool
        Whether every statistic shows its error, or the mean net P&L alone.
    """
    import polars as pl

    from engine.results.statistics import statistics_by

    # The headlines alone: a study of many parameter sets waits for each statistic of each.
    keys = ["parameter_set", *results.parameters]
    table = statistics_by(results, keys, names=[name for _, name, _ in HEADLINES])
    columns = []
    for heading, name, form in HEADLINES:
        own = table.filter(pl.col("statistic") == name)
        text = [
            with_error(estimate, error if errors or name == "mean_net_pnl" else None, form)
            for estimate, error in zip(own["estimate"], own["std_error"], strict=True)
        ]
        columns.append(pl.Series(heading, text, dtype=pl.String))
    sets = table.filter(pl.col("statistic") == "mean_net_pnl")
    return sets.select(pl.col("parameter_set").alias("set"), *results.parameters).with_columns(
        columns
    )


def with_error(estimate: float | None, error: float | None, form: str) -> str:
    """Write an estimate and its standard error in a format, both in per cent if it is one."""
    if estimate is None:
        return "–"
    unit = " %" if "%" in form else ""
    number = format(estimate, form).removesuffix("%")
    if error is None:
        return f"{number}{unit}"
    return f"{number} ± {format(error, form).removesuffix('%')}{unit}"


def json_rows(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """Rows of a frame for JSON, which knows no infinity: null instead."""
    import polars as pl
    import polars.selectors as cs

    numbers = cs.float()
    return frame.with_columns(pl.when(numbers.is_finite()).then(numbers)).to_dicts()
