"""Bars of one symbol, as the engine sees them: plain arrays and a calendar."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.calendar import BarCalendar
from engine.clock import session_bars, years_of
from engine.errors import Refusal

if TYPE_CHECKING:
    import polars as pl

__all__ = ["BAR_FIELDS", "SUB_BAR_FIELDS", "Bars", "split_fields", "sub_bar_fields"]

BAR_FIELDS = ("open", "high", "low", "close", "volume")
#: What a price block says of each sub-bar of its bars.
SUB_BAR_FIELDS = ("open", "high", "low")


def sub_bar_fields(count: int) -> tuple[str, ...]:
    """Names of the fields that hold `count` sub-bars: ``open.0 high.0 low.0 open.1 ...``."""
    return tuple(f"{name}.{number}" for number in range(count) for name in SUB_BAR_FIELDS)


def split_fields(fields: tuple[str, ...]) -> tuple[tuple[str, ...], int]:
    """Return the fields of whole bars, and how many sub-bars follow them; 1 means none."""
    whole = tuple(name for name in fields if "." not in name)
    return whole, max(1, (len(fields) - len(whole)) // len(SUB_BAR_FIELDS))


@dataclass(frozen=True, eq=False)
class Bars:
    """Historical bars of one symbol, oldest first.

    Parameters
    ----------
    symbol : str
        Name of the instrument.
    timestamps : ndarray of int64, shape (bars,)
        Opening instant of each bar, microseconds since 1970-01-01 UTC, strictly increasing.
    open, high, low, close, volume : ndarray of float64, shape (bars,)
        Prices in quote currency and traded volume.
    calendar : BarCalendar
        Exchange and timeframe: how timestamps become years.
    history_hashes : mapping of int to str, optional
        For bars read from a store: hash of the stored history through each year, by which it is
        found again.

    Raises
    ------
    ValueError
        If the arrays differ in length, timestamps are not strictly increasing, or a price is
        not finite.
    """

    symbol: str
    timestamps: NDArray[np.int64]
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.float64]
    calendar: BarCalendar = field(default_factory=BarCalendar)
    history_hashes: Mapping[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        count = len(self.timestamps)
        for name in BAR_FIELDS:
            column = getattr(self, name)
            if column.shape != (count,):
                raise Refusal(f"{self.symbol} {name}", f"shape {column.shape}", f"({count},)")
            bad = ~np.isfinite(column)
            if bad.any():
                row = int(bad.argmax())
                raise Refusal(
                    f"{self.symbol} {name}", f"{column[row]} at bar {row}", "finite values"
                )
        if count > 1 and not (np.diff(self.timestamps) > 0).all():
            row = int((np.diff(self.timestamps) <= 0).argmax()) + 1
            raise ValueError(
                f"{self.symbol} timestamps: bar {row} is not after bar {row - 1}, "
                "allowed strictly increasing"
            )

    def __len__(self) -> int:
        return len(self.timestamps)

    @classmethod
    def from_frame(
        cls,
        frame: pl.DataFrame,
        *,
        symbol: str | None = None,
        calendar: BarCalendar | None = None,
        history_hashes: Mapping[int, str] | None = None,
    ) -> Bars:
        """Make bars from a frame in the canonical columns (`docs/architecture.md`, "Bars").

        Parameters
        ----------
        frame : polars.DataFrame
            Columns ``timestamp`` (UTC, microseconds), ``open high low close volume`` and,
            unless `symbol` is given, ``symbol`` with a single value. A volume that is null (not
            given) becomes 0.
        symbol : str, optional
            Keep only this symbol's rows.
        calendar : BarCalendar, optional
            Defaults to daily bars of the New York Stock Exchange.
        history_hashes : mapping of int to str, optional
            Hash of the stored history through each year, where the frame comes from a store.

        Raises
        ------
        ValueError
            If the frame holds no row of the symbol, or several symbols and none was named.
        """
        if symbol is not None and "symbol" in frame.columns:
            frame = frame.filter(frame["symbol"] == symbol)
        elif symbol is None:
            found = frame["symbol"].unique().sort().to_list()
            if len(found) != 1:
                raise Refusal("symbol", f"{found} in the frame", "exactly one")
            symbol = str(found[0])
        if frame.is_empty():
            raise ValueError(f"symbol: found no bars of {symbol!r} in the frame")
        stamps = frame["timestamp"].dt.epoch("us").to_numpy().astype(np.int64)
        columns = {
            name: np.ascontiguousarray(frame[name].to_numpy(), dtype=np.float64)
            for name in BAR_FIELDS[:-1]
        }
        volume = frame["volume"].fill_null(0.0).to_numpy()
        columns["volume"] = np.ascontiguousarray(volume, dtype=np.float64)
        return cls(
            symbol,
            stamps,
            calendar=calendar or BarCalendar(),
            history_hashes=history_hashes or {},
            **columns,
        )

    @cached_property
    def years(self) -> float:
        """Years from the open of the first bar to the end of the last (`engine.clock`)."""
        return years_of(self.timestamps, self.calendar)

    @property
    def bars_per_year(self) -> float:
        """Bars in a year as they exist: their number over `years`.

        Every annual figure of history follows from it. Of no bars it is the calendar's.
        """
        return len(self) / self.years if len(self) else self.calendar.bars_per_year

    @property
    def bars_per_session(self) -> float:
        """Bars in a session as they exist: the median; nominal for bars of a day or longer."""
        return session_bars(self.timestamps, self.calendar)

    @cached_property
    def data_hash(self) -> str:
        """SHA-256 of symbol, calendar, timestamps and values: what a fingerprint depends on."""
        digest = hashlib.sha256()
        digest.update(f"{self.symbol}|{self.calendar.exchange}|{self.calendar.timeframe}".encode())
        digest.update(np.ascontiguousarray(self.timestamps, dtype="<i8").tobytes())
        for name in BAR_FIELDS:
            digest.update(np.ascontiguousarray(getattr(self, name), dtype="<f8").tobytes())
        return digest.hexdigest()

    @property
    def history_hash(self) -> str:
        """Hash of the stored history through the year of the last bar.

        Bars from elsewhere have none: it is their `data_hash` then.
        """
        last = self.timestamps[-1:].astype("datetime64[us]").astype("datetime64[Y]").astype(int)
        through = [year for year in self.history_hashes if len(last) and year <= last[0] + 1970]
        return self.history_hashes[max(through)] if through else self.data_hash

    def up_to(self, timestamp: int) -> Bars:
        """Bars that opened at or before `timestamp` (microseconds since 1970-01-01 UTC)."""
        return self[: int(np.searchsorted(self.timestamps, timestamp, side="right"))]

    def __getitem__(self, window: slice) -> Bars:
        columns = {name: getattr(self, name)[window] for name in BAR_FIELDS}
        return Bars(
            self.symbol,
            self.timestamps[window],
            calendar=self.calendar,
            history_hashes=self.history_hashes,
            **columns,
        )
