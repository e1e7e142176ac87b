"""``mc walk-forward``: choose in sample, judge out of sample."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from mc_assets.cli.json_output import print_json


def walk_forward(
    study: str = typer.Argument(help="A study file or its name; its parameter sets compete."),
    score: str = typer.Option(
        None, "--score", help="What sets are chosen by: sharpe, net_pnl or total_return."
    ),
    count: int = typer.Option(None, "--windows", help="How many, 70 % of each in sample; else 5."),
    in_sample: str = typer.Option(
        None, "--in-sample", help="Bars to choose on, or a length: 3y, 6mo, 26w, 90d."
    ),
    out_of_sample: str = typer.Option(
        None, "--out-of-sample", help="Bars to judge on, or a length."
    ),
    dates: Annotated[
        list[str] | None,
        typer.Option("--date", help="On history: a day on which sets are chosen anew."),
    ] = None,
    anchored: bool = typer.Option(None, "--anchored/--rolling", help="Begin at the first bar."),
    purge: int = typer.Option(None, "--purge", help="Bars left out between the two."),
    at_seam: str = typer.Option(
        None, "--at-seam", help="Positions between windows: carried, or flat on history."
    ),
    model: str = typer.Option(
        None, "--model", help="Choose on paths of this model, calibrated on the bars in sample."
    ),
    every: Annotated[
        list[int] | None,
        typer.Option(
            "--every", help="With --in-sample: compare choosing again after so many bars."
        ),
    ] = None,
    seeds: str = typer.Option(None, help="Seed set or seed file to use instead."),
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change a setting: strategy.fast=5,10 or source.steps=504."),
    ] = None,
    workers: str = typer.Option(None, help="Threads, or auto."),
    as_json: bool = typer.Option(False, "--json", help="Print everything as JSON."),
) -> None:
    """Choose the best set on some bars of every path, and judge it on the bars after them."""
    from mc_assets.answers.walk_forward import compare_frequencies, walk_study_forward
    from mc_assets.cli.tables import print_frame
    from mc_assets.project import Project

    project = Project.from_environment()
    asked: dict[str, Any] = {"settings": settings or (), "seeds": seeds, "workers": workers}
    windows: dict[str, Any] = {"score": score, "anchored": anchored, "purge": purge}
    if every:
        bars = _bars_or_length(in_sample)
        if not isinstance(bars, int):
            raise typer.BadParameter("--every needs --in-sample BARS")
        compared = compare_frequencies(
            project, study, in_sample=bars, every=every, **asked, **windows
        )
        if as_json:
            print_json(compared.to_dicts())
        else:
            rounded = compared.with_columns(_floats().round_sig_figs(3))
            print_frame(rounded, rounded.select("every", "out_of_sample", "net_pnl"))
        return
    lengths: dict[str, Any] = {
        "count": count,
        "in_sample": _bars_or_length(in_sample),
        "out_of_sample": _bars_or_length(out_of_sample),
        "dates": dates or None,
    }
    seams: dict[str, Any] = {"at_seam": at_seam, "model": model}
    found = walk_study_forward(project, study, **asked, **windows, **lengths, **seams)
    if as_json:
        print_json(found.to_json())
        return
    import polars as pl

    typer.secho(f"{found.sentence}.", bold=True)
    numbers = [
        pl.col(name).round_sig_figs(3)
        for name in ("in_sample", "out_of_sample", "efficiency", "selection_loss", "chosen_share")
    ]
    rows = found.table.with_columns(
        window=pl.col("window").cast(pl.String).fill_null("all"),
        chosen_most=pl.col("chosen_most").replace_strict(
            found.sets["parameter_set"], _names(found.sets)
        ),
    )
    shown = rows.select("window", *numbers, "chosen_most")
    print_frame(shown, shown.select("window", "in_sample", "out_of_sample", "chosen_most"))


def _bars_or_length(given: str | None) -> int | str | None:
    return int(given) if given is not None and given.isdecimal() else given


def _floats() -> Any:
    import polars as pl

    return pl.selectors.float()


def _names(sets: object) -> list[str]:
    import polars as pl

    assert isinstance(sets, pl.DataFrame)
    varying = [name for name in sets.columns[1:] if sets[name].n_unique() > 1]
    return [
        ", ".join(f"{name} {value}" for name, value in row.items())
        for row in sets.select(varying).to_dicts()
    ]
