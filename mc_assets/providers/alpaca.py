"""Alpaca: stock and crypto bars through alpaca-py."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, NamedTuple

import polars as pl
from pydantic import BaseModel, Field

from mc_assets.providers.base import Capabilities, FetchResult, Layout, Provider, RawTable
from mc_assets.providers.failures import Failure
from mc_assets.providers.json_rows import json_frame
from mc_assets.providers.network import (
    FetchLimits,
    NetworkOptions,
    check_address,
    environment_key,
    fetch_error,
    with_retries,
)
from mc_assets.providers.paging import PageCheck
from mc_assets.providers.rate_limiter import limiter_of

if TYPE_CHECKING:
    from mc_assets.providers.http_client import HttpClient

__all__ = ["AlpacaOptions", "AlpacaProvider", "bar_tables"]

_HOSTS: Final = ("data.alpaca.markets", "data.sandbox.alpaca.markets")
_KEY: Final = ("APCA_API_KEY_ID", "ALPACA_API_KEY")
_SECRET: Final = ("APCA_API_SECRET_KEY", "ALPACA_SECRET_KEY")
# Columns of Alpaca's bars: numbers as floats, as alpaca-py's own frames have them.
_NUMBERS: Final = dict.fromkeys(("o", "h", "l", "c", "v", "n", "vw"), pl.Float64)


class AlpacaOptions(NetworkOptions):
    """Options of the Alpaca provider.

    Parameters
    ----------
    feed : str, optional
        Stock feed: ``iex``, ``sip``, ``delayed_sip``, ``otc``, ``boats`` or ``overnight``; the
        account's default if left out.
    delay : float
        Minutes before now at which a request ends: plans without recent data refuse more.
    """

    feed: Literal["iex", "sip", "delayed_sip", "otc", "boats", "overnight"] | None = None
    delay: float = Field(default=16.0, ge=0, le=100_000)


class AlpacaProvider(Provider):
    """Stocks, and crypto for symbols with a slash (``BTC/USD``)."""

    name: ClassVar[str] = "alpaca"
    capabilities: ClassVar[Capabilities] = Capabilities(
        timeframes=("Nm", "Nh", "1d", "1w", "1mo"),
        adjustments=("raw", "split", "dividend", "all"),
        network=True,
        requests_per_minute=200.0,
        symbols_per_request=100,
        keys=(_KEY, _SECRET),
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
        """Fetch many symbols in one request; if the server refuses it, fetch them one by one.

        If a page fails permanently, the symbols before and after it are still fetched.
        """
        # Imported here because the clients take a second to import and most runs need none.
        from mc_assets.providers.http_client import HttpClient

        check_address(self.name, self.options.base_url, _HOSTS)
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
        limits = FetchLimits(self.options)
        with HttpClient(self.options, limits) as client:
            asking = _Asking(client, limits, keys)
            for kind in (stocks, crypto):
                for first in range(0, len(kind), size):
                    batch = kind[first : first + size]
                    self._fetch_batch(batch, timeframe, start, end, adjustment, asking, result)
        return result

    def _fetch_batch(
        self,
        batch: list[str],
        timeframe: str,
        start: datetime,
        end: datetime,
        adjustment: str,
        asking: _Asking,
        result: FetchResult,
    ) -> None:
        received: dict[str, list[Any]] = defaultdict(list)
        try:
            self._ask(batch, timeframe, start, end, adjustment, asking, received)
            asking.limits.succeeded()
            whole, left = sorted(batch), list[str]()
        except Failure as error:
            # A single unknown symbol makes the server refuse the whole request.
            if error.status in (400, 404, 422) and len(batch) > 1:
                for symbol in batch:
                    self._fetch_batch([symbol], timeframe, start, end, adjustment, asking, result)
                return
            hint = f", check {_KEY[0]} and {_SECRET[0]}" if error.status in (401, 403) else ""
            whole, left = _told_apart(batch, [name for name in received if name in batch])
            # The failed page belongs to the first incomplete symbol. The symbols after it are
            # requested separately, as long as the server answers at all.
            broken = left[:1] if received else left
            for symbol in broken:
                result.failures[symbol] = fetch_error(
                    self.name, symbol, timeframe, start, end, error.reason + hint
                )
                # Alpaca sends the oldest bars of a symbol first: what was received has no holes.
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
            self._fetch_batch(left, timeframe, start, end, adjustment, asking, result)

    def _ask(
        self,
        batch: list[str],
        timeframe: str,
        start: datetime,
        end: datetime,
        adjustment: str,
        asking: _Asking,
        received: dict[str, list[Any]],
    ) -> None:
        """Request all pages; `received` collects rows also if a later page fails."""
        from mc_assets.providers.alpaca_client import ask_bars, one_page

        rate = self.options.requests_per_minute or self.capabilities.requests_per_minute
        limiter = limiter_of(self.name, rate)
        asking.limits.begin(len(batch))
        pages: set[str | None] = set()
        check = PageCheck("t")

        def send(url: str, headers: dict[str, str], params: dict[str, Any]) -> dict[str, Any]:
            token = params.get("page_token")
            if token in pages:
                raise Failure("the server sends the same page for ever")
            pages.add(token)
            asking.limits.page()

            def ask() -> dict[str, Any]:
                return one_page(asking.client, url, headers, params, asking.keys)

            page = with_retries(ask, self.options, limiter, asking.limits)
            check.see(page["bars"])
            for symbol, rows in page["bars"].items():
                received[symbol].extend(rows)
            return page

        ask_bars(
            batch,
            timeframe,
            start,
            end,
            adjustment=adjustment,
            feed=self.options.feed,
            keys=asking.keys,
            base_url=self.options.base_url,
            send=send,
        )


class _Asking(NamedTuple):
    """Objects shared by the requests of one fetch."""

    client: HttpClient
    limits: FetchLimits
    keys: tuple[str, str]


def _told_apart(batch: list[str], came: list[str]) -> tuple[list[str], list[str]]:
    """Split a batch into the symbols that are complete and the rest, both sorted.

    Alpaca sends one symbol after another in sorted order. If the order differs, no symbol is
    known to be complete.
    """
    ordered = sorted(batch)
    whole = ordered.index(came[-1]) if came and came == sorted(came) else 0
    return ordered[:whole], ordered[whole:]


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
