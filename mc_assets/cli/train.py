"""``mc train``: train a policy several times, and judge what came of it."""

from __future__ import annotations

from pathlib import Path

import typer

from mc_assets.cli.completion import policy_names
from mc_assets.cli.json_output import print_json


def train(
    policy: str = typer.Argument(help="A policy file or its name.", autocompletion=policy_names),
    save: Path = typer.Option(
        None, "--save", help="Strategy file to write; its parameter is the training."
    ),
    workers: int = typer.Option(1, "--workers", min=1, help="Threads; the result is the same."),
    as_json: bool = typer.Option(False, "--json", help="Print everything as JSON."),
) -> None:
    """Train a policy by several seeds, and judge it on paths that it has not seen."""
    from mc_assets.answers.policies import check_strategy_file, judge_policy, save_policy
    from mc_assets.cli.tables import print_frame
    from mc_assets.project import Project

    def line(done: int, of: int) -> None:
        if not as_json:
            typer.echo(f"training {done} of {of}", err=True)

    if save is not None:
        # Before minutes of training, not after them.
        check_strategy_file(save)

    found = judge_policy(Project.from_environment(), policy, workers=workers, progress=line)
    written = None if save is None else save_policy(found, save)
    if as_json:
        print_json(found.to_json())
        return
    typer.secho(f"{found.name}: {found.report.verdict}.", bold=True)
    table = found.report.table
    columns = ("iqm", "ci_low", "ci_high", "advantage", "advantage_low", "advantage_high")
    print_frame(table.select("name", *columns, "sharpe"), table.select("name", *columns[:3]))
    if written is not None:
        typer.echo(f"wrote {written}; by default training {found.best.seed} decides")
