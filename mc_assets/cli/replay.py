"""``mc replay``: one simulation again, with a picture."""

from __future__ import annotations

import typer

from mc_assets.cli.completion import study_names


def replay(
    study: str = typer.Argument(
        ..., help="Name of a study that has run.", autocompletion=study_names
    ),
    simulation: int = typer.Argument(..., min=0, help="Id of the simulation, from its row."),
    output: str = typer.Option(None, help="PNG to write; default data/replays/STUDY-ID.png."),
    picture: bool = typer.Option(True, help="Draw prices, trades and equity."),
    as_json: bool = typer.Option(False, "--json", help="Print metrics and trades as JSON."),
) -> None:
    """Run one simulation again from its seed; print its trades and draw what happened."""
    from pathlib import Path

    from mc_assets.answers.json_values import plain
    from mc_assets.answers.replays import replay_simulation
    from mc_assets.answers.written import write_answer
    from mc_assets.cli.json_output import print_json
    from mc_assets.cli.tables import print_frame
    from mc_assets.project import Project

    project = Project.from_environment()
    answer = replay_simulation(project, study, simulation)
    found = answer.replay
    path = None
    if picture:
        from mc_assets.reports.replay_picture import replay_picture

        default = project.data / "replays" / f"{answer.study}-{simulation}.png"
        path = Path(output) if output else default
        write_answer(path, replay_picture(answer.study, found))
    if as_json:
        print_json(plain(answer) | {"picture": path})
        return
    typer.echo(f"{answer.study} simulation {found.simulation}: seed {found.seed}, {found.values}")
    if found.status != "ok":
        typer.echo(f"failed: {found.status}")
    for name, value in found.metrics.items():
        typer.echo(f"  {name:<24} {'–' if value is None else format(value, ',.6g')}")
    print_frame(found.orders, title="orders")
    print_frame(found.trades, title="trades")
    if path is not None:
        typer.echo(f"picture: {path}")
