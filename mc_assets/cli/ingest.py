"""``mc ingest``: fetch and normalise bars."""

from __future__ import annotations

import typer

from mc_assets.cli.json_output import print_json


def ingest(
    series: list[str] = typer.Argument(
        None, help="Series such as SP500@1d, or BTCUSDT@binance of ticks; all by default."
    ),
    refetch: bool = typer.Option(
        False, "--refetch", help="Ask for every year again: finds bars restated long ago."
    ),
    accept_withdrawn: bool = typer.Option(
        False,
        "--accept-withdrawn",
        help="Withdraw all stored bars that an answer lacks.",
    ),
    as_json: bool = typer.Option(False, "--json", help="Print what was stored as JSON."),
) -> None:
    """Fetch, normalise and check bars through Dagster; only what is new is fetched.

    Days of ticks that the series file names are stored as well.

    With --refetch whole years are, and what has changed since is in bars_quality as `restated`
    or `withdrawn`. An answer that lacks more than a few stored bars, or most of a finished year,
    fails and changes nothing unless --accept-withdrawn is given.
    """
    from mc_assets.answers.bars import ingest_bars
    from mc_assets.bucket_project import open_project
    from mc_assets.cli.steps import StepLines

    with open_project() as project, StepLines(quiet=as_json) as lines:
        made = ingest_bars(
            project,
            series or (),
            refetch=refetch,
            accept_withdrawn=accept_withdrawn,
            progress=lines,
        )
    if as_json:
        print_json(made)
