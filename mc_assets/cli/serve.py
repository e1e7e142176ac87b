"""``mc serve``: the answers over HTTP, and a page that shows them."""

from __future__ import annotations

from typing import Annotated

import typer

from engine.errors import Refusal

# Packages of the extra `api`.
_EXTRA = ("fastapi", "uvicorn", "prometheus_client", "starlette")


def serve(
    host: str = typer.Option("127.0.0.1", help="Address to listen on; others need a key."),
    port: int = typer.Option(8000, min=1, max=65535, help="Port to listen on."),
    jobs: int = typer.Option(2, min=1, max=64, help="Jobs that run at once; the others wait."),
    rate: float = typer.Option(500.0, min=0.1, help="Requests a second of one key."),
    concurrent: int = typer.Option(256, min=1, help="Requests at once of one key."),
    jobs_of_key: int = typer.Option(8, min=1, help="Jobs of one key that wait or run."),
    body: int = typer.Option(1_000_000, min=1_000, help="Bytes of a body at most."),
    seconds: float = typer.Option(60.0, min=0.1, help="Seconds until an answer at most."),
    origin: Annotated[
        list[str] | None,
        typer.Option("--origin", help="Pages of this origin may ask (CORS); by default none."),
    ] = None,
    uploads: bool = typer.Option(
        False, "--uploads", help="Let admins put study files and strategies into the project."
    ),
) -> None:
    """Answer programs over HTTP and show studies in a browser; `mc keys` says who may ask."""
    try:
        from mc_assets.service.server import serve as serve_project
        from mc_assets.service.settings import ServiceSettings
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _EXTRA:
            raise
        raise Refusal(
            "serve",
            f"no package `{error.name}`",
            "the extra of it",
            hint="pip install 'mc-lab[api]'",
        ) from None
    from mc_assets.project import Project

    settings = ServiceSettings(
        slots=jobs,
        requests_per_second=rate,
        concurrent=concurrent,
        jobs_of_key=jobs_of_key,
        body_bytes=body,
        seconds=seconds,
        origins=tuple(origin or ()),
        uploads=uploads,
    )
    serve_project(
        Project.from_environment(),
        settings,
        host=host,
        port=port,
        told=lambda text: typer.echo(text),
    )
