"""Base of the providers that read files: find the files of a symbol, make one raw table."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import ClassVar, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, field_validator

from engine.errors import Refusal
from engine.tables.csv_text import NumberColumns
from engine.tables.text_bytes import MEGABYTES, PACKED
from mc_assets.providers.base import (
    Capabilities,
    FetchError,
    FetchResult,
    Layout,
    Provider,
    RawTable,
)
from mc_assets.providers.errors import MarketDataError, shown
from mc_assets.providers.paths import filled_path

__all__ = ["FileOptions", "FileProvider", "known_timezone"]


class FileOptions(BaseModel):
    """Options of a provider that reads files.

    Parameters
    ----------
    path : str
        A file or a folder; ``{symbol}`` and ``{timeframe}`` are filled in. A relative path
        starts at the folder of the series file. In a folder, the files whose name is the
        symbol, or starts with it and a ``_`` ``-`` or ``.``, belong to it.
    columns : dict
        Canonical name to the file's column, where the guess is wrong.
    timezone : str, optional
        Zone of stamps without one; the exchange's by default.
    stamp : {"open", "end"}, optional
        Which end of the bar is stamped.
    date_format : str, optional
        ``strptime`` format of the stamps.
    megabytes : float
        Largest decompressed size of a file.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    path: str = Field(min_length=1, max_length=4_096)
    columns: dict[str, str] = Field(default_factory=dict, max_length=100)
    timezone: str | None = None
    stamp: Literal["open", "end"] | None = None
    date_format: str | None = Field(default=None, max_length=200)
    megabytes: float = Field(default=MEGABYTES, gt=0, le=100_000)

    @field_validator("timezone")
    @classmethod
    def _timezone_is_known(cls, value: str | None) -> str | None:
        return known_timezone(value)


def known_timezone(value: str | None) -> str | None:
    """Return the name of a time zone, if it is one.

    Raises
    ------
    ValueError
        If the zone database does not have it.
    """
    if value is not None:
        try:
            ZoneInfo(value)
        except (ValueError, OSError, ZoneInfoNotFoundError):
            raise Refusal(
                "", shown(value), "an IANA name such as America/New_York or UTC"
            ) from None
    return value


class FileProvider(Provider):
    """Base of the file providers; a subclass implements reading one file."""

    capabilities: ClassVar[Capabilities] = Capabilities(
        timeframes=("Nm", "Nh", "1d", "1w", "1mo"), adjustments=("raw", "split", "dividend", "all")
    )
    #: File name extensions searched in a folder, without dot; a compression extension may follow.
    endings: ClassVar[tuple[str, ...]]
    options: FileOptions

    def fetch(
        self,
        symbols: Sequence[str],
        timeframe: str,
        start: datetime,
        end: datetime,
        *,
        adjustment: str = "raw",
    ) -> FetchResult:
        """Read the whole file of each symbol; the caller selects the range."""
        result = FetchResult()
        for symbol in symbols:
            try:
                result.tables[symbol] = self.table(symbol, timeframe, adjustment)
            except FetchError as error:
                result.failures[symbol] = error
        return result

    def table(
        self,
        symbol: str,
        timeframe: str,
        adjustment: str = "raw",
        numbers: NumberColumns | None = None,
    ) -> RawTable:
        """Read the files of one symbol.

        Parameters
        ----------
        symbol, timeframe : str
            What ``{symbol}`` and ``{timeframe}`` in the path stand for.
        adjustment : str
            What the prices are adjusted for, as the configuration says.
        numbers : callable, optional
            Which columns may lose their text where every cell of theirs is a plain number:
            faster, for a table that is not kept.

        Raises
        ------
        FetchError
            If there is no such file, or it cannot be read.
        """
        frames = []
        delimiter: str | None = None
        try:
            for path in self.files(symbol, timeframe):
                frame, delimiter = self._read(path, numbers)
                frames.append(frame)
        except MarketDataError as error:
            raise FetchError("", f"{self.name} {symbol}: {error}") from None
        except OSError as error:
            found = f"{error.filename} ({error.strerror})"
            raise FetchError(
                f"{self.name} {symbol}: path", found, "a file that can be read"
            ) from None
        # A column may be text in one file and numbers in another.
        frame = pl.concat(frames, how="diagonal_relaxed") if len(frames) > 1 else frames[0]
        layout = self._layout().model_copy(update={"delimiter": delimiter})
        return RawTable(symbol, timeframe, frame, self.name, adjustment, layout)

    @abstractmethod
    def _read(self, path: Path, numbers: NumberColumns | None) -> tuple[pl.DataFrame, str | None]:
        """Read one file: rows with ``_file`` and ``_line``, and the delimiter."""

    def _layout(self) -> Layout:
        """Layout settings given in the options."""
        return Layout(
            columns=self.options.columns,
            timezone=self.options.timezone,
            stamp=self.options.stamp,
            date_format=self.options.date_format,
        )

    def files(self, symbol: str, timeframe: str) -> list[Path]:
        """Return the files of a symbol, sorted by name.

        Raises
        ------
        MarketDataError
            If there is none.
        """
        path = filled_path(self.options.path, self.folder, symbol=symbol, timeframe=timeframe)
        if path.is_file():
            return [path]
        if path.is_dir():
            stems = tuple(f"{symbol.lower()}{mark}" for mark in "_-.")
            ends = tuple(f".{end}{packed}" for end in self.endings for packed in ("", *PACKED))
            found = sorted(
                file
                for file in path.iterdir()
                if file.name.lower().startswith(stems) and file.name.lower().endswith(ends)
            )
            if found:
                return found
            raise MarketDataError(
                str(path), f"no file of {symbol!r}", f"{symbol}.{self.endings[0]} in that folder"
            )
        raise MarketDataError("path", f"{path}, which is no file or folder", "one")
