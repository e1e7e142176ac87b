"""Yahoo Finance through yfinance: daily and, for recent days, intraday bars."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, ClassVar, Final

import polars as pl
from pydantic import BaseModel

from mc_assets.providers.base import Capabilities, FetchResult, Layout, Provider, RawTable
from mc_assets.providers.failures import Failure
from mc_assets.providers.network import FetchLimits, NetworkOptions, fetch_error
from mc_assets.providers.rate_limiter import limiter_of

if TYPE_CHECKING:
    from mc_assets.providers.yahoo_client import YahooSession

__all__ = ["YahooProvider"]

_INTERVALS: Final = {
    "1m": "1m",
    "2m": "2m",
    "5m": "5m",
    "15m": "15m",
    "30m": "30m",
    "1h": "1h",
    "90m": "90m",
    "1d": "1d",
    "1w": "1wk",
    "1mo": "1mo",
}
# Days of history that Yahoo serves, and the largest span of one request in days.
_HISTORY: Final = {
    **{"1m": 29, "2m": 59, "5m": 59, "15m": 59, "30m": 59, "90m": 59},
    "1h": 729,
}
_SPAN: Final = {"1m": 7}


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
        """Fetch symbol by symbol; intraday bars only as far back as Yahoo serves them."""
        # Imported here because yfinance takes seconds to import and most runs do not need it.
        from mc_assets.providers.yahoo_client import YahooSession

        result = FetchResult()
        limits = FetchLimits(self.options)
        rate = self.options.requests_per_minute or self.capabilities.requests_per_minute
        for symbol in symbols:
            limits.begin(1)
            session = YahooSession(self.options, limiter_of(self.name, rate), limits)
            frames: list[pl.DataFrame] = []
            try:
                # yfinance requests cookies before bars, which this check avoids.
                limits.check()
                for part in self._parts(session, symbol, timeframe, start, end, adjustment):
                    frames.append(part)
                came = result.tables
                limits.succeeded()
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
        session: YahooSession,
        symbol: str,
        timeframe: str,
        start: datetime,
        end: datetime,
        adjustment: str,
    ) -> Iterator[pl.DataFrame]:
        from mc_assets.providers.yahoo_client import history

        if timeframe in _HISTORY:
            start = max(start, datetime.now(UTC) - timedelta(days=_HISTORY[timeframe]))
        while start < end:
            stop = min(end, start + timedelta(days=_SPAN.get(timeframe, 36_500)))
            yield history(
                session,
                symbol,
                _INTERVALS[timeframe],
                start,
                stop,
                adjusted=adjustment == "all",
                timeout=self.options.timeout,
            )
            start = stop
