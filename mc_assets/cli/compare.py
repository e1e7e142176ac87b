"""``mc compare``: two studies, on all of their paths."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from mc_assets.cli.completion import study_names
from mc_assets.cli.json_output import print_json

if TYPE_CHECKING:
    import polars as pl

    from mc_assets.answers.comparison import StudyComparison


def compare(
    study: str = typer.Argument(
        ..., help="Name of a study that has run.", autocompletion=study_names
    ),
    baseline: str = typer.Argument(..., help="Name of the study to compare it with."),
    statistic: str = typer.Option(
        "mean_net_pnl", help="What is compared: a statistic, or a metric (its mean)."
    ),
    where: str = typer.Option(None, help='Only these simulations of the study, e.g. "fast = 5".'),
    baseline_where: str = typer.Option(None, help="Only these simulations of the baseline."),
    as_json: bool = typer.Option(False, "--json", help="Print as JSON."),
) -> None:
    """Compare two studies on all their paths: differences, paired where they share seeds."""
    from mc_assets.answers.comparison import compare_studies
    from mc_assets.cli.tables import print_frame
    from mc_assets.project import Project

    answer = compare_studies(
        Project.from_environment(),
        study,
        baseline,
        statistic=statistic,
        where=where,
        baseline_where=baseline_where,
    )
    if as_json:
        print_json(answer)
        return
    print_frame(
        answer.table.rename({"parameter_set": "set"}),
        *_narrower(answer),
        title=f"{statistic}: {answer.study} against {answer.baseline}, {_how(answer.table)}",
    )
    if answer.table["verdict"].eq("tied").any():
        typer.echo("tied: these paths do not tell the two apart (p_holm above 0.05)")


def _how(table: pl.DataFrame) -> str:
    """Say what is paired of the paths behind the differences."""
    paired, total = min(table["paired"].to_list()), max(table["n"].to_list())
    if paired == 0:
        return f"{total:,} paths, none of them common"
    if paired == total:
        return f"path by path, on {total:,} common paths"
    return f"{total:,} paths, {paired:,} of them common and paired"


def _narrower(answer: StudyComparison) -> list[pl.DataFrame]:
    """Return the differences for narrower terminals."""
    import polars as pl

    from mc_assets.cli.tables import format_value
    from mc_assets.estimate_text import interval_text

    table = answer.table
    cells = [
        interval_text(value, error, low, high, "ratio", why_none=why or "")
        for value, error, low, high, why in table.select(
            "difference", "std_error", "ci_low", "ci_high", "method"
        ).iter_rows()
    ]
    both = [
        pl.Series(name, [format_value(value) for value in table[name]], dtype=pl.String)
        for name in ("estimate", "baseline")
    ]
    idle = [
        ", ".join("–" if share is None else f"{100 * share:.0f} %" for share in (own, other))
        for own, other in zip(table["idle_share"], table["baseline_idle_share"], strict=True)
    ]
    first = [pl.col("parameter_set").alias("set"), *map(pl.col, answer.parameters)]
    difference = pl.Series("difference (95 % interval)", cells, dtype=pl.String)
    last = [pl.col("p_value").alias("p"), pl.col("p_holm"), pl.col("verdict"), pl.col("n")]
    return [
        table.select(*first, *both, difference, *last, pl.Series("idle", idle, dtype=pl.String)),
        table.select(*first, difference, pl.col("p_holm"), pl.col("verdict"), pl.col("n")),
    ]
