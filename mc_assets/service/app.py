"""The application: all routes of a project's service, surrounded by their guard."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

from mc_assets.project import Project
from mc_assets.service import (
    routes_backtests,
    routes_data,
    routes_files,
    routes_jobs,
    routes_results,
    routes_system,
)
from mc_assets.service.callers import Keyring
from mc_assets.service.guard import Guard
from mc_assets.service.openapi import describe
from mc_assets.service.problems import add_problems
from mc_assets.service.service import Service
from mc_assets.service.settings import ServiceSettings

__all__ = ["make_app"]

_DESCRIPTION = (
    "Results of Monte Carlo studies of trading strategies. Each estimate has an error: `ci_low` "
    "and `ci_high` are a 95 % interval, `n` is the number of paths. Long work is a job: "
    "`202 Accepted` names it in `Location`, and the same asked twice is the same job."
)


def make_app(
    project: Project, settings: ServiceSettings | None = None, keys: Keyring | None = None
) -> FastAPI:
    """Make the application of a project's service.

    Parameters
    ----------
    project : Project
        Where everything lies.
    settings : ServiceSettings, optional
        Its limits.
    keys : Keyring, optional
        Who may ask; by default whoever has a key of the project.

    Returns
    -------
    FastAPI
        An ASGI application; any number of them may serve one data folder.
    """
    settings = settings or ServiceSettings()
    app = FastAPI(
        title="mc-lab",
        version=version("mc-lab"),
        description=_DESCRIPTION,
        docs_url=None,  # their pages load scripts from elsewhere
        redoc_url=None,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        generate_unique_id_function=lambda route: route.name,
    )
    service = Service(project, settings, keys or Keyring(project))
    app.state.service = service
    add_problems(app)
    for routes in (
        routes_backtests,
        routes_data,
        routes_files,
        routes_jobs,
        routes_results,
        routes_system,
    ):
        app.include_router(routes.router)
    if settings.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.origins),
            allow_methods=["GET", "POST", "PUT", "DELETE"],
            allow_headers=["X-API-Key", "Authorization", "Last-Event-ID", "If-None-Match"],
            expose_headers=["Location", "ETag", "Link", "Retry-After", "X-Request-ID"],
        )
    _guarded(app, service)
    describe(app)
    return app


def _guarded(app: FastAPI, service: Service) -> None:
    """Let the guard be the outermost layer, outside of what answers to faults."""
    inner = app.build_middleware_stack

    def outermost() -> Any:
        return Guard(inner(), service.settings, service.metrics)

    app.build_middleware_stack = outermost  # type: ignore[method-assign]
