"""``mc ingest``: fetch and normalise bars."""

from __future__ import annotations

import typer


def ingest(
    series: list[str] = typer.Argument(None, help="Series such as SP500@1d; all by default."),
    refetch: bool = typer.Option(
        False, "--refetch", help="Ask for every year again: finds bars restated long ago."
    ),
    accept_withdrawn: bool = typer.Option(
        False,
        "--accept-withdrawn",
        help="Withdraw stored bars that an answer lacks, however many they are.",
    ),
    as_json: bool = typer.Option(False, "--json", help="Print what was stored as JSON."),
) -> None:
    """Fetch, normalise and check bars through Dagster; only what is new is fetched.

    With --refetch whole years are, and what has changed since is in bars_quality as `restated`
    or `withdrawn`. An answer that lacks more than a few stored bars, or most of a finished year,
    fails and changes nothing, unless --accept-withdrawn is given.
    """
    import json

    from mc_assets.cli.steps import run_steps
    from mc_assets.market_data import load_series
    from mc_assets.pipeline import bar_steps
    from mc_assets.project import Project

    project = Project.from_environment()
    config = load_series(project.series)
    keys = [entry.key for name in series or config.keys for entry in config.find(name)]
    steps = bar_steps(project, keys, refetch=refetch, accept_withdrawn=accept_withdrawn)
    made = run_steps(project, steps, quiet=as_json)
    if as_json:
        typer.echo(json.dumps(made))
