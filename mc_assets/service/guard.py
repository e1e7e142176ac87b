"""What surrounds every request: its id, its limits of size and time, its line in the log."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import secrets
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from fastapi import HTTPException

from mc_assets.service.metrics import Metrics
from mc_assets.service.settings import ServiceSettings

__all__ = ["LOG", "Guard"]

#: Takes one JSON object per request.
LOG: Final = logging.getLogger("mc_assets.service")

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_EVENTS: Final = re.compile(r"/v1/jobs/[^/]+/events")
_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
# The page draws with Plotly, which sets styles of its own and makes images of its drawings.
_CONTENT_POLICY: Final = (
    b"default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    b"img-src 'self' data: blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    b"frame-ancestors 'none'"
)


class Guard:
    """Surrounds an ASGI application.

    Parameters
    ----------
    app : callable
        The application.
    settings : ServiceSettings
        Longest body and times.
    metrics : Metrics
        Counts requests and their times.
    """

    def __init__(
        self,
        app: Callable[[Scope, Receive, Send], Awaitable[None]],
        settings: ServiceSettings,
        metrics: Metrics,
    ) -> None:
        self._app, self._settings, self._metrics = app, settings, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begin = time.perf_counter()
        given = dict(scope["headers"]).get(b"x-request-id", b"")
        name = given.decode() if _ID.fullmatch(given) else secrets.token_hex(8)
        scope.setdefault("state", {})["request_id"] = name
        status = 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                added = [(b"x-request-id", name.encode()), *_HEADERS]
                added.append((b"content-security-policy", _CONTENT_POLICY))
                message["headers"] = [*message.get("headers", ()), *added]
            await send(message)

        stream = _EVENTS.fullmatch(scope["path"]) is not None
        longest = self._settings.stream_seconds if stream else self._settings.seconds
        try:
            async with asyncio.timeout(longest):
                await self._app(scope, self._bounded(scope, receive), sending)
        except TimeoutError:
            if not status:
                await self._late(sending)
            elif not stream:  # too late for another answer: the connection is closed
                raise
        except Exception:
            # Its traceback has the names of files, which the answer had not.
            LOG.exception(json.dumps({"request": name, "failed": True}))
        finally:
            self._told(scope, name, status, time.perf_counter() - begin)

    def _bounded(self, scope: Scope, receive: Receive) -> Receive:
        """Return what receives a body no longer, and no longer under way, than allowed."""
        size = 0
        longest = self._settings.seconds / 2.0
        end = asyncio.get_running_loop().time() + longest
        declared = dict(scope["headers"]).get(b"content-length", b"")
        most = self._settings.body_bytes
        complete = False
        too_long = HTTPException(
            413, f"the body is longer than {most:,} bytes", headers={"Connection": "close"}
        )

        async def receiving() -> Message:
            nonlocal size, complete
            if declared.isdigit() and int(declared) > most:
                raise too_long
            if complete:  # what comes now is that the client has gone
                return await receive()
            try:
                async with asyncio.timeout_at(end):
                    message = await receive()
            except TimeoutError:
                late = f"the body took longer than {longest:g} s"
                raise HTTPException(408, late, headers={"Connection": "close"}) from None
            size += len(message.get("body", b""))
            complete = not message.get("more_body", False)
            if size > most:
                raise too_long
            return message

        return receiving

    async def _late(self, send: Send) -> None:
        sentence = f"no answer within {self._settings.seconds:g} s"
        told = {"title": "Gateway Timeout", "status": 504, "detail": sentence}
        content = json.dumps(told).encode()
        headers = [
            (b"content-type", b"application/problem+json"),
            (b"content-length", str(len(content)).encode()),
            (b"connection", b"close"),
        ]
        await send({"type": "http.response.start", "status": 504, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    def _told(self, scope: Scope, name: str, status: int, seconds: float) -> None:
        """Write the line of a request: never its headers, its query or its body."""
        route = getattr(scope.get("route"), "path", "none")
        self._metrics.answered(scope["method"], route, status, seconds)
        entry = {
            "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "request": name,
            "method": scope["method"],
            "path": scope["path"],
            "route": route,
            "status": status,
            "ms": round(seconds * 1e3, 2),
            "key": scope["state"].get("caller"),
            "client": (scope.get("client") or (None,))[0],
        }
        LOG.info(json.dumps(entry))
