"""Polygon: aggregates over REST, paginated."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import polars as pl
from pydantic import BaseModel

from mc_assets.providers.base import Capabilities, FetchResult, Layout, Provider, RawTable
from mc_assets.providers.failures import Failure, Transient
from mc_assets.providers.json_rows import json_frame
from mc_assets.providers.network import (
    FetchLimits,
    NetworkOptions,
    check_address,
    check_status,
    environment_key,
    fetch_error,
    quoted,
    with_retries,
)
from mc_assets.providers.paging import PageCheck
from mc_assets.providers.rate_limiter import limiter_of

if TYPE_CHECKING:
    from mc_assets.providers.http_client import Answer, HttpClient

__all__ = ["PolygonProvider"]

_BASE_URL: Final = "https://api.polygon.io"
_HOSTS: Final = ("api.polygon.io", "api.massive.com")
_SPANS: Final = {"m": "minute", "h": "hour", "d": "day", "w": "week", "mo": "month"}
_KEYS: Final = ("POLYGON_API_KEY", "MASSIVE_API_KEY")
_PAGE: Final = 50_000
_COLUMNS: Final = {"t": pl.Int64, "n": pl.Int64}


class PolygonProvider(Provider):
    """Bars of ``/v2/aggs``; the key is sent in a header and never part of a URL."""

    name: ClassVar[str] = "polygon"
    capabilities: ClassVar[Capabilities] = Capabilities(
        timeframes=("Nm", "Nh", "1d", "1w", "1mo"),
        adjustments=("split", "raw"),
        network=True,
        # The free plan's limit.
        requests_per_minute=5.0,
        keys=(_KEYS,),
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
        """Fetch page by page; pages before a permanent failure are kept."""
        from mc_assets.providers.http_client import HttpClient

        check_address(self.name, self.options.base_url, _HOSTS)
        key = environment_key(self.name, _KEYS)
        result = FetchResult()
        limits = FetchLimits(self.options)
        with HttpClient(self.options, limits) as client:
            for symbol in symbols:
                limits.begin(1)
                frames: list[pl.DataFrame] = []
                pages = self._pages(client, limits, key, symbol, timeframe, start, end, adjustment)
                try:
                    for rows in pages:
                        # A table needs a tenth of the memory of the JSON objects.
                        frames.append(json_frame(rows, _COLUMNS))
                    result.tables[symbol] = _table(symbol, timeframe, frames, adjustment)
                    limits.succeeded()
                except Failure as error:
                    result.failures[symbol] = fetch_error(
                        self.name, symbol, timeframe, start, end, error.reason
                    )
                    with suppress(Failure):
                        result.partial[symbol] = _table(symbol, timeframe, frames, adjustment)
        return result

    def _pages(
        self,
        client: HttpClient,
        limits: FetchLimits,
        key: str,
        symbol: str,
        timeframe: str,
        start: datetime,
        end: datetime,
        adjustment: str,
    ) -> Iterator[list[Any]]:
        span = timeframe.lstrip("0123456789")
        multiplier = timeframe.removesuffix(span)
        first, last = int(start.timestamp() * 1000), int(end.timestamp() * 1000) - 1
        path = (
            f"/v2/aggs/ticker/{quote(symbol, safe='')}"
            f"/range/{multiplier}/{_SPANS[span]}/{first}/{last}"
            f"?adjusted={str(adjustment == 'split').lower()}&sort=asc&limit={_PAGE}"
        )
        seen: set[str] = set()
        check = PageCheck("t")
        while path:
            if path in seen:
                raise Failure("the server sends the same page for ever")
            seen.add(path)
            limits.page()
            page = self._page(client, limits, key, path)
            rows = page.get("results") or []
            check.see({symbol: rows})
            yield rows
            path = _next_path(page.get("next_url"))

    def _page(self, client: HttpClient, limits: FetchLimits, key: str, path: str) -> dict[str, Any]:
        address = (self.options.base_url or _BASE_URL).rstrip("/") + path

        def ask() -> dict[str, Any]:
            answer = client.get(address, {"Authorization": f"Bearer {key}"})
            check_status(answer.status, answer.headers.get("retry-after"), answer.text, [key])
            return _document(answer, key)

        rate = self.options.requests_per_minute or self.capabilities.requests_per_minute
        return with_retries(ask, self.options, limiter_of(self.name, rate), limits)


def _table(symbol: str, timeframe: str, frames: list[pl.DataFrame], adjustment: str) -> RawTable:
    layout = Layout(date_format="epoch_ms", timezone="UTC", stamp="open")
    filled = [frame for frame in frames if frame.height]
    try:
        frame = pl.concat(filled, how="diagonal_relaxed") if filled else json_frame([], _COLUMNS)
    except pl.exceptions.PolarsError:
        raise Failure("found rows that make no table, allowed a list of bars") from None
    return RawTable(symbol, timeframe, frame, PolygonProvider.name, adjustment, layout)


def _next_path(link: object) -> str:
    """Path of the next page; the host of the link is ignored, and a key in it removed."""
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


def _document(answer: Answer, key: str) -> dict[str, Any]:
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError):
        kind = "an HTML page" if b"<html" in answer.body[:2000].lower() else "broken JSON"
        raise Transient(f"status {answer.status} with {kind}", answer.status) from None
    if not isinstance(document, dict) or not isinstance(document.get("results", []), list | None):
        raise Failure("found an answer without results, allowed Polygon's aggregates")
    if document.get("status") not in ("OK", "DELAYED", None):
        raise Failure(
            f"found status {quoted(document['status'], [key])}, allowed 'OK' or 'DELAYED'"
        )
    return document
