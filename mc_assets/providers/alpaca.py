"""Alpaca: stock and crypto bars through alpaca-py."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final

import polars as pl
import requests
from alpaca.data.enums import Adjustment, DataFeed
from alpaca.data.historical.crypto import CryptoHistoricalDataClient
from alpaca.data.historical.stock import StockHistoricalDataClient
from alpaca.data.requests import CryptoBarsRequest, StockBarsRequest
from alpaca.data.timeframe import TimeFrame, TimeFrameUnit
from pydantic import BaseModel, Field

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

__all__ = ["AlpacaOptions", "AlpacaProvider", "bar_tables"]

_TIMEFRAMES: Final = {
    "1m": TimeFrame(1, TimeFrameUnit.Minute),
    "5m": TimeFrame(5, TimeFrameUnit.Minute),
    "15m": TimeFrame(15, TimeFrameUnit.Minute),
    "30m": TimeFrame(30, TimeFrameUnit.Minute),
    "1h": TimeFrame(1, TimeFrameUnit.Hour),
    "1d": TimeFrame(1, TimeFrameUnit.Day),
    "1w": TimeFrame(1, TimeFrameUnit.Week),
}
_KEY: Final = ("APCA_API_KEY_ID", "ALPACA_API_KEY")
_SECRET: Final = ("APCA_API_SECRET_KEY", "ALPACA_SECRET_KEY")
# Columns of Alpaca's bars: numbers as floats, as alpaca-py's own frames have them.
_NUMBERS: Final = dict.fromkeys(("o", "h", "l", "c", "v", "n", "vw"), pl.Float64)

Send = Callable[[requests.Session, str, str, dict[str, Any]], Any]


class AlpacaOptions(NetworkOptions):
    """Options of the Alpaca provider.

    Parameters
    ----------
    feed : str, optional
        Stock feed: ``iex``, ``sip``, ...; the account's default if left out.
    delay : float
        Minutes before now at which a request ends: plans without recent data refuse more.
    """

    feed: DataFeed | None = None
    delay: float = Field(default=16.0, ge=0)


class AlpacaProvider(Provider):
    """Stocks, and crypto for symbols with a slash (``BTC/USD``)."""

    name: ClassVar[str] = "alpaca"
    capabilities: ClassVar[Capabilities] = Capabilities(
        timeframes=tuple(_TIMEFRAMES),
        adjustments=("raw", "split", "dividend", "all"),
        network=True,
        requests_per_minute=200.0,
        symbols_per_request=100,
        environment=(*_KEY, *_SECRET),
    )
    Options: ClassVar[type[BaseModel]] = AlpacaOptions
    options: AlpacaOptions

    def fetch(
        self,
        symbols: Sequence[str],
        timeframe: str,
        start: datetime,
        end: datetime,
        *,
        adjustment: str = "raw",
    ) -> FetchResult:
        """Fetch many symbols in one request; when it is refused, one by one.

        Where a page fails for good, the symbols before and behind it are fetched all the same.
        """
        keys = (environment_key(self.name, _KEY), environment_key(self.name, _SECRET))
        end = min(end, datetime.now(UTC) - timedelta(minutes=self.options.delay))
        result = FetchResult()
        if end <= start:
            empty: dict[str, list[Any]] = {symbol: [] for symbol in symbols}
            result.tables.update(bar_tables({"bars": empty}, timeframe, adjustment))
            return result
        crypto = [symbol for symbol in symbols if "/" in symbol]
        stocks = [symbol for symbol in symbols if "/" not in symbol]
        size = self.capabilities.symbols_per_request
        for kind in (stocks, crypto):
            for first in range(0, len(kind), size):
                batch = kind[first : first + size]
                self._fetch_batch(batch, timeframe, start, end, adjustment, keys, result)
        return result

    def _fetch_batch(
        self,
        batch: list[str],
        timeframe: str,
        start: datetime,
        end: datetime,
        adjustment: str,
        keys: tuple[str, str],
        result: FetchResult,
    ) -> None:
        received: dict[str, list[Any]] = defaultdict(list)
        try:
            received.update(self._ask(batch, timeframe, start, end, adjustment, keys, received))
            whole, left = sorted(batch), list[str]()
        except Failure as error:
            # One symbol the server does not know refuses the whole request.
            if error.status in (400, 404, 422) and len(batch) > 1:
                for symbol in batch:
                    self._fetch_batch([symbol], timeframe, start, end, adjustment, keys, result)
                return
            hint = f", check {_KEY[0]} and {_SECRET[0]}" if error.status in (401, 403) else ""
            whole, left = _told_apart(batch, [name for name in received if name in batch])
            # A page that holds one symbol's bars says nothing of the symbols behind it: they
            # are asked for by themselves, as long as there are answers.
            broken = left[:1] if received else left
            for symbol in broken:
                result.failures[symbol] = fetch_error(
                    self.name, symbol, timeframe, start, end, error.reason + hint
                )
                # Of each symbol Alpaca sends the oldest bars first.
                with suppress(Failure):
                    rows = {symbol: received[symbol]}
                    result.partial.update(bar_tables({"bars": rows}, timeframe, adjustment))
            left = left[len(broken) :]
        for symbol in whole:
            rows = {symbol: received.get(symbol) or []}
            try:
                result.tables.update(bar_tables({"bars": rows}, timeframe, adjustment))
            except Failure as error:
                result.failures[symbol] = fetch_error(
                    self.name, symbol, timeframe, start, end, error.reason
                )
        if left:
            self._fetch_batch(left, timeframe, start, end, adjustment, keys, result)

    def _ask(
        self,
        batch: list[str],
        timeframe: str,
        start: datetime,
        end: datetime,
        adjustment: str,
        keys: tuple[str, str],
        received: dict[str, list[Any]],
    ) -> dict[str, list[dict[str, Any]]]:
        """Ask for all pages; `received` holds the rows of those that came, also on failure."""
        rate = self.options.requests_per_minute or self.capabilities.requests_per_minute
        limiter = limiter_of(self.name, rate)

        pages: set[str | None] = set()

        def send(session: requests.Session, method: str, url: str, opts: dict[str, Any]) -> Any:
            token = opts["params"].get("page_token")
            if token in pages:
                raise Failure("the server sends the same page for ever")
            pages.add(token)

            def ask() -> Any:
                return _one_answer(session, method, url, opts, self.options.timeout, keys)

            page = with_retries(ask, self.options, limiter)
            for symbol, rows in page["bars"].items():
                received[symbol].extend(rows)
            return page

        common: dict[str, Any] = {"timeframe": _TIMEFRAMES[timeframe], "start": start, "end": end}
        if "/" in batch[0]:
            crypto = _CryptoClient(*keys, raw_data=True, url_override=self.options.base_url)
            crypto.send = send
            answer = crypto.get_crypto_bars(CryptoBarsRequest(symbol_or_symbols=batch, **common))
        else:
            stock = _StockClient(*keys, raw_data=True, url_override=self.options.base_url)
            stock.send = send
            answer = stock.get_stock_bars(
                StockBarsRequest(
                    symbol_or_symbols=batch,
                    adjustment=Adjustment(adjustment),
                    feed=self.options.feed,
                    **common,
                )
            )
        if not isinstance(answer, dict):
            raise Failure("found an answer without bars, allowed Alpaca's bars by symbol")
        return answer


def _told_apart(batch: list[str], came: list[str]) -> tuple[list[str], list[str]]:
    """Symbols that came whole before a page failed, and those that did not, sorted.

    Alpaca sends symbol after symbol in order; where it did not, none is known to be whole.
    """
    ordered = sorted(batch)
    whole = ordered.index(came[-1]) if came and came == sorted(came) else 0
    return ordered[:whole], ordered[whole:]


class _StockClient(StockHistoricalDataClient):
    """alpaca-py's client with our retries: its own know neither Retry-After nor a timeout.

    Overriding the single request keeps the pages that came before one that fails.
    """

    send: Send

    def _one_request(self, method: str, url: str, opts: dict[str, Any], retry: int) -> Any:
        return self.send(self._session, method, url, opts)


class _CryptoClient(CryptoHistoricalDataClient):
    """The same for crypto."""

    send: Send

    def _one_request(self, method: str, url: str, opts: dict[str, Any], retry: int) -> Any:
        return self.send(self._session, method, url, opts)


def bar_tables(
    document: dict[str, Any], timeframe: str, adjustment: str = "raw"
) -> dict[str, RawTable]:
    """Make raw tables of Alpaca's JSON.

    Parameters
    ----------
    document : dict
        ``bars``: symbol to a list of bars with keys ``t o h l c v n vw``.
    timeframe : str
        Of the bars.
    adjustment : str
        Of the prices.

    Raises
    ------
    Failure
        If a symbol's rows are no bars.
    """
    layout = Layout(timezone="UTC", stamp="open", date_format="%Y-%m-%dT%H:%M:%SZ")
    tables = {}
    for symbol, rows in (document.get("bars") or {}).items():
        frame = json_frame(rows, _NUMBERS)
        tables[symbol] = RawTable(symbol, timeframe, frame, "alpaca", adjustment, layout)
    return tables


def _one_answer(
    session: requests.Session,
    method: str,
    url: str,
    opts: dict[str, Any],
    timeout: float,
    keys: tuple[str, str],
) -> Any:
    try:
        answer = session.request(method, url, timeout=timeout, **opts)
        text = answer.text
    except requests.Timeout:
        raise Transient(f"no answer within {timeout:g} s") from None
    except requests.RequestException as error:
        raise Transient(f"connection failed ({type(error).__name__})") from None
    check_status(answer.status_code, answer.headers.get("Retry-After"), text, keys)
    try:
        document = answer.json()
    except (ValueError, RecursionError):
        kind = "an HTML page" if "<html" in text[:2000].lower() else "broken JSON"
        raise Transient(f"status {answer.status_code} with {kind}") from None
    bars = document.get("bars", ()) if isinstance(document, dict) else ()
    # A range without trading comes as null, which alpaca-py cannot read.
    bars = {} if bars is None else bars
    if not isinstance(bars, dict):
        raise Failure("found an answer without bars, allowed Alpaca's bars by symbol")
    # alpaca-py joins pages row by row: what is no list of rows is kept as one row, and refused.
    joined = {
        symbol: rows if isinstance(rows, list) else [rows]
        for symbol, rows in bars.items()
        if rows is not None
    }
    return {**document, "bars": joined}
