"""Polygon: aggregates over REST, paginated."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, ClassVar, Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import httpx
import polars as pl
from pydantic import BaseModel

from mc_assets.providers.base import Capabilities, FetchResult, Layout, Provider, RawTable
from mc_assets.providers.json_rows import json_frame
from mc_assets.providers.network import (
    Failure,
    NetworkOptions,
    Transient,
    check_status,
    environment_key,
    fetch_error,
    limiter_of,
    with_retries,
)

__all__ = ["PolygonProvider"]

_BASE_URL: Final = "https://api.polygon.io"
_SPANS: Final = {
    "1m": (1, "minute"),
    "5m": (5, "minute"),
    "15m": (15, "minute"),
    "30m": (30, "minute"),
    "1h": (1, "hour"),
    "1d": (1, "day"),
    "1w": (1, "week"),
}
_KEYS: Final = ("POLYGON_API_KEY", "MASSIVE_API_KEY")
_PAGE: Final = 50_000
_COLUMNS: Final = {"t": pl.Int64, "n": pl.Int64}


class PolygonProvider(Provider):
    """Bars of ``/v2/aggs``; the key goes into a header, so that no address holds it."""

    name: ClassVar[str] = "polygon"
    capabilities: ClassVar[Capabilities] = Capabilities(
        timeframes=tuple(_SPANS),
        adjustments=("split", "raw"),
        network=True,
        # The free plan's limit.
        requests_per_minute=5.0,
        environment=_KEYS,
    )
    Options: ClassVar[type[BaseModel]] = NetworkOptions
    options: NetworkOptions

    def fetch(
        self,
        symbols: Sequence[str],
        timeframe: str,
        start: datetime,
        end: datetime,
        *,
        adjustment: str = "split",
    ) -> FetchResult:
        """Fetch page after page; the pages before one that fails for good are kept."""
        key = environment_key(self.name, _KEYS)
        result = FetchResult()
        with httpx.Client(timeout=self.options.timeout, follow_redirects=False) as client:
            for symbol in symbols:
                rows: list[Any] = []
                try:
                    for page in self._pages(client, key, symbol, timeframe, start, end, adjustment):
                        rows.extend(page)
                    result.tables[symbol] = _table(symbol, timeframe, rows, adjustment)
                except Failure as error:
                    result.failures[symbol] = fetch_error(
                        self.name, symbol, timeframe, start, end, error.reason
                    )
                    with suppress(Failure):
                        result.partial[symbol] = _table(symbol, timeframe, rows, adjustment)
        return result

    def _pages(
        self,
        client: httpx.Client,
        key: str,
        symbol: str,
        timeframe: str,
        start: datetime,
        end: datetime,
        adjustment: str,
    ) -> Iterator[list[Any]]:
        multiplier, span = _SPANS[timeframe]
        first, last = int(start.timestamp() * 1000), int(end.timestamp() * 1000) - 1
        path = (
            f"/v2/aggs/ticker/{quote(symbol, safe='')}/range/{multiplier}/{span}/{first}/{last}"
            f"?adjusted={str(adjustment == 'split').lower()}&sort=asc&limit={_PAGE}"
        )
        seen: set[str] = set()
        while path:
            if path in seen:
                raise Failure("the server sends the same page for ever")
            seen.add(path)
            page = self._page(client, key, path)
            yield page.get("results") or []
            path = _next_path(page.get("next_url"))

    def _page(self, client: httpx.Client, key: str, path: str) -> dict[str, Any]:
        address = (self.options.base_url or _BASE_URL).rstrip("/") + path

        def ask() -> dict[str, Any]:
            try:
                answer = client.get(address, headers={"Authorization": f"Bearer {key}"})
            except httpx.TimeoutException:
                raise Transient(f"no answer within {self.options.timeout:g} s") from None
            except httpx.HTTPError as error:
                raise Transient(f"connection failed ({type(error).__name__})") from None
            check_status(answer.status_code, answer.headers.get("Retry-After"), answer.text, [key])
            return _document(answer)

        rate = self.options.requests_per_minute or self.capabilities.requests_per_minute
        return with_retries(ask, self.options, limiter_of(self.name, rate))


def _table(symbol: str, timeframe: str, rows: list[Any], adjustment: str) -> RawTable:
    layout = Layout(date_format="epoch_ms", timezone="UTC", stamp="open")
    frame = json_frame(rows, _COLUMNS)
    return RawTable(symbol, timeframe, frame, PolygonProvider.name, adjustment, layout)


def _next_path(link: object) -> str:
    """Path of the next page: the key must not follow a link to another host, nor stand in one."""
    if not link:
        return ""
    try:
        parts = urlsplit(str(link))
    except ValueError:
        parts = urlsplit("")
    if not isinstance(link, str) or not parts.path.startswith("/"):
        raise Failure("found a next_url that is no address, allowed one")
    query = [pair for pair in parse_qsl(parts.query) if pair[0].lower() != "apikey"]
    return f"{parts.path}?{urlencode(query)}"


def _document(answer: httpx.Response) -> dict[str, Any]:
    try:
        document = json.loads(answer.content)
    except (ValueError, RecursionError):
        kind = "an HTML page" if b"<html" in answer.content[:2000].lower() else "broken JSON"
        raise Transient(f"status {answer.status_code} with {kind}") from None
    if not isinstance(document, dict) or not isinstance(document.get("results", []), list | None):
        raise Failure("found an answer without results, allowed Polygon's aggregates")
    if document.get("status") not in ("OK", "DELAYED", None):
        raise Failure(f"found status {document['status']!r}, allowed 'OK' or 'DELAYED'")
    return document
