"""What every route works with."""

from __future__ import annotations

from dataclasses import dataclass, field

from fastapi import Request

from mc_assets.project import Project
from mc_assets.service.callers import Keyring
from mc_assets.service.kept_answers import KeptAnswers
from mc_assets.service.limits import Limiter
from mc_assets.service.metrics import Metrics
from mc_assets.service.opened import OpenResults
from mc_assets.service.settings import ServiceSettings

__all__ = ["Service", "service_of"]


@dataclass
class Service:
    """A service of one project.

    Parameters
    ----------
    project : Project
        Where everything lies.
    settings : ServiceSettings
        Its limits.
    keys : Keyring
        Who may ask.
    """

    project: Project
    settings: ServiceSettings
    keys: Keyring
    limiter: Limiter = field(init=False)
    metrics: Metrics = field(init=False)
    opened: OpenResults = field(init=False)
    answers: KeptAnswers = field(init=False)

    def __post_init__(self) -> None:
        limits = self.settings
        self.limiter = Limiter(
            self.project.data / "service" / "limits", limits.requests_per_second, limits.concurrent
        )
        self.metrics = Metrics(self.project)
        self.opened = OpenResults(self.project)
        self.answers = KeptAnswers()


def service_of(request: Request) -> Service:
    """Return the service that a request is asked of."""
    found: Service = request.app.state.service
    return found
