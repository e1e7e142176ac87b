"""``mc plot``: one chart of a study, as a page or a still picture."""

from __future__ import annotations

import typer

from mc_assets.cli.completion import study_names
from mc_assets.cli.json_output import print_json


def plot(
    study: str = typer.Argument(
        ..., help="Name of a study that has run.", autocompletion=study_names
    ),
    kind: str = typer.Argument(
        "fan",
        help="fan, pnl, drawdown, sensitivity, heatmap, convergence, compare, panel, monthly, "
        "simulation.",
    ),
    parameter_set: int = typer.Option(None, "--set", min=0, help="A parameter set, by number."),
    simulation: int = typer.Option(0, "--simulation", min=0, help="Of monthly and simulation."),
    statistic: str = typer.Option(
        "mean_net_pnl", "--statistic", help="Of sensitivity, heatmap, compare, panel."
    ),
    baseline: str = typer.Option(
        None, "--baseline", help="The other study of compare; several, by commas, of panel."
    ),
    output: str = typer.Option("", help="HTML, PNG, SVG or PDF; default data/plots/STUDY-KIND."),
    as_json: bool = typer.Option(False, "--json", help="Print the path as JSON."),
) -> None:
    """Draw one chart of a study and save it as HTML, PNG, SVG or PDF."""
    from pathlib import Path

    from mc_assets.answers.plots import plot_study
    from mc_assets.project import Project

    answer = plot_study(
        Project.from_environment(),
        study,
        kind,
        parameter_set=parameter_set,
        simulation=simulation,
        statistic=statistic,
        baseline=baseline,
        output=Path(output) if output else None,
    )
    if as_json:
        print_json(answer)
    else:
        typer.echo(str(answer.plot))
