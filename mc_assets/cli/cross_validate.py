"""``mc cross-validate``: choose on some folds, judge on the others, in every way."""

from __future__ import annotations

import typer

from mc_assets.cli.json_output import print_json


def cross_validate(
    study: str = typer.Argument(help="A study file or its name; its parameter sets compete."),
    folds: int = typer.Option(6, "--folds", help="Stretches into which the bars fall."),
    test_folds: int = typer.Option(2, "--test-folds", help="How many are left out each time."),
    purge: int = typer.Option(0, "--purge", help="Bars dropped on both sides of what is left out."),
    embargo: int = typer.Option(0, "--embargo", help="Further bars dropped after it."),
    score: str = typer.Option(
        "sharpe", "--score", help="What sets are chosen by: sharpe, net_pnl."
    ),
    seeds: str = typer.Option(None, help="Seed set or seed file to use instead."),
    workers: str = typer.Option(None, help="Threads, or auto."),
    as_json: bool = typer.Option(False, "--json", help="Print everything as JSON."),
) -> None:
    """Choose the best set on some folds of bars and judge it on the others, in every way."""
    from mc_assets.answers.walk_forward import cross_validate_study
    from mc_assets.cli.tables import print_frame
    from mc_assets.project import Project

    found = cross_validate_study(
        Project.from_environment(),
        study,
        seeds=seeds,
        workers=workers,
        folds=folds,
        test_folds=test_folds,
        purge=purge,
        embargo=embargo,
        score=score,
    )
    if as_json:
        print_json(found.to_json())
        return
    import polars as pl

    typer.secho(f"{found.sentence}.", bold=True)
    numbers = ("in_sample", "out_of_sample", "efficiency", "selection_loss")
    shown = found.table.select(
        pl.col("course").cast(pl.String).fill_null("all"),
        *(pl.col(name).round_sig_figs(3) for name in numbers),
    )
    print_frame(shown, shown.select("course", "in_sample", "out_of_sample"))
