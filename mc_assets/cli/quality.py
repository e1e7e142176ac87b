"""``mc quality``: what is wrong with a series of bars."""

from __future__ import annotations

import typer


def quality(
    symbol: str = typer.Argument(..., help="Symbol, or series such as SP500@1d."),
    against: str = typer.Option(None, help="Another stored series to compare with."),
    rows: int = typer.Option(0, help="Also print this many places of each failing check."),
    as_json: bool = typer.Option(False, "--json", help="Print the report as JSON."),
) -> None:
    """Check stored bars: prices, gaps, stale runs, outliers, quarantine, restatements.

    Exit code 1 when a check of severity error found something.
    """
    import json

    from mc_assets.cli.tables import print_frame
    from mc_assets.market_data import load_series
    from mc_assets.market_data.quality_report import quality_report
    from mc_assets.project import Project

    project = Project.from_environment()
    config = load_series(project.series)
    other = config.find(against)[0] if against else None
    reports = [
        quality_report(series, project.data, against=other) for series in config.find(symbol)
    ]
    if as_json:
        document = [
            {
                "series": report.key,
                "bars": report.bars,
                "quarantined": report.quarantined,
                "first": report.first.isoformat(),
                "last": report.last.isoformat(),
                "passed": report.passed,
                "checks": report.table().to_dicts(),
            }
            for report in reports
        ]
        typer.echo(json.dumps(document))
    else:
        for report in reports:
            title = (
                f"{report.key}: {report.bars:,} bars, {report.quarantined:,} rows in quarantine, "
                f"{report.first:%Y-%m-%d} to {report.last:%Y-%m-%d}"
            )
            print_frame(report.table(), title=title)
            for item in report.findings:
                if rows and item.count and item.severity != "ignore":
                    print_frame(item.rows.head(rows), title=item.check)
    if not all(report.passed for report in reports):
        raise typer.Exit(1)
