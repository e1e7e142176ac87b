"""Yahoo Finance through yfinance: daily and, for recent days, intraday bars."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

import polars as pl
import yfinance as yf
from curl_cffi import requests as curl
from pydantic import BaseModel
from yfinance.data import YfData

from mc_assets.providers.base import Capabilities, FetchResult, Layout, Provider, RawTable
from mc_assets.providers.network import (
    Failure,
    NetworkOptions,
    Transient,
    check_status,
    fetch_error,
    limiter_of,
    with_retries,
)

__all__ = ["YahooProvider"]

_INTERVALS: Final = {
    "1m": "1m",
    "5m": "5m",
    "15m": "15m",
    "30m": "30m",
    "1h": "1h",
    "1d": "1d",
    "1w": "1wk",
}
# Days back from today that Yahoo serves, and days that one request may span.
_HISTORY: Final = {"1m": 29, "5m": 59, "15m": 59, "30m": 59, "1h": 729}
_SPAN: Final = {"1m": 7}
_CHART: Final = "/v8/finance/chart/"


class YahooProvider(Provider):
    """Bars of Yahoo's chart service; prices come adjusted for splits."""

    name: ClassVar[str] = "yahoo"
    capabilities: ClassVar[Capabilities] = Capabilities(
        timeframes=tuple(_INTERVALS),
        adjustments=("split", "all"),
        network=True,
        requests_per_minute=60.0,
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
        """Fetch symbol by symbol; of intraday bars only the days that Yahoo still serves."""
        # yfinance writes to a logger what is raised here in one sentence.
        logging.getLogger("yfinance").setLevel(logging.CRITICAL)
        # It also remembers answers about the past, which would hide restated bars.
        YfData.cache_get.cache_clear()
        result = FetchResult()
        for symbol in symbols:
            session = _Session(self.options, self.capabilities.requests_per_minute)
            frames: list[pl.DataFrame] = []
            try:
                for part in self._parts(session, symbol, timeframe, start, end, adjustment):
                    frames.append(part)
                came = result.tables
            except Failure as error:
                result.failures[symbol] = fetch_error(
                    self.name, symbol, timeframe, start, end, error.reason
                )
                came = result.partial
            finally:
                session.close()
            filled = [frame for frame in frames if frame.height]
            table = pl.concat(filled, how="diagonal_relaxed") if filled else pl.DataFrame()
            layout = Layout(stamp="open")
            came[symbol] = RawTable(symbol, timeframe, table, self.name, adjustment, layout)
        return result

    def _parts(
        self,
        session: _Session,
        symbol: str,
        timeframe: str,
        start: datetime,
        end: datetime,
        adjustment: str,
    ) -> Iterator[pl.DataFrame]:
        if timeframe in _HISTORY:
            start = max(start, datetime.now(UTC) - timedelta(days=_HISTORY[timeframe]))
        while start < end:
            stop = min(end, start + timedelta(days=_SPAN.get(timeframe, 36_500)))
            yield self._part(session, symbol, timeframe, start, stop, adjustment)
            start = stop

    def _part(
        self,
        session: _Session,
        symbol: str,
        timeframe: str,
        start: datetime,
        end: datetime,
        adjustment: str,
    ) -> pl.DataFrame:
        session.failure = None
        try:
            history = yf.Ticker(symbol, session=session).history(
                start=start,
                end=end,
                interval=_INTERVALS[timeframe],
                auto_adjust=adjustment == "all",
                actions=True,
                keepna=True,
                timeout=self.options.timeout,
            )
        except Failure:
            raise
        except (
            yf.exceptions.YFException,
            ValueError,
            KeyError,
            TypeError,
            OSError,
            OverflowError,
        ) as error:
            raise session.failure or Failure(
                f"yfinance cannot read the answer ({type(error).__name__})"
            ) from None
        if session.failure is not None and history.empty:
            raise session.failure
        if history.empty:
            return pl.DataFrame()
        frame: pl.DataFrame = pl.from_pandas(history.reset_index())
        return frame.with_columns(pl.col(pl.Datetime).dt.cast_time_unit("us"))


class _Session(curl.Session[curl.Response]):
    """curl_cffi's session with our address, retries and memory of what went wrong.

    yfinance has no setting for its address and turns most failures into an empty frame; a
    session is what it lets a caller give, so both are settled here.
    """

    def __init__(self, options: NetworkOptions, per_minute: float | None) -> None:
        super().__init__(impersonate="chrome")
        self.failure: Failure | None = None
        self._options = options
        self._limiter = limiter_of("yahoo", options.requests_per_minute or per_minute)

    def request(  # type: ignore[override]
        self, method: Any, url: str, **kwargs: Any
    ) -> curl.Response:
        address = self._rerouted(url)
        kwargs["timeout"] = self._options.timeout
        if _CHART not in url:
            # Cookies and crumbs: bars come without them, so they are never worth a retry.
            return super().request(method, address, **kwargs)

        def ask() -> curl.Response:
            return self._chart(method, address, kwargs)

        try:
            return with_retries(ask, self._options, self._limiter)
        except Failure as error:
            self.failure = error
            raise

    def _chart(self, method: Any, address: str, kwargs: dict[str, Any]) -> curl.Response:
        try:
            answer = super().request(method, address, **kwargs)
        except curl.exceptions.Timeout:
            raise Transient(f"no answer within {self._options.timeout:g} s") from None
        except curl.exceptions.RequestException as error:
            raise Transient(f"connection failed ({type(error).__name__})") from None
        text = answer.text
        check_status(answer.status_code, answer.headers.get("Retry-After"), text, ())
        try:
            chart = dict(json.loads(text)["chart"])
        except (ValueError, KeyError, TypeError, RecursionError):
            kind = "an HTML page" if "<html" in text[:2000].lower() else "broken JSON"
            raise Transient(f"status {answer.status_code} with {kind}") from None
        if chart.get("error"):
            said = str(chart["error"].get("description") or chart["error"].get("code"))
            raise Failure(f"status {answer.status_code}, {said[:200]!r}", answer.status_code)
        return answer

    def _rerouted(self, url: str) -> str:
        if self._options.base_url is None:
            return url
        parts = urlsplit(url)
        query = f"?{parts.query}" if parts.query else ""
        return f"{self._options.base_url.rstrip('/')}{parts.path}{query}"
