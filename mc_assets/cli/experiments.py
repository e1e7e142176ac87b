"""``mc experiments``: the searches that finished."""

from __future__ import annotations

from pathlib import Path

import typer

from mc_assets.cli.json_output import print_json


def experiments(
    words: list[str] = typer.Argument(
        None, metavar="[export EXPERIMENT]", help="Without words: list them."
    ),
    optuna: Path = typer.Option(
        None, "--optuna", help="With export: file of the journal, which Optuna's dashboard opens."
    ),
    folder: Path = typer.Option(
        None, "--folder", help="Folder of experiments; else reports/ and data/reports/."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print the list as JSON."),
) -> None:
    """List the experiments that finished, or export one for Optuna's dashboard."""
    import polars as pl

    from engine.errors import Refusal
    from mc_assets.answers import experiments as answers
    from mc_assets.cli.tables import print_frame
    from mc_assets.project import Project

    project = Project.from_environment()
    if words:
        if len(words) != 2 or words[0] != "export" or optuna is None:
            raise Refusal("experiments", " ".join(words), "export NAME --optuna FILE")
        from mc_assets.answers.optuna_export import export_to_optuna

        count = export_to_optuna(project, words[1], optuna, folder)
        typer.echo(f"{count:,} trials of {words[1]}: optuna-dashboard {optuna}")
        return
    found = answers.experiments(project, folder)
    if as_json:
        print_json(found.to_dicts())
    elif found.is_empty():
        typer.echo("no experiments yet: `mc optimise run EXPERIMENT.yaml` runs one")
    else:
        shown = found.with_columns(pl.col("finished_at").dt.strftime("%Y-%m-%d %H:%M"))
        print_frame(shown, shown.select("experiment", "strategy", "series", "tried"))
