"""``mc run``: one study, or the whole way from bars to reports."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from mc_assets.cli.completion import study_names
from mc_assets.cli.json_output import print_json
from mc_assets.cli.progress_line import ProgressLine

if TYPE_CHECKING:
    from mc_assets.answers.runs import StudyRun
    from mc_assets.project import Project

__all__ = ["run", "run_study_command"]


def run(
    study: str = typer.Argument(
        None,
        help="A study file or its name; without one everything runs: bars to reports.",
        autocompletion=study_names,
    ),
    workers: str = typer.Option(None, help="Threads or processes, or auto."),
    executor: str = typer.Option(
        "threads", help="Who runs the parts: threads, processes, or dask://host:port."
    ),
    seeds: str = typer.Option(None, help="Seed set or seed file to use instead."),
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change a setting: strategy.fast=5,10 or source.steps=504."),
    ] = None,
    storage: str = typer.Option(None, help="parquet, memory, sqlite or csv."),
    fresh: bool = typer.Option(
        False,
        "--fresh/--resume",
        help="Compute all of a study again, or only what is missing; without a study, run every "
        "step, or only those with something new.",
    ),
    dry_run: bool = typer.Option(False, "--dry-run", help="Only say what would be done."),
    as_json: bool = typer.Option(False, "--json", help="Print the outcome as JSON."),
) -> None:
    """Run a study and print its statistics; without a study, run everything through Dagster."""
    from mc_assets.cli.everything import run_everything_command

    if study is None:
        run_everything_command(fresh=fresh, as_json=as_json)
        return
    run_study_command(
        study,
        workers=workers,
        executor=executor,
        seeds=seeds,
        settings=settings or (),
        storage=storage,
        fresh=fresh,
        dry_run=dry_run,
        as_json=as_json,
    )


def run_study_command(
    study: str,
    *,
    workers: str | None = None,
    executor: str = "threads",
    seeds: str | None = None,
    settings: Sequence[str] = (),
    storage: str | None = None,
    fresh: bool = False,
    dry_run: bool = False,
    as_json: bool = False,
) -> None:
    """Run one study file and print its statistics; the options are those of `mc run`."""
    from mc_assets.bucket_project import open_project

    with open_project() as project:
        if dry_run:
            _estimate(project, study, seeds, settings, storage, workers, as_json=as_json)
            return
        answer = _answer(
            project, study, workers, executor, seeds, settings, storage, fresh, as_json
        )
    if as_json:
        print_json(answer)
    else:
        _print_run(answer)


def _estimate(
    project: Project,
    study: str,
    seeds: str | None,
    settings: Sequence[str],
    storage: str | None,
    workers: str | None,
    *,
    as_json: bool,
) -> None:
    from mc_assets.answers.runs import estimate_study

    estimate = estimate_study(
        project, study, settings=settings, seeds=seeds, storage=storage, workers=workers
    )
    if as_json:
        print_json(estimate)
    else:
        typer.echo(str(estimate))


def _answer(
    project: Project,
    study: str,
    workers: str | None,
    executor: str,
    seeds: str | None,
    settings: Sequence[str],
    storage: str | None,
    fresh: bool,
    as_json: bool,
) -> StudyRun:
    from mc_assets.answers.runs import RunStopped, run_study
    from mc_assets.answers.study_needs import make_calibration, missing_calibration

    missing = missing_calibration(project, study, settings)
    if missing is not None:
        from mc_assets.cli.steps import StepLines

        with StepLines(quiet=as_json) as lines:
            make_calibration(project, missing, progress=lines)
    try:
        with ProgressLine(quiet=as_json) as line:
            return run_study(
                project,
                study,
                settings=settings,
                seeds=seeds,
                storage=storage,
                workers=workers,
                executor=executor,
                fresh=fresh,
                # Only the headlines: with many parameter sets every statistic takes time.
                statistics=None if as_json else "headlines",
                progress=line,
            )
    except RunStopped as stop:
        again = _command(study, workers, executor, seeds, settings, storage)
        typer.secho(f"{stop}: {again}" if stop.kept else str(stop), fg="yellow", err=True)
        raise typer.Exit(130) from None


def _command(
    study: str,
    workers: str | None,
    executor: str,
    seeds: str | None,
    settings: Sequence[str],
    storage: str | None,
) -> str:
    """Return the command that goes on with this run: the same changes make the same study."""
    other = None if executor == "threads" else executor
    options = [("--workers", workers), ("--executor", other)]
    options += [("--seeds", seeds), ("--storage", storage)]
    options += [("--set", setting) for setting in settings]
    words = ["mc", "run", study]
    for option, value in options:
        words += [option, value] if value is not None else []
    return shlex.join(words)


def _print_run(answer: StudyRun) -> None:
    from mc_assets.cli.summary import MOST_SETS, print_headlines, print_warnings
    from mc_assets.headlines import with_all_errors

    left_out = [f"{answer.dropped_sets:,} dropped by the constraint"] if answer.dropped_sets else []
    left_out += [f"{answer.repeated_sets:,} drawn again"] if answer.repeated_sets else []
    drop = f" ({', '.join(left_out)})" if left_out else ""
    typer.echo(
        f"{answer.study}: {answer.simulations:,} simulations, {answer.parameter_sets:,} parameter "
        f"sets{drop} x {answer.seeds:,} seeds, in {answer.seconds:.2f} s"
        + (f", {answer.reused:,} found finished" if answer.reused else "")
        + (f", {answer.failed:,} failed" if answer.failed else "")
    )
    if answer.stopped:
        typer.echo(answer.stopped)
    print_headlines(
        with_all_errors(answer.statistics, answer.error_budget),
        limit=MOST_SETS,
        shown_by=f"mc show {answer.study} --limit {answer.parameter_sets}",
    )
    print_warnings(answer.warnings)
    for kind, where in answer.outputs.items():
        typer.echo(f"{kind}: {where}")
    if not answer.outputs:
        typer.echo("nothing is kept: --storage parquet keeps results to show and to replay")
        return
    if "://" in str(answer.outputs.get("parquet")):
        typer.echo(f"next: mc show {answer.study}")
        return
    asked = "SELECT * FROM parameter_sets"
    more = f'   or   mc sql "{asked}"' if "parquet" in answer.outputs else ""
    typer.echo(f"next: mc show {answer.study}   or   mc replay {answer.study} 0{more}")
