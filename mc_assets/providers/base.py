"""The provider interface: symbols, a timeframe and a range in, raw tables out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel

from engine.tables.errors import MarketDataError
from engine.tables.raw_table import Layout, RawTable

if TYPE_CHECKING:
    pass

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
