"""yfinance with a custom session that adds the configured address, limits and retries."""

from __future__ import annotations

import json
import logging
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

import polars as pl
import yfinance as yf
from curl_cffi import CurlFollow
from curl_cffi import requests as curl
from yfinance.data import YfData

from mc_assets.providers.failures import Failure, LimitReached, Transient
from mc_assets.providers.http_client import too_large
from mc_assets.providers.network import (
    FetchLimits,
    NetworkOptions,
    check_status,
    quoted,
    with_retries,
)
from mc_assets.providers.rate_limiter import RateLimiter

__all__ = ["YahooSession", "history"]

_CHART: Final = "/v8/finance/chart/"
_MEGABYTE: Final = 1_000_000
# What a write callback returns to end a transfer.
_STOP: Final = 0xFFFFFFFF


class YahooSession(curl.Session[curl.Response]):
    """Session of curl_cffi with the configured address, limits, retries and the last failure.

    yfinance has no setting for its address and returns an empty frame for most failures. It does
    accept a session, so both are handled here.

    Parameters
    ----------
    options : NetworkOptions
        Options of the provider; ``timeout`` limits the total duration of a request here.
    limiter : RateLimiter
        Asked before each request for bars.
    limits : FetchLimits
        Limits of the fetch.
    """

    def __init__(self, options: NetworkOptions, limiter: RateLimiter, limits: FetchLimits) -> None:
        super().__init__(impersonate="chrome")
        self.failure: Failure | None = None
        self.answered = False
        self._options = options
        self._limiter = limiter
        self._limits = limits

    def request(  # type: ignore[override]
        self, method: Any, url: str, **kwargs: Any
    ) -> curl.Response:
        """Send a request to the configured address."""
        address = self._rerouted(url)
        kwargs["timeout"] = min(self._options.timeout, self._options.deadline)
        try:
            if _CHART not in url:
                # Cookies and crumbs are optional for bars, so these requests are not retried.
                return self._bounded(method, address, kwargs)
            self._limits.page()
            answer = with_retries(
                lambda: self._chart(method, address, kwargs),
                self._options,
                self._limiter,
                self._limits,
            )
        except Failure as error:
            self.failure = error
            raise
        self.answered = True
        return answer

    def _chart(self, method: Any, address: str, kwargs: dict[str, Any]) -> curl.Response:
        try:
            answer = self._bounded(method, address, kwargs)
        except curl.exceptions.Timeout:
            raise Transient(f"no answer within {self._options.timeout:g} s") from None
        except curl.exceptions.RequestException as error:
            raise Transient(f"connection failed ({type(error).__name__})") from None
        self._limits.received(len(answer.content))
        text = answer.text
        check_status(answer.status_code, answer.headers.get("Retry-After"), text, ())
        try:
            chart = dict(json.loads(text)["chart"])
        except (ValueError, KeyError, TypeError, RecursionError):
            kind = "an HTML page" if "<html" in text[:2000].lower() else "broken JSON"
            raise Transient(
                f"status {answer.status_code} with {kind}", answer.status_code
            ) from None
        if chart.get("error"):
            told = chart["error"] if isinstance(chart["error"], dict) else {}
            said = quoted(told.get("description") or told.get("code") or "an error", ())
            raise Failure(f"status {answer.status_code}, {said}", answer.status_code)
        return answer

    def _bounded(self, method: Any, address: str, kwargs: dict[str, Any]) -> curl.Response:
        """Read an answer up to the size limit of the options."""
        body = bytearray()
        limit = self._options.megabytes * _MEGABYTE

        def keep(piece: bytes) -> int:
            body.extend(piece)
            return len(piece) if len(body) <= limit else _STOP

        kwargs = {**kwargs, "content_callback": keep, "allow_redirects": CurlFollow.SAFE}
        try:
            answer = super().request(method, address, **kwargs)
        except curl.exceptions.RequestException:
            if len(body) > limit:
                raise too_large(self._options) from None
            raise
        answer.content = bytes(body)
        return answer

    def _rerouted(self, url: str) -> str:
        if self._options.base_url is None:
            return url
        parts = urlsplit(url)
        query = f"?{parts.query}" if parts.query else ""
        return f"{self._options.base_url.rstrip('/')}{parts.path}{query}"


def history(
    session: YahooSession,
    symbol: str,
    interval: str,
    start: datetime,
    end: datetime,
    *,
    adjusted: bool,
    timeout: float,
) -> pl.DataFrame:
    """Request the bars of a symbol.

    Raises
    ------
    Failure
        If they do not come, or are no bars.
    """
    # yfinance also logs the failures that are raised here.
    logging.getLogger("yfinance").setLevel(logging.CRITICAL)
    # Its cache of past answers would hide restated bars.
    YfData.cache_get.cache_clear()
    session.failure, session.answered = None, False
    try:
        found = yf.Ticker(symbol, session=session).history(
            start=start,
            end=end,
            interval=interval,
            auto_adjust=adjusted,
            actions=True,
            keepna=True,
            timeout=timeout,
        )
    except Failure:
        raise
    except (
        yf.exceptions.YFException,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        IndexError,
        OSError,
        OverflowError,
    ) as error:
        raise session.failure or Failure(
            f"yfinance cannot read the answer ({type(error).__name__})"
        ) from None
    if session.failure is not None and (found.empty or isinstance(session.failure, LimitReached)):
        raise session.failure
    if found.empty and not session.answered:
        # Without this check, a failure would look like a range without trading.
        raise Failure("yfinance received no answer about bars")
    if found.empty:
        return pl.DataFrame()
    frame: pl.DataFrame = pl.from_pandas(found.reset_index())
    return frame.with_columns(pl.col(pl.Datetime).dt.cast_time_unit("us"))
