"""``mc compare``: two studies, path by path."""

from __future__ import annotations

import typer


def compare(
    study: str = typer.Argument(..., help="Name of a study that has run."),
    baseline: str = typer.Argument(..., help="Name of the study to compare it with."),
    metric: str = typer.Option("net_pnl", help="Metric whose means are compared."),
    where: str = typer.Option(None, help='Only these simulations of the study, e.g. "fast = 5".'),
    baseline_where: str = typer.Option(None, help="Only these simulations of the baseline."),
    as_json: bool = typer.Option(False, "--json", help="Print as JSON."),
) -> None:
    """Compare two studies: differences with their errors, paired where they share seeds."""
    import json

    from engine.studies import load_results
    from mc_assets.cli.summary import json_rows
    from mc_assets.cli.tables import print_frame
    from mc_assets.project import Project

    data = Project.from_environment().data
    ours, theirs = load_results(data, study), load_results(data, baseline)
    if where is not None:
        ours = ours.filter(where)
    if baseline_where is not None:
        theirs = theirs.filter(baseline_where)
    found = ours.compare(theirs, metric)
    if as_json:
        content = {"metric": metric, "paired": found.paired, "rows": json_rows(found.table)}
        typer.echo(json.dumps({"study": study, "baseline": baseline, **content}))
        return
    how = "path by path, on shared seeds" if found.paired else "as independent samples"
    print_frame(found.table, title=f"{metric}: {study} against {baseline}, {how}")
