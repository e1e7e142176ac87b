"""alpaca-py's trading client on top of `HttpClient`: each request once, with limits of time.

Its own requests wait for ever, and it sends an order again by itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from alpaca.trading.client import TradingClient

from engine.errors import Refusal
from engine.paper import Busy, Doubtful, Rejected
from mc_assets.providers.failures import Failure
from mc_assets.providers.http_client import HttpClient
from mc_assets.providers.network import FetchLimits, NetworkOptions, asked_pause, quoted

__all__ = ["AlpacaTrading", "NotThere"]

_KEYS_REFUSED: Final = (401, 403)
_UNKNOWN: Final = 404
_LIMITED: Final = 429
_TIMED_OUT: Final = 408
_TWICE: Final = "must be unique"


class NotThere(Exception):
    """The server has nothing of that name."""


class AlpacaTrading(TradingClient):
    """Sends each request once, within limits of time, and says which answers are doubtful.

    Parameters
    ----------
    keys : tuple of str
        Id and secret.
    base_url : str
        The server.
    options : NetworkOptions
        Limits of time and size.
    """

    def __init__(self, keys: tuple[str, str], base_url: str, options: NetworkOptions) -> None:
        super().__init__(*keys, raw_data=True, url_override=base_url)
        self._keys = keys
        self._options = options

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._base_url})"

    def _one_request(self, method: str, url: str, opts: dict[str, Any], retry: int) -> Any:
        headers = dict(opts["headers"])
        body = opts.get("json")
        content = None if body is None else json.dumps(body).encode()
        if content is not None:
            headers["Content-Type"] = "application/json"
        try:
            # A connection of its own: one that has waited may be dead without anybody knowing.
            with HttpClient(self._options, FetchLimits(self._options)) as client:
                answer = client.send(method, url, headers, opts.get("params"), content)
        except Failure as failure:
            raise Doubtful(f"alpaca: {failure.reason}") from None
        if answer.status < 300:
            try:
                return json.loads(answer.body) if answer.body else None
            except (ValueError, RecursionError):
                raise Doubtful(
                    f"status {answer.status} without an answer that can be read"
                ) from None
        raise self._failure(method, answer.status, answer.headers, answer.body)

    def _failure(
        self, method: str, status: int, headers: Mapping[str, str], body: bytes
    ) -> Exception:
        try:
            message = str(json.loads(body)["message"])
        except (ValueError, RecursionError, KeyError, TypeError):
            message = ""
        said = f"status {status}" + (f", {quoted(message, self._keys)}" if message else "")
        if status == _LIMITED:
            asked = asked_pause(headers.get("retry-after"))
            return Busy(said, min(1.0 if asked is None else asked, self._options.longest_wait))
        if status == _UNKNOWN:
            return NotThere(said)
        asks = method.upper() == "GET"
        if status == _KEYS_REFUSED[0] or (asks and status in _KEYS_REFUSED):
            return Refusal("alpaca", f"{said}: the keys are refused", "keys of a paper account")
        if asks or status >= 500 or status == _TIMED_OUT or _TWICE in message or status < 400:
            return Doubtful(said)
        return Rejected(said)
