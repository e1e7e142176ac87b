"""``mc optimise run``: search the parameters of a strategy."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from mc_assets.cli.json_output import print_json

if TYPE_CHECKING:
    from mc_assets.answers.experiments import Experiment, SearchProgress


def optimise_run(
    file: str = typer.Argument(
        None, help="Study file with an objective, its name, or an experiment file."
    ),
    strategy: str = typer.Option(None, "--strategy", help="Without a file: name or Python file."),
    data: Path = typer.Option(
        None, "--data", help="Without a file: CSV or Parquet file of bars, or of ticks."
    ),
    method: str = typer.Option(
        "random", "--method", help="grid, random, sobol, genetic, tpe, cma_es or nsga2."
    ),
    samples: int = typer.Option(100, "--samples", min=1, help="Parameter sets to try."),
    seed: int = typer.Option(0, "--seed", min=0, help="Of the search."),
    objective: str = typer.Option("sharpe", "--objective", help="Statistic to maximise."),
    out: Path = typer.Option(None, "--out", help="Folder of the experiment."),
    replace: bool = typer.Option(
        False, "--replace", help="Begin anew where the folder holds another search."
    ),
    workers: str = typer.Option(None, "--workers", help="Threads, or auto."),
    as_json: bool = typer.Option(False, "--json", help="Print the summary as JSON."),
) -> None:
    """Search for the best parameters, and run the leaders again on paths it never used."""
    from engine.errors import Refusal
    from mc_assets.answers.experiments import run_experiment, run_quick_experiment
    from mc_assets.project import Project

    project = Project.from_environment()
    if file is not None and (strategy is not None or data is not None):
        raise Refusal("optimise", "a file beside --strategy or --data", "one or the other")
    with _Line(quiet=as_json) as line:
        if file is not None:
            found = run_experiment(
                project, file, out=out, replace=replace, workers=workers, progress=line
            )
        elif strategy is None or data is None:
            raise Refusal(
                "optimise", "neither a file nor both --strategy and --data", "one or the other"
            )
        else:
            found = run_quick_experiment(
                project,
                strategy=strategy,
                data=data,
                method="random" if method == "monte_carlo" else method,
                samples=samples,
                seed=seed,
                objective=objective,
                out=out,
                replace=replace,
                workers=workers,
                progress=line,
            )
    if as_json:
        print_json(found.outcome.to_json())
    else:
        _print(found)
        if found.folder.resolve().parent not in {root.resolve() for root in project.experiments}:
            typer.echo(f"ranked by: mc leaderboard --folder {found.folder.parent}")


class _Line:
    """One line on a terminal that says how far the search is."""

    def __init__(self, *, quiet: bool) -> None:
        import sys

        self._shown = not quiet and sys.stderr.isatty()

    def __enter__(self) -> _Line:
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown:
            typer.echo("\r\x1b[2K", nl=False, err=True)

    def __call__(self, now: SearchProgress) -> None:
        if self._shown:
            text = f"{now.sets:,} sets, {now.simulations:,} simulations, best {now.best:.4g}"
            typer.echo(f"\r\x1b[2K{text}", nl=False, err=True)


def _print(found: Experiment) -> None:
    import polars as pl

    from mc_assets.cli.tables import print_frame

    outcome = found.outcome
    typer.secho(f"{outcome.sentence}.", bold=True)
    leaders, names = outcome.leaders, outcome.table.parameters
    if len(leaders):
        numbers = [
            pl.col(name).round_sig_figs(4).alias(heading)
            for name, heading in (
                *(("claim", "claims"), ("fresh", "shows")),
                *(("fresh_low", "from"), ("fresh_high", "to"), ("plateau", "plateau")),
            )
        ]
        print_frame(
            leaders.select("role", *names, *numbers),
            leaders.select("role", *names, *numbers[:2]),
            title=f"{outcome.table.objectives[0]}, shown on {outcome.unseen}",
        )
        worst = outcome.moves.filter(pl.col("rank") == 1).sort("drop", nulls_last=True).tail(1)
        if len(worst) and worst["drop"][0] is not None:
            row = worst.row(0, named=True)
            typer.echo(
                f"a step of {row['parameter']} to {row['moved_to']} costs the best "
                f"{row['drop']:.4g}"
                + ("" if row["drop_std_error"] is None else f" ± {row['drop_std_error']:.2g}")
            )
    typer.echo(f"experiment: {found.folder / 'report.html'}")
