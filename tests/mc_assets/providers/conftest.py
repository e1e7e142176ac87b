"""A real HTTP server on this machine that answers what a test tells it to."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from mc_assets.providers import network, rate_limiter

FAST = {"backoff": 0.0, "timeout": 5.0, "requests_per_minute": 1e6, "attempts": 3}


@dataclass
class Reply:
    """One answer of the server.

    Parameters
    ----------
    body : object
        Sent as JSON unless it is text already.
    status : int
        HTTP status.
    headers : dict
        Further headers.
    delay : float
        Seconds before anything is sent.
    cut : int, optional
        Bytes of the body after which the connection is closed.
    """

    body: object = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    cut: int | None = None


@dataclass
class Request:
    """What a client asked."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]
    at: float


class LocalServer:
    """Answers every request by `answer`, in the order they come."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.answer: Callable[[Request], Reply] = lambda _: Reply(status=404)
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                query = {k: v[0] for k, v in parse_qs(parts.query).items()}
                headers = {k.lower(): v for k, v in self.headers.items()}
                request = Request(parts.path, query, headers, time.monotonic())
                outer.requests.append(request)
                outer.send(self, outer.answer(request))

            def log_message(self, *_: Any) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def in_turn(self, *replies: Reply) -> None:
        """Answer with these, the last one for ever."""
        left = list(replies)
        self.answer = lambda _: left.pop(0) if len(left) > 1 else left[0]

    @staticmethod
    def send(handler: BaseHTTPRequestHandler, reply: Reply) -> None:
        body = reply.body if isinstance(reply.body, str) else json.dumps(reply.body)
        data = body.encode()
        time.sleep(reply.delay)
        try:
            LocalServer._write(handler, reply, data)
        except ConnectionError:
            # The client gave up, which is what some tests want.
            handler.close_connection = True

    @staticmethod
    def _write(handler: BaseHTTPRequestHandler, reply: Reply, data: bytes) -> None:
        handler.send_response(reply.status)
        for name, value in {"Content-Type": "application/json", **reply.headers}.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data if reply.cut is None else data[: reply.cut])
        handler.wfile.flush()
        if reply.cut is not None:
            handler.close_connection = True

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()


@pytest.fixture(autouse=True)
def keys_may_go_to_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(network.KEY_HOSTS, "127.0.0.1")


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Pauses the providers wanted to make, in seconds; none is made."""
    wanted: list[float] = []
    for module in (network, rate_limiter):
        monkeypatch.setattr(module, "rest", lambda seconds: wanted.append(float(seconds)))
    return wanted


@pytest.fixture
def server() -> Iterator[LocalServer]:
    local = LocalServer()
    yield local
    local.close()
