"""alpaca-py's clients on top of `HttpClient`, which adds limits and retries."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from alpaca.data.enums import Adjustment, DataFeed
from alpaca.data.historical.crypto import CryptoHistoricalDataClient
from alpaca.data.historical.stock import StockHistoricalDataClient
from alpaca.data.requests import CryptoBarsRequest, StockBarsRequest
from alpaca.data.timeframe import TimeFrame, TimeFrameUnit

from mc_assets.providers.failures import Failure, Transient
from mc_assets.providers.http_client import HttpClient
from mc_assets.providers.network import check_status

__all__ = ["Send", "ask_bars", "one_page"]

_UNITS: Final = {
    "m": TimeFrameUnit.Minute,
    "h": TimeFrameUnit.Hour,
    "d": TimeFrameUnit.Day,
    "w": TimeFrameUnit.Week,
    "mo": TimeFrameUnit.Month,
}

#: Answers a request for an address with headers and parameters.
Send = Callable[[str, dict[str, str], dict[str, Any]], dict[str, Any]]


class _StockClient(StockHistoricalDataClient):
    """alpaca-py's stock client; its own requests have no timeout and ignore Retry-After.

    Only the single request is overridden, so pages received before a failure are kept.
    """

    send: Send

    def _one_request(self, method: str, url: str, opts: dict[str, Any], retry: int) -> Any:
        return self.send(url, opts["headers"], opts["params"])


class _CryptoClient(CryptoHistoricalDataClient):
    """alpaca-py's crypto client with the same override."""

    send: Send

    def _one_request(self, method: str, url: str, opts: dict[str, Any], retry: int) -> Any:
        return self.send(url, opts["headers"], opts["params"])


def ask_bars(
    symbols: list[str],
    timeframe: str,
    start: datetime,
    end: datetime,
    *,
    adjustment: str,
    feed: str | None,
    keys: tuple[str, str],
    base_url: str | None,
    send: Send,
) -> None:
    """Request all pages of bars; `send` performs each request.

    Raises
    ------
    Failure
        If a page fails, or the pages are no bars.
    """
    unit = timeframe.lstrip("0123456789")
    try:
        length = TimeFrame(int(timeframe.removesuffix(unit)), _UNITS[unit])
    except ValueError:
        raise Failure(f"found timeframe {timeframe}, allowed up to 59m, or whole hours") from None
    common: dict[str, Any] = {"timeframe": length, "start": start, "end": end}
    answer: object
    if "/" in symbols[0]:
        crypto = _CryptoClient(*keys, raw_data=True, url_override=base_url)
        crypto.send = send
        answer = crypto.get_crypto_bars(CryptoBarsRequest(symbol_or_symbols=symbols, **common))
    else:
        stock = _StockClient(*keys, raw_data=True, url_override=base_url)
        stock.send = send
        answer = stock.get_stock_bars(
            StockBarsRequest(
                symbol_or_symbols=symbols,
                adjustment=Adjustment(adjustment),
                feed=None if feed is None else DataFeed(feed),
                **common,
            )
        )
    if not isinstance(answer, dict):
        raise Failure("found an answer without bars, allowed Alpaca's bars by symbol")


def one_page(
    client: HttpClient,
    url: str,
    headers: dict[str, str],
    params: dict[str, Any],
    keys: tuple[str, str],
) -> dict[str, Any]:
    """Request one page: rows by symbol and the token of the next page.

    Raises
    ------
    Failure
        If the server refuses, or sends something else.
    """
    answer = client.get(url, headers, params)
    check_status(answer.status, answer.headers.get("retry-after"), answer.text, keys)
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError):
        kind = "an HTML page" if "<html" in answer.text[:2000].lower() else "broken JSON"
        raise Transient(f"status {answer.status} with {kind}", answer.status) from None
    bars = document.get("bars", ()) if isinstance(document, dict) else ()
    # Alpaca sends null for a range without trading, which alpaca-py cannot read.
    bars = {} if bars is None else bars
    if not isinstance(bars, dict):
        raise Failure("found an answer without bars, allowed Alpaca's bars by symbol")
    # alpaca-py concatenates rows of pages. A value that is not a list becomes a single row, which
    # is refused later.
    joined = {
        symbol: rows if isinstance(rows, list) else [rows]
        for symbol, rows in bars.items()
        if rows is not None
    }
    return {**document, "bars": joined}
