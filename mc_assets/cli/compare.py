"""``mc compare``: two studies, path by path."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from mc_assets.cli.given_study import study_name

if TYPE_CHECKING:
    import polars as pl


def compare(
    study: str = typer.Argument(..., help="Name of a study that has run."),
    baseline: str = typer.Argument(..., help="Name of the study to compare it with."),
    metric: str = typer.Option("net_pnl", help="Metric whose means are compared."),
    where: str = typer.Option(None, help='Only these simulations of the study, e.g. "fast = 5".'),
    baseline_where: str = typer.Option(None, help="Only these simulations of the baseline."),
    as_json: bool = typer.Option(False, "--json", help="Print as JSON."),
) -> None:
    """Compare two studies: differences with their errors, paired where they share seeds."""
    import json

    from engine.studies import load_results
    from mc_assets.cli.summary import json_rows
    from mc_assets.cli.tables import print_frame
    from mc_assets.project import Project

    data = Project.from_environment().data
    study, baseline = study_name(study), study_name(baseline)
    ours, theirs = load_results(data, study), load_results(data, baseline)
    if where is not None:
        ours = ours.filter(where)
    if baseline_where is not None:
        theirs = theirs.filter(baseline_where)
    found = ours.compare(theirs, metric)
    if as_json:
        content = {"metric": metric, "paired": found.paired, "rows": json_rows(found.table)}
        typer.echo(json.dumps({"study": study, "baseline": baseline, **content}))
        return
    how = "path by path, on shared seeds" if found.paired else "as independent samples"
    table = found.table.rename({"parameter_set": "set"})
    print_frame(
        table,
        _short(table, ours.parameters),
        title=f"{metric}: {study} against {baseline}, {how}",
    )


def _short(table: pl.DataFrame, parameters: list[str]) -> pl.DataFrame:
    """Return the differences for a narrow terminal."""
    import polars as pl

    from mc_assets.cli.tables import format_value

    def pair(first: str, between: str, second: str) -> pl.Series:
        cells = zip(table[first], table[second], strict=True)
        return pl.Series(
            [f"{format_value(a)} {between} {format_value(b)}" for a, b in cells], dtype=pl.String
        )

    return table.select(
        *("set", *parameters),
        pair("difference", "±", "std_error").alias("difference"),
        pair("ci_low", "to", "ci_high").alias("95 % interval"),
        pl.col("p_value").alias("p"),
        pl.col("n"),
    )
