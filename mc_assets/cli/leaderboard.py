"""``mc leaderboard``: the leaders of all experiments side by side."""

from __future__ import annotations

from pathlib import Path

import typer

from mc_assets.cli.json_output import print_json


def leaderboard(
    statistic: str = typer.Option(
        None, "--statistic", help="What experiments wanted; by default what most of them did."
    ),
    folder: Path = typer.Option(
        None, "--folder", help="Folder of experiments; else reports/ and data/reports/."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print the ranking as JSON."),
) -> None:
    """Rank the leaders of all experiments of the same data on paths that no search used."""
    from mc_assets.answers import experiments as answers
    from mc_assets.cli.tables import print_frame
    from mc_assets.project import Project

    found = answers.leaderboard(Project.from_environment(), statistic, folder)
    if as_json:
        print_json(found.to_dicts())
    else:
        print_frame(
            found.drop("statistic", "data_hash"),
            found.select("data", "rank", "experiment", "parameters", "fresh"),
            title=f"by {found['statistic'][0]}",
        )
