"""Who asks: the key of a request, its role, and what it may still ask now."""

from __future__ import annotations

import hmac
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from fastapi import HTTPException, Request, Security
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer

from engine.errors import Refusal, did_you_mean
from mc_assets.answers.api_keys import ROLES, ApiKey, Role, hash_of, list_keys
from mc_assets.project import Project

__all__ = ["Admin", "Caller", "Keyring", "Reader", "Runner"]

# What an unknown key is compared with, so that it takes as long as a known one.
_NOBODY = hash_of("")

_HEADER = APIKeyHeader(
    name="X-API-Key", auto_error=False, description="A key of `mc keys add`.", scheme_name="key"
)
_BEARER = HTTPBearer(auto_error=False, description="The same key.", scheme_name="bearer")


@dataclass(frozen=True)
class Caller:
    """Whoever asks.

    Parameters
    ----------
    name : str
        Name of the key.
    role : {"read", "run", "admin"}
        What it allows.
    """

    name: str
    role: Role


@dataclass
class Keyring:
    """Keys that are valid now: those of the project's file, and those of this process alone.

    Parameters
    ----------
    project : Project
        Whose file is read again when it changes.
    own : list of ApiKey
        Keys that no file has, such as that of ``MC_SERVE_KEY``.
    """

    project: Project
    own: list[ApiKey] = field(default_factory=list)
    _stored: list[ApiKey] = field(default_factory=list)
    _read_at: tuple[int, int] | None = None

    def caller(self, key: str) -> Caller | None:
        """Return whose a key is; every stored key is compared, whichever is right."""
        found = None
        for entry in self._all():
            if entry.matches(key):
                found = Caller(entry.name, entry.role)
        hmac.compare_digest(_NOBODY, hash_of(key))
        return found

    @property
    def is_empty(self) -> bool:
        """Whether nobody can ask anything."""
        return not self._all()

    def _all(self) -> list[ApiKey]:
        file: Path = self.project.data / "service" / "keys.json"
        try:
            status = os.stat(file)
            now = (status.st_mtime_ns, status.st_ino)
        except OSError:
            self._stored, self._read_at = [], None
            return self.own
        if now != self._read_at:
            self._stored, self._read_at = list_keys(self.project), now
        return [*self.own, *self._stored]


def _refuse_unknown_parameters(request: Request) -> None:
    """Refuse a query that is not documented: a filter that is misspelt filters nothing."""
    operations = request.app.openapi()["paths"][request.scope["route"].path]
    told = operations[request.method.lower()].get("parameters", [])
    known = [entry["name"] for entry in told if entry["in"] == "query"]
    for name in request.query_params:
        if name not in known:
            hint = did_you_mean(name, known)
            allowed = ", ".join(known) or "no parameters"
            raise Refusal(name, f"unknown parameter{hint}", allowed)


def _asking(role: Role) -> Callable[..., AsyncIterator[Caller]]:
    """Return a dependency that lets in whoever has a role, within the limits of the key."""

    # Asynchronous, as it waits for nothing: else each request would queue for a thread twice more.
    async def asking(
        request: Request,
        header: Annotated[str | None, Security(_HEADER)] = None,
        bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)] = None,
    ) -> AsyncIterator[Caller]:
        service = request.app.state.service
        key = header or (bearer.credentials if bearer is not None else "")
        caller = service.keys.caller(key) if key else None
        if caller is None:
            raise HTTPException(
                401,
                "no valid key: send one as `X-API-Key: KEY` or `Authorization: Bearer KEY`",
                headers={"WWW-Authenticate": "Bearer"},
            )
        request.state.caller = caller.name
        if ROLES.index(caller.role) < ROLES.index(role):
            raise HTTPException(403, f"key {caller.name} may {caller.role}; this takes {role}")
        _refuse_unknown_parameters(request)
        slot = service.limiter.enter(caller.name)
        try:
            yield caller
        finally:
            service.limiter.leave(caller.name, slot)

    return asking


Reader = Annotated[Caller, Security(_asking("read"))]
Runner = Annotated[Caller, Security(_asking("run"))]
Admin = Annotated[Caller, Security(_asking("admin"))]
