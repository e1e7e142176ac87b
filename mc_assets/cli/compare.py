"""``mc compare``: two studies, path by path."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from mc_assets.cli.json_output import print_json

if TYPE_CHECKING:
    import polars as pl

    from mc_assets.answers.comparison import StudyComparison


def compare(
    study: str = typer.Argument(..., help="Name of a study that has run."),
    baseline: str = typer.Argument(..., help="Name of the study to compare it with."),
    metric: str = typer.Option("net_pnl", help="Metric whose means are compared."),
    where: str = typer.Option(None, help='Only these simulations of the study, e.g. "fast = 5".'),
    baseline_where: str = typer.Option(None, help="Only these simulations of the baseline."),
    as_json: bool = typer.Option(False, "--json", help="Print as JSON."),
) -> None:
    """Compare two studies: differences with their errors, paired where they share seeds."""
    from mc_assets.answers.comparison import compare_studies
    from mc_assets.cli.tables import print_frame
    from mc_assets.project import Project

    answer = compare_studies(
        Project.from_environment(),
        study,
        baseline,
        metric=metric,
        where=where,
        baseline_where=baseline_where,
    )
    if as_json:
        print_json(answer)
        return
    how = "path by path, on shared seeds" if answer.paired else "as independent samples"
    print_frame(
        answer.table.rename({"parameter_set": "set"}),
        _short(answer),
        title=f"{metric}: {answer.study} against {answer.baseline}, {how}",
    )


def _short(answer: StudyComparison) -> pl.DataFrame:
    """Return the differences for a narrow terminal."""
    import polars as pl

    from mc_assets.cli.tables import format_value
    from mc_assets.estimate_text import estimate_text

    table = answer.table
    differences = zip(table["difference"], table["std_error"], strict=True)
    intervals = zip(table["ci_low"], table["ci_high"], strict=True)
    return table.select(
        pl.col("parameter_set").alias("set"),
        *answer.parameters,
        pl.Series(
            "difference",
            [estimate_text(value, error, "ratio") for value, error in differences],
            dtype=pl.String,
        ),
        pl.Series(
            "95 % interval",
            [f"{format_value(low)} to {format_value(high)}" for low, high in intervals],
            dtype=pl.String,
        ),
        pl.col("p_value").alias("p"),
        pl.col("n"),
    )
