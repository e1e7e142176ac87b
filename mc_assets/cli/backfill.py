"""``mc backfill calibrations``: calibrate as of every weekday of a span."""

from __future__ import annotations

import typer

from engine.errors import Refusal
from mc_assets.cli.json_output import print_json


def backfill_calibrations(
    first: str = typer.Option(..., "--from", help="First date, YYYY-MM-DD."),
    last: str = typer.Option(..., "--to", help="Last date, YYYY-MM-DD."),
    series: list[str] = typer.Option(
        None, "--series", help="A series such as SP500@1d; may be repeated; all by default."
    ),
    again: bool = typer.Option(
        False, "--again", help="Make stored dates anew, too: of bars that have changed since."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print the table as JSON."),
) -> None:
    """Calibrate as of every weekday of a span that has no calibration yet; goes on if stopped."""
    import datetime

    from mc_assets.answers.calibrations import backfill_calibrations
    from mc_assets.bucket_project import open_project
    from mc_assets.cli.steps import StepLines
    from mc_assets.cli.tables import print_frame

    def day(option: str, text: str) -> datetime.date:
        try:
            return datetime.date.fromisoformat(text)
        except ValueError:
            raise Refusal(option, repr(text), "a date YYYY-MM-DD") from None

    begin, end = day("--from", first), day("--to", last)
    with open_project() as project, StepLines(quiet=as_json) as lines:
        made = backfill_calibrations(project, begin, end, series or (), again=again, progress=lines)
    if as_json:
        print_json(made.series)
    else:
        print_frame(made.series, limit=1000)
