"""The provider interface: symbols, a timeframe and a range in, raw tables out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from pydantic import BaseModel

from engine.tables.errors import MarketDataError
from engine.tables.raw_table import Layout, RawTable
from engine.tables.sessions import sessions_of
from engine.timeframes import intraday_minutes

__all__ = ["Capabilities", "FetchError", "FetchResult", "Layout", "Provider", "RawTable"]


@dataclass(frozen=True)
class Capabilities:
    """What a provider can do, and how fast it may be asked.

    Parameters
    ----------
    timeframes : tuple of str
        Timeframes it serves; ``Nm`` and ``Nh`` stand for every whole number of minutes and hours.
    adjustments : tuple of str
        Adjustments it can apply.
    network : bool
        Whether it needs one.
    requests_per_minute : float, optional
        Default of its rate limiter; None means unlimited.
    symbols_per_request : int
        How many symbols one request may name.
    keys : tuple of tuple of str
        For each key that it needs, the environment variables that it may come from.
    """

    timeframes: tuple[str, ...]
    adjustments: tuple[str, ...] = ("raw",)
    network: bool = False
    requests_per_minute: float | None = None
    symbols_per_request: int = 1
    keys: tuple[tuple[str, ...], ...] = ()

    def serves(self, timeframe: str) -> bool:
        """Whether the provider has bars of a timeframe."""
        return timeframe in self.timeframes or f"N{timeframe.lstrip('0123456789')}" in (
            self.timeframes
        )


class FetchError(MarketDataError):
    """A symbol that could not be fetched, never with a key in the text.

    Parameters
    ----------
    field : str
        Provider, symbol and range.
    found : str
        What went wrong, such as the status of the answer.

    Examples
    --------
    >>> print(FetchError("ledger GOLD", "not in the book"))
    ledger GOLD: not in the book
    """


@dataclass(frozen=True)
class FetchResult:
    """Tables of the symbols that were fetched, errors of those that failed.

    Parameters
    ----------
    tables : dict
        Symbol to everything of the range.
    failures : dict
        Symbol to why it did not come, or not to its end.
    partial : dict
        Symbol among the failures to what came whole before it failed, oldest first: every row
        of the range up to the last of these. It is kept, and not asked for again.
    """

    tables: dict[str, RawTable] = field(default_factory=dict)
    failures: dict[str, FetchError] = field(default_factory=dict)
    partial: dict[str, RawTable] = field(default_factory=dict)


class Provider(ABC):
    """Base of all providers; register a subclass with `register_provider`.

    Parameters
    ----------
    options : BaseModel
        An instance of the class's `Options`.
    folder : Path
        Folder that relative paths in the options start from.
    """

    name: ClassVar[str]
    capabilities: ClassVar[Capabilities]
    Options: ClassVar[type[BaseModel]]

    def __init__(self, options: Any, folder: Path) -> None:
        self.options = options
        self.folder = folder

    @abstractmethod
    def fetch(
        self,
        symbols: Sequence[str],
        timeframe: str,
        start: datetime,
        end: datetime,
        *,
        adjustment: str = "raw",
    ) -> FetchResult:
        """Fetch bars that open in ``[start, end)``.

        Parameters
        ----------
        symbols : sequence of str
            Names as the provider spells them.
        timeframe : str
            One of `Capabilities.timeframes`.
        start, end : datetime
            UTC, half open.
        adjustment : str
            One of `Capabilities.adjustments`.

        Returns
        -------
        FetchResult
            Rows of the range, possibly with more around it: one raw table per symbol that
            came (possibly empty), one error per symbol that did not. One symbol's failure
            never loses another's rows.
        """

    def latest_bar(
        self,
        symbol: str,
        timeframe: str,
        *,
        exchange: str = "XNYS",
        adjustment: str = "raw",
        now: datetime | None = None,
    ) -> dict[str, Any] | None:
        """Fetch the newest bar that has closed.

        Parameters
        ----------
        symbol : str
            Name as the provider spells it.
        timeframe : str
            One of `Capabilities.timeframes`.
        exchange : str
            Name in `exchange_calendars`; says when a bar has closed.
        adjustment : str
            One of `Capabilities.adjustments`.
        now : datetime, optional
            Look no later than that, UTC; by default the present.

        Returns
        -------
        dict or None
            Columns of a stored bar; None where none has closed within its last ten lengths and
            fourteen days.

        Raises
        ------
        FetchError
            If the symbol cannot be fetched.
        """
        from mc_assets.market_data.ends import bar_ends
        from mc_assets.market_data.normalise import normalise

        now = now or datetime.now(UTC)
        minutes = intraday_minutes(timeframe) or {"1w": 10_080, "1mo": 44_640}.get(timeframe, 1_440)
        start = now - timedelta(days=14) - 10 * timedelta(minutes=minutes)
        found = self.fetch([symbol], timeframe, start, now, adjustment=adjustment)
        if symbol in found.failures:
            raise found.failures[symbol]
        bars = normalise(found.tables[symbol], exchange=exchange, now=now).bars
        stamps = bars["timestamp"].dt.epoch("us")
        ends = bar_ends(stamps, timeframe, sessions_of(exchange))
        closed = bars.filter(ends <= int(now.timestamp() * 1e6)).sort("timestamp")
        return None if closed.is_empty() else closed.row(-1, named=True)

    def is_market_open(self, exchange: str = "XNYS", at: datetime | None = None) -> bool:
        """Whether the market of an exchange trades, by its calendar.

        Holidays, half days and lunch breaks count; a halt of one symbol does not.

        Parameters
        ----------
        exchange : str
            Name in `exchange_calendars`; ``24/7`` always trades.
        at : datetime, optional
            When, UTC; by default now.
        """
        sessions = sessions_of(exchange)
        instant = int((at or datetime.now(UTC)).timestamp() * 1e6)
        place = int(np.searchsorted(sessions.opens, instant, side="right")) - 1
        if sessions.around_the_clock or place < 0:
            return sessions.around_the_clock
        rests = sessions.break_starts[place] <= instant < sessions.break_ends[place]
        return bool(instant < sessions.closes[place]) and not bool(rests)
