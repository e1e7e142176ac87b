"""``mc quality``: what is wrong with a series of bars."""

from __future__ import annotations

import typer


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
    import json

    from mc_assets.cli.tables import print_frame
    from mc_assets.market_data import BarStore, load_series
    from mc_assets.market_data.quality_report import quality_report
    from mc_assets.project import Project

    project = Project.from_environment()
    config = load_series(project.series)
    store = BarStore(project.data)
    reports = []
    for series in config.find(symbol):
        key = against or series.compared_key
        other = config.find(key)[0] if key else None
        # Only a comparison that was asked for must be possible already.
        if against or (other and store.years(other.symbol, other.timeframe)):
            reports.append(quality_report(series, project.data, against=other))
        else:
            reports.append(quality_report(series, project.data))
    if as_json:
        document = [
            {
                "series": report.key,
                "bars": report.bars,
                "quarantined": report.quarantined,
                "left_out": report.left_out,
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
            outside = f"{report.left_out:,} rows outside start and end left out, "
            title = (
                f"{report.key}: {report.bars:,} bars, {report.quarantined:,} rows in quarantine, "
                f"{outside if report.left_out else ''}"
                f"{report.first:%Y-%m-%d} to {report.last:%Y-%m-%d}"
            )
            print_frame(report.table(), title=title)
            for item in report.findings:
                if rows and item.count and item.severity != "ignore":
                    print_frame(item.rows.head(rows), title=item.check)
    if not all(report.passed for report in reports):
        raise typer.Exit(1)
