"""HTTP with a deadline for the whole answer and a limit on its size."""

from __future__ import annotations

import logging
import ssl
import time
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final
from urllib.parse import urlencode, urlsplit
from urllib.request import getproxies, proxy_bypass

import httpcore

from mc_assets.providers.failures import LimitReached, Transient
from mc_assets.providers.network import FetchLimits, NetworkOptions

__all__ = ["Answer", "HttpClient", "too_large"]

_MEGABYTE: Final = 1_000_000
# httpcore logs response headers at DEBUG level; a server may echo a key in them.
logging.getLogger("httpcore").setLevel(logging.WARNING)
# Detects gzip and zlib headers.
_ANY_HEADER: Final = 47
_PACKED: Final = ("gzip", "x-gzip", "deflate")


@dataclass(frozen=True)
class Answer:
    """What a server sent.

    Parameters
    ----------
    status : int
        HTTP status.
    headers : dict
        Names in small letters.
    body : bytes
        Unpacked.
    """

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as UTF-8, whatever it is."""
        return self.body.decode("utf-8", errors="replace")


class HttpClient:
    """Sends requests within the time and size limits of the options.

    Parameters
    ----------
    options : NetworkOptions
        ``timeout``, ``deadline`` and ``megabytes``.
    limits : FetchLimits
        Counts what all answers bring.

    Notes
    -----
    Usual client timeouts restart with every byte received, so a server that sends one byte a
    second is never given up. Here no read waits longer than the remaining time of the request.
    Bodies are decompressed in chunks, so a small body that expands to gigabytes is abandoned at
    the limit. Redirects are not followed.
    """

    def __init__(self, options: NetworkOptions, limits: FetchLimits) -> None:
        self._options = options
        self._limits = limits
        self._clock = _Clock()
        self._pools: dict[str | None, httpcore.ConnectionPool] = {}

    def __enter__(self) -> HttpClient:
        return self

    def __exit__(self, *_: object) -> None:
        for pool in self._pools.values():
            pool.close()

    def get(
        self, url: str, headers: Mapping[str, str], params: Mapping[str, Any] | None = None
    ) -> Answer:
        """Ask for a page and read it; see `send`."""
        return self.send("GET", url, headers, params)

    def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        params: Mapping[str, Any] | None = None,
        content: bytes | None = None,
    ) -> Answer:
        """Send one request, once, and read its answer.

        Parameters
        ----------
        method, url : str
            As HTTP has them.
        headers : mapping of str to str
            Of the request.
        params : mapping, optional
            Of the address; those without a value are left out.
        content : bytes, optional
            Body of the request.

        Raises
        ------
        Transient
            If nothing came for ``timeout`` seconds, or the connection broke.
        LimitReached
            If the answer took too long in all, or is too large.
        """
        given = {name: value for name, value in (params or {}).items() if value is not None}
        if given:
            url = f"{url}{'&' if '?' in url else '?'}{urlencode(given, doseq=True)}"
        self._clock.start(self._options.deadline)
        try:
            return self._answer(method, url, {**headers, "Accept-Encoding": "gzip"}, content)
        except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as error:
            if self._clock.left() <= 0:
                raise LimitReached(
                    f"no whole answer within {self._options.deadline:g} s (options.deadline)"
                ) from None
            if isinstance(error, httpcore.TimeoutException):
                raise Transient(f"no answer within {self._options.timeout:g} s") from None
            raise Transient(f"connection failed ({type(error).__name__})") from None
        except (UnicodeError, ValueError, httpcore.UnsupportedProtocol) as error:
            raise Transient(f"connection failed ({type(error).__name__})") from None

    def _answer(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes | None
    ) -> Answer:
        limit = int(self._options.megabytes * _MEGABYTE)
        seconds = self._options.timeout
        timeouts = dict.fromkeys(("connect", "read", "write", "pool"), seconds)
        with self._pool(url).stream(
            method,
            url,
            headers=list(headers.items()),
            content=content,
            extensions={"timeout": timeouts},
        ) as response:
            told = {
                name.decode("latin-1").lower(): value.decode("latin-1")
                for name, value in response.headers
            }
            length = told.get("content-length", "")
            if length.isdecimal() and int(length) > limit:
                raise too_large(self._options)
            encoding = told.get("content-encoding", "identity").strip().lower()
            if encoding not in ("", "identity", *_PACKED):
                raise Transient(f"status {response.status} in an encoding that was not asked for")
            packed = encoding in _PACKED
            body = _read(response.iter_stream(), limit, packed, self._options)
        self._limits.received(len(body))
        return Answer(response.status, told, body)

    def _pool(self, url: str) -> httpcore.ConnectionPool:
        """Return connections to the server, or to the proxy that the environment names for it."""
        parts = urlsplit(url)
        proxies = getproxies()
        proxy = proxies.get(parts.scheme) or proxies.get("all")
        if proxy_bypass(parts.hostname or ""):
            proxy = None
        if proxy not in self._pools:
            backend = _TimedBackend(self._clock)
            context = _trusted()
            self._pools[proxy] = (
                httpcore.ConnectionPool(ssl_context=context, network_backend=backend)
                if proxy is None
                else httpcore.HTTPProxy(proxy, ssl_context=context, network_backend=backend)
            )
        return self._pools[proxy]


@cache
def _trusted() -> ssl.SSLContext:
    """Certificates of the system, read once: that takes as long as a page of bars."""
    return ssl.create_default_context()


def too_large(options: NetworkOptions) -> LimitReached:
    """Return the error for an answer larger than the options allow."""
    return LimitReached(f"an answer of more than {options.megabytes:g} MB (options.megabytes)")


def _read(pieces: Iterable[bytes], limit: int, packed: bool, options: NetworkOptions) -> bytes:
    """Read and decompress a body, up to the limit."""
    body = bytearray()
    sent = 0
    unpack = zlib.decompressobj(_ANY_HEADER) if packed else None
    inside = False
    for piece in pieces:
        sent += len(piece)
        if sent > limit:
            raise too_large(options)
        if unpack is None:
            body += piece
            continue
        while piece:
            try:
                body += unpack.decompress(piece, limit + 1 - len(body))
            except zlib.error:
                raise Transient("an answer whose packed body is damaged") from None
            if len(body) > limit:
                raise too_large(options)
            piece = unpack.unconsumed_tail or unpack.unused_data
            inside = not unpack.eof
            if unpack.eof:
                # A gzip stream may consist of several members.
                unpack = zlib.decompressobj(_ANY_HEADER)
    if inside:
        raise Transient("an answer whose packed body breaks off")
    return bytes(body)


class _Clock:
    """Deadline of the current request."""

    def __init__(self) -> None:
        self._end = 0.0

    def start(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        return self._end - time.monotonic()

    def at_most(self, timeout: float | None) -> float:
        left = self.left()
        if left <= 0:
            raise httpcore.ReadTimeout("deadline")
        return left if timeout is None else min(timeout, left)


class _TimedStream(httpcore.NetworkStream):
    """A connection whose operations never wait beyond the deadline."""

    def __init__(self, stream: httpcore.NetworkStream, clock: _Clock) -> None:
        self._stream = stream
        self._clock = clock

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._clock.at_most(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._clock.at_most(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        within = self._clock.at_most(timeout)
        return _TimedStream(
            self._stream.start_tls(ssl_context, server_hostname, within), self._clock
        )

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _TimedBackend(httpcore.SyncBackend):
    """Network backend that wraps connections in `_TimedStream`."""

    def __init__(self, clock: _Clock) -> None:
        super().__init__()
        self._clock = clock

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        stream = super().connect_tcp(
            host, port, self._clock.at_most(timeout), local_address, socket_options
        )
        return _TimedStream(stream, self._clock)
