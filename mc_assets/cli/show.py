"""``mc show``: the results of a study."""

from __future__ import annotations

import typer

from mc_assets.cli.given_study import study_name


def show(
    study: str = typer.Argument(..., help="Name of a study that has run."),
    best: str = typer.Option(None, help="Rank parameter sets by this statistic."),
    n: int = typer.Option(10, min=1, help="How many sets to rank."),
    where: str = typer.Option(None, help='Only these simulations, e.g. "fast = 5".'),
    by: str = typer.Option(None, help="Group by these columns instead, e.g. fast,slow."),
    failures: bool = typer.Option(False, "--failures", help="Show failed simulations."),
    rows: bool = typer.Option(False, "--rows", help="Show simulations."),
    limit: int = typer.Option(100, min=1, help="Rows shown in the table form."),
    as_json: bool = typer.Option(False, "--json", help="Print rows as a JSON list."),
) -> None:
    """Show a study's statistics, its best parameter sets, its failures or its simulations."""
    import json

    from engine.studies import load_results
    from mc_assets.cli.summary import json_rows, print_summary_table
    from mc_assets.cli.tables import print_frame
    from mc_assets.project import Project

    project = Project.from_environment()
    results = load_results(project.data, study_name(study))
    title = f"{results.name}  {results.fingerprint}"
    if where is not None:
        results = results.filter(where)
    if failures:
        frame = results.failures
    elif rows:
        frame = results.frame
    elif by is not None:
        frame = results.group_by(*(name.strip() for name in by.split(","))).statistics()
    elif best is not None:
        frame = results.best(best, n)
        title += f"  largest {best}"
    else:
        frame = results.statistics() if as_json else None
    if as_json:
        assert frame is not None
        typer.echo(json.dumps(json_rows(frame)))
        return
    if frame is None:
        print_summary_table(results, title=title, limit=limit)
    else:
        # What the title says already, or is the same in every row.
        said = {"study", "world", "set_id"} | ({"statistic"} if by is None else set())
        kept = frame.drop(name for name in frame.columns if name in said)
        print_frame(kept.rename({"parameter_set": "set"}, strict=False), title=title, limit=limit)
        if frame.is_empty():
            typer.echo("none" if not failures else "no simulation failed")
    for note in (_incomplete(results), results.stopped):
        if note:
            typer.echo(note)


def _incomplete(results: object) -> str | None:
    from engine.results import Results

    assert isinstance(results, Results)
    missing = results.missing
    return f"{missing:,} simulations have not run yet: mc run {results.name}" if missing else None
