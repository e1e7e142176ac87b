"""The process of `mc serve`."""

from __future__ import annotations

import ipaddress
import logging
import os
import secrets
import sys
from collections.abc import Callable

import uvicorn

from engine.errors import Refusal
from mc_assets.answers.api_keys import ApiKey, hash_of
from mc_assets.project import Project
from mc_assets.service.app import make_app
from mc_assets.service.callers import Keyring
from mc_assets.service.guard import LOG
from mc_assets.service.patient_http import PatientHttp
from mc_assets.service.settings import ServiceSettings

__all__ = ["serve"]

_KEY = "MC_SERVE_KEY"
# Shorter ones could be tried one after the other.
_SHORTEST_KEY = 20


def serve(
    project: Project,
    settings: ServiceSettings,
    *,
    host: str,
    port: int,
    told: Callable[[str], None],
) -> None:
    """Serve a project until the process is stopped.

    Parameters
    ----------
    project : Project
        Where everything lies.
    settings : ServiceSettings
        Its limits.
    host, port : str, int
        Where it listens.
    told : callable
        Takes sentences for whoever started it.

    Raises
    ------
    Refusal
        If others than this machine could ask, and nobody has a key.
    """
    keys = Keyring(project, _own_keys())
    link = ""
    if keys.is_empty:
        if not _is_loopback(host):
            raise Refusal(
                "--host",
                f"{host}, which other machines reach, and no key",
                hint="`mc keys add NAME --role read` makes one",
            )
        key = f"mc_{secrets.token_urlsafe(32)}"
        keys.own.append(ApiKey("terminal", "run", hash_of(key), ""))
        link = f"#key={key}"
    project.data.mkdir(parents=True, exist_ok=True)
    _log_to_standard_error()
    app = make_app(project, settings, keys)
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=PatientHttp,
        ws="none",
        loop="asyncio",
        lifespan="off",
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_keep_alive=20,
        timeout_graceful_shutdown=5,
        backlog=2048,
    )
    shown = f"[{host}]" if ":" in host else host
    told(f"mc-lab: http://{shown}:{port}/{link}   Ctrl-C stops it; jobs go on")
    uvicorn.Server(config).run()


def _own_keys() -> list[ApiKey]:
    """Return the key of the environment, which may begin and stop jobs."""
    key = os.environ.get(_KEY, "")
    if not key:
        return []
    if len(key) < _SHORTEST_KEY:
        raise Refusal(_KEY, "a short key", f"at least {_SHORTEST_KEY} signs, at random")
    return [ApiKey("environment", "run", hash_of(key), "")]


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _log_to_standard_error() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    LOG.addHandler(handler)
    LOG.setLevel(logging.INFO)
    LOG.propagate = False
