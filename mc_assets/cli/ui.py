"""``mc ui``: the Dagster UI on the project's assets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from mc_assets.ui_processes import UiProcesses

# How many ports are looked at for a free one.
_PORTS = 20


def ui(
    host: str = typer.Option("127.0.0.1", help="Address to listen on."),
    port: int = typer.Option(3000, min=1, max=65535, help="Port to listen on."),
) -> None:
    """Open the Dagster UI; runs, history and partitions are kept in data/dagster_home."""
    import os

    from mc_assets.answers.report_pages import REPORTS_PORT, report_address, serving_reports
    from mc_assets.home_process import holding_dagster_home
    from mc_assets.project import Project
    from mc_assets.ui_processes import UiProcesses

    project = Project.from_environment()
    asked, port = port, _free_port(host, port)
    if port != asked:
        typer.echo(f"port {asked} is not free, {port} is taken instead")
    with (
        holding_dagster_home(project) as lock,
        serving_reports(project.reports) as reports,
    ):
        environment = os.environ | {
            # `dagster dev` prints a notice about its successor on every start. Its processes have
            # working directories of their own.
            "PYTHONWARNINGS": "ignore::FutureWarning",
            "MC_HOME": str(project.root),
            REPORTS_PORT: str(reports),
        }
        processes = UiProcesses(project, host, port, environment, lock)
        typer.echo("Starting Dagster …")
        if not processes.has_daemon:
            typer.echo("another `mc ui` is open on this home: it runs what is launched here")
        with processes.started():
            if _answers(host, port, processes):
                typer.echo(f"Dagster UI: http://{host}:{port}   Ctrl-C stops it")
                typer.echo(f"Reports:    {report_address('')}")
            was_asked = processes.wait(
                lambda: typer.echo("the other `mc ui` has ended: this one runs what is launched")
            )
    if not was_asked:
        typer.echo(
            "Dagster ended by itself; `mc ui` starts it again, and backfills go on", err=True
        )
        raise typer.Exit(code=1)


def _free_port(host: str, port: int) -> int:
    """Return the first free port from `port` upwards."""
    import errno
    import socket

    for candidate in range(port, min(port + _PORTS, 65536)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, candidate))
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    continue
                raise ValueError(
                    f"--host, --port: {host}:{candidate} cannot be used ({error})"
                ) from None
            return candidate
    raise ValueError(f"--port: none of the {_PORTS} ports from {port} on {host} is free")


def _answers(host: str, port: int, processes: UiProcesses) -> bool:
    """Wait until the webserver accepts connections; False if Dagster ended before."""
    import socket
    import time

    while processes.are_alive():
        with socket.socket() as probe:
            probe.settimeout(1.0)
            if probe.connect_ex((host, port)) == 0:
                return True
        time.sleep(0.3)
    return False
