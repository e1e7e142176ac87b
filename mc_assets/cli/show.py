"""``mc show``: the results of a study."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from mc_assets.cli.completion import study_names
from mc_assets.cli.json_output import print_json

if TYPE_CHECKING:
    from mc_assets.answers.lineage import StudyLineage
    from mc_assets.answers.results import StudyTable
    from mc_assets.project import Project


def show(
    study: str = typer.Argument(
        ..., help="Name of a study that has run.", autocompletion=study_names
    ),
    best: str = typer.Option(None, help="Rank parameter sets by this statistic."),
    n: int = typer.Option(10, min=1, help="How many sets to rank."),
    where: str = typer.Option(None, help='Only these simulations, e.g. "fast = 5".'),
    by: str = typer.Option(None, help="Group by these columns instead, e.g. fast,slow."),
    failures: bool = typer.Option(False, "--failures", help="Show failed simulations."),
    rows: bool = typer.Option(False, "--rows", help="Show simulations."),
    lineage: bool = typer.Option(
        False, "--lineage", help="Show which bars and which calibration made the results."
    ),
    limit: int = typer.Option(100, min=1, help="Rows shown in the table form."),
    as_json: bool = typer.Option(False, "--json", help="Print rows as a JSON list."),
) -> None:
    """Show a study's statistics, its best parameter sets, its failures or its simulations."""
    from mc_assets.answers.lineage import study_lineage
    from mc_assets.bucket_project import open_project

    with open_project(market_data=lineage) as project:
        if lineage:
            _show_lineage(study_lineage(project, study), as_json)
        else:
            _show_results(
                project,
                study,
                best=best,
                n=n,
                where=where,
                by=by,
                failures=failures,
                rows=rows,
                limit=limit,
                as_json=as_json,
            )


def _show_results(
    project: Project,
    study: str,
    *,
    best: str | None,
    n: int,
    where: str | None,
    by: str | None,
    failures: bool,
    rows: bool,
    limit: int,
    as_json: bool,
) -> None:
    from mc_assets.answers import results
    from mc_assets.answers.choice import best_set
    from mc_assets.cli.summary import (
        interval_table,
        print_headlines,
        print_rare_events,
        print_warnings,
    )
    from mc_assets.cli.tables import print_frame

    short = not (failures or rows or as_json) and by is None and best is None
    if failures:
        answer = results.failures(project, study, where=where)
    elif rows:
        answer = results.simulations(project, study, where=where)
    elif by is not None:
        names = [name.strip() for name in by.split(",")]
        answer = results.group_statistics(project, study, names, where=where)
    elif best is not None:
        answer = results.best_sets(project, study, best, n, where=where)
    elif short:
        # Only the headlines: with many parameter sets every statistic takes time.
        answer = results.headlines(project, study, where=where)
    else:
        answer = results.statistics(project, study, where=where)
    if as_json:
        print_json(answer.table)
        if answer.missing:
            typer.echo(_partial(project, answer), err=True)
        return
    title = f"{answer.study}  {answer.fingerprint}" + ("  PARTIAL" if answer.missing else "")
    ranked = best is not None and by is None and not (failures or rows)
    if short:
        print_headlines(answer.table, title=title, limit=limit)
        print_rare_events(results.rare_events(project, study), limit)
        print_warnings(results.warnings(project, study, where=where).table)
    else:
        if ranked:
            title += f"  largest {best}"
        # Leave out what the title says, or what is the same in every row.
        said = {"study", "world", "set_id"} | ({"statistic"} if by is None else set())
        kept = answer.table.drop(name for name in answer.table.columns if name in said)
        kept = kept.rename({"parameter_set": "set"}, strict=False)
        estimates = ranked or (by is not None and not (failures or rows))
        narrower = [interval_table(kept)] if estimates else []
        print_frame(kept, *narrower, title=title, limit=limit)
        if kept.is_empty():
            typer.echo("no simulation failed" if failures else "none")
        chosen = best_set(project, study, best, where=where) if ranked and best else None
        if chosen is not None:
            typer.echo("\n".join(chosen.sentences))
    if answer.missing:
        typer.echo(_partial(project, answer))
    if answer.stopped:
        typer.echo(answer.stopped)


def _partial(project: Project, answer: StudyTable) -> str:
    """Say that the numbers are of a part of the study, and will change."""
    said = f"partial: {answer.missing:,} simulations have not run yet, and the numbers "
    if answer.study in project.study_files:
        return f"{said}will change with them: mc run {answer.study}"
    return f"{said}stay so, as the study's file is gone: mc prune {answer.study} removes them"


def _show_lineage(answer: StudyLineage, as_json: bool) -> None:
    if as_json:
        print_json(answer)
        return
    typer.echo(f"study        {answer.study}  {answer.fingerprint}")
    typer.echo(f"world        {answer.world}")
    typer.echo(f"file         {answer.file or 'none: made in Python'}")
    typer.echo(f"engine       version {answer.engine_version}")
    typer.echo(f"source       {answer.source}")
    typer.echo(f"strategy     {answer.strategy}")
    typer.echo(f"year         {answer.year}")
    for used in answer.bars:
        bars = used.made_of
        now = f"stored through {used.stored_through}" if used.stored_through else "changed since"
        typer.echo(
            f"bars         {bars.symbol}@{bars.timeframe} to {bars.last_bar}, history "
            f"{bars.history_hash} ({now})"
        )
    if answer.calibration is not None:
        calibration = answer.calibration.made_of
        now = "stored" if answer.calibration.stored else "changed since"
        typer.echo(
            f"calibration  {calibration.model} of {calibration.symbol}@{calibration.timeframe} as "
            f"of {calibration.as_of}, {calibration.calibration_hash} ({now}), of history "
            f"{calibration.history_hash or 'none'}"
        )
    if not (answer.bars or answer.calibration):
        typer.echo("bars         none: every parameter stands in the study")
