"""``mc run``: one study, or the whole way from bars to reports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from engine.results import Results
    from engine.studies import Study

__all__ = ["run", "run_study_command"]


_SECONDS_BETWEEN_LINES = 10.0


def run(
    study: str = typer.Argument(
        None, help="A study file or its name; without one everything runs: bars to reports."
    ),
    workers: str = typer.Option(None, help="Threads, or auto."),
    seeds: str = typer.Option(None, help="Seed set or seed file to use instead."),
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change a setting: strategy.fast=5,10 or source.steps=504."),
    ] = None,
    storage: str = typer.Option(None, help="parquet, memory, sqlite or csv."),
    fresh: bool = typer.Option(
        False, "--fresh/--resume", help="Compute everything again, or only what is missing."
    ),
    dry_run: bool = typer.Option(False, "--dry-run", help="Only say what would be done."),
    as_json: bool = typer.Option(False, "--json", help="Print the outcome as JSON."),
) -> None:
    """Run a study and print its statistics; without a study, run everything through Dagster."""
    if study is None:
        _run_everything(as_json)
        return
    run_study_command(
        study,
        workers=workers,
        seeds=seeds,
        settings=settings,
        storage=storage,
        fresh=fresh,
        dry_run=dry_run,
        as_json=as_json,
    )


def _run_everything(as_json: bool) -> None:
    import json

    from mc_assets.cli.everything import run_everything
    from mc_assets.project import Project

    made = run_everything(Project.from_environment(), quiet=as_json)
    if as_json:
        typer.echo(json.dumps(made))


def run_study_command(
    study: str,
    *,
    workers: str | None = None,
    seeds: str | None = None,
    settings: list[str] | None = None,
    storage: str | None = None,
    fresh: bool = False,
    dry_run: bool = False,
    as_json: bool = False,
) -> None:
    """Run one study file and print its statistics; the options are those of `mc run`."""
    import json

    from engine.jobs.errors import StudyFailed, StudyInterrupted
    from engine.studies.loader import load_definition
    from engine.studies.overrides import override
    from engine.studies.study import Study
    from mc_assets.project import Project
    from mc_assets.stored_market_data import StoredMarketData

    project = Project.from_environment()
    path = project.study_file(study)
    definition = override(
        load_definition(path), settings or [], seeds=seeds, storage=storage, workers=workers
    )
    made = Study.from_definition(definition, path)
    market_data = StoredMarketData(project)
    if dry_run:
        _print_estimate(made, market_data, as_json)
        return
    root = None if definition.storage == "memory" else project.data
    line = _ProgressLine(quiet=as_json)
    again = _command(study, workers, seeds, settings, storage)
    try:
        with line:
            results = made.run(root=root, market_data=market_data, progress=line, fresh=fresh)
        outputs = _export(results, definition.storage, project.data)
    except KeyboardInterrupt as stop:
        # Before the first simulation, too: while code compiles or finished parts are checked.
        said = "stopped; finished parts are kept, run the study again to go on from them"
        if isinstance(stop, StudyInterrupted):
            said = str(stop)
        text = "stopped; nothing is kept in memory" if root is None else f"{said}: {again}"
        typer.secho(text, fg="yellow", err=True)
        raise typer.Exit(130) from None
    except StudyFailed as failure:
        typer.secho(f"mc: {failure}", fg="red", err=True)
        raise typer.Exit(1) from None
    if as_json:
        typer.echo(json.dumps(_outcome(results, outputs)))
        return
    _print_results(results, line, outputs)


def _command(
    study: str,
    workers: str | None,
    seeds: str | None,
    settings: list[str] | None,
    storage: str | None,
) -> str:
    """Return the command that goes on with this run: the same changes make the same study."""
    import shlex

    options = [("--workers", workers), ("--seeds", seeds), ("--storage", storage)]
    options += [("--set", setting) for setting in settings or []]
    words = ["mc", "run", study]
    for option, value in options:
        words += [option, value] if value is not None else []
    return shlex.join(words)


class _ProgressLine:
    """One line on standard error, rewritten as the study advances."""

    def __init__(self, quiet: bool) -> None:
        import sys

        self.last: Any = None
        self._stream = sys.stderr
        self._quiet = quiet
        self._live = self._stream.isatty()
        self._width = 0
        self._next = _SECONDS_BETWEEN_LINES

    def __enter__(self) -> _ProgressLine:
        return self

    def __exit__(self, *_: object) -> None:
        if self._live and self._width:
            self._stream.write("\r" + " " * self._width + "\r")
            self._stream.flush()

    def __call__(self, progress: Any) -> None:
        self.last = progress
        if self._quiet:
            return
        text = str(progress)
        if not self._live and progress.seconds > self._next:
            # A log file takes a new line now and then instead of one that is rewritten.
            self._next += _SECONDS_BETWEEN_LINES
            self._stream.write(text + "\n")
            self._stream.flush()
        if self._live:
            self._stream.write("\r" + text.ljust(self._width))
            self._stream.flush()
            self._width = max(self._width, len(text))


def _print_estimate(study: Study, market_data: Any, as_json: bool) -> None:
    import json

    from engine.jobs.dry_run import estimate

    found = estimate(study.resolve(market_data), workers=study.definition.workers)
    if as_json:
        typer.echo(json.dumps(found.as_dict()))
    else:
        typer.echo(str(found))


def _export(results: Results, storage: str, data: Any) -> dict[str, str]:
    folder = data / "results" / results.name
    if storage == "sqlite":
        return {"sqlite": str(results.to_sqlite(folder / f"{results.fingerprint}.sqlite"))}
    if storage == "csv":
        return {"csv": str(results.to_csv(folder / f"{results.fingerprint}.csv"))}
    if storage == "parquet":
        return {"parquet": str(data / "simulations" / results.summary.world)}
    return {}


def _outcome(results: Results, outputs: dict[str, str]) -> dict[str, Any]:
    from mc_assets.cli.summary import json_rows

    table = results.statistics()
    return {
        "study": results.name,
        "fingerprint": results.fingerprint,
        "simulations": len(results),
        "failed": len(results.failures),
        "stopped": results.stopped,
        "outputs": outputs,
        "statistics": json_rows(table.drop("study", "world")),
    }


def _print_results(results: Results, line: _ProgressLine, outputs: dict[str, str]) -> None:
    from mc_assets.cli.summary import print_summary_table

    progress = line.last
    dropped, repeated = results.summary.dropped_sets, results.summary.repeated_sets
    left_out = [f"{dropped:,} dropped by the constraint"] if dropped else []
    left_out += [f"{repeated:,} drawn again"] if repeated else []
    drop = f" ({', '.join(left_out)})" if left_out else ""
    sets = results.summary.parameter_sets
    typer.echo(
        f"{results.name}: {progress.total:,} simulations, {sets:,} parameter sets{drop} "
        f"x {results.summary.seeds:,} seeds, in {progress.seconds:.2f} s"
        + (f", {progress.reused:,} found finished" if progress.reused else "")
        + (f", {progress.failed:,} failed" if progress.failed else "")
    )
    if results.stopped:
        typer.echo(results.stopped)
    print_summary_table(results)
    for kind, where in outputs.items():
        typer.echo(f"{kind}: {where}")
    if not outputs:
        typer.echo("nothing is kept: --storage parquet keeps results to show and to replay")
        return
    asked = "SELECT * FROM parameter_sets"
    more = f'   or   mc sql "{asked}"' if "parquet" in outputs else ""
    typer.echo(f"next: mc show {results.name}   or   mc replay {results.name} 0{more}")
