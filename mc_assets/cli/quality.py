"""``mc quality``: what is wrong with a series of bars."""

from __future__ import annotations

import typer

from mc_assets.cli.json_output import print_json


def quality(
    symbol: str = typer.Argument(..., help="Symbol, or series such as SP500@1d."),
    against: str = typer.Option(
        None,
        help="Another stored series to compare with; by default the one the series file names.",
    ),
    rows: int = typer.Option(0, help="Also print this many places of each failing check."),
    as_json: bool = typer.Option(False, "--json", help="Print the report as JSON."),
) -> None:
    """Check stored bars: prices, gaps, stale runs, outliers, quarantine, restatements.

    Exit code 1 when a check of severity error found something.
    """
    from mc_assets.answers.bars import check_quality
    from mc_assets.cli.tables import print_frame
    from mc_assets.project import Project

    answer = check_quality(Project.from_environment(), symbol, against=against)
    reports = [series.report for series in answer]
    if as_json:
        print_json(answer)
    else:
        for report in reports:
            outside = f"{report.left_out:,} rows outside start and end left out, "
            title = (
                f"{report.key}: {report.bar_count:,} bars, "
                f"{report.quarantined:,} rows in quarantine, "
                f"{outside if report.left_out else ''}"
                f"{report.first:%Y-%m-%d} to {report.last:%Y-%m-%d}"
            )
            print_frame(report.table(), title=title)
            for item in report.findings:
                if rows and item.count and item.severity != "ignore":
                    print_frame(item.rows.head(rows), title=item.check)
    if not all(report.passed for report in reports):
        raise typer.Exit(1)
