"""Bars of one symbol, as the engine sees them: plain arrays and a calendar."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from engine.calendar import BarCalendar
from engine.clock import session_bars, years_of
from engine.errors import Refusal
from engine.frames import (
    as_instants,
    as_numbers,
    canonical_frame,
    check_known,
    instants_in,
    numbers_in,
    polars_frame,
)

__all__ = [
    "BAR_FIELDS",
    "DIVIDEND_YIELD",
    "SUB_BAR_FIELDS",
    "TRADED",
    "Bars",
    "split_fields",
    "sub_bar_fields",
]

BAR_FIELDS = ("open", "high", "low", "close", "volume")
#: What a price block says of each sub-bar of its bars.
SUB_BAR_FIELDS = ("open", "high", "low")
#: Columns that the order engine knows: what a unit is paid at the bar's open, a share of the close
#: before; and whether the symbol has a bar of its own, 0 where it repeats its last price.
DIVIDEND_YIELD = "dividend_yield"
TRADED = "traded"

# What a hook reads of a bar by name, and columns of stored bars.
_TAKEN = frozenset(
    (*BAR_FIELDS, "index", "time", "hour", "minute", "weekday", "symbol", "timestamp")
)


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
    columns : mapping of str to ndarray of float64, shape (bars,)
        Columns of the user's own, such as a feature or the signal of a model, known at the bar's
        close; NaN where undefined. Strategies and indicators read them by name beside the prices,
        and a bootstrap draws them with their bar. Two of them do something: ``dividend_yield`` is
        paid to whoever holds a unit at the bar's open, a share of the close before; where
        ``traded`` is 0 the symbol cannot be traded on that bar.
    own_exchange : str, optional
        Whose sessions are the symbol's, where `calendar` is that of several that are joined.

    Raises
    ------
    Refusal
        If a table stands in place of the arrays: `from_frame` reads it.
    ValueError
        If the arrays differ in length, timestamps are not strictly increasing, a price is not
        finite, or a column's name is taken.

    Examples
    --------
    >>> stamps = np.arange(3) * 86_400_000_000
    >>> flat = np.full(3, 100.0)
    >>> bars = Bars("X", stamps, flat, flat, flat, flat, flat, columns={"mood": np.arange(3.0)})
    >>> bars.fields
    ('open', 'high', 'low', 'close', 'volume', 'mood')
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
    columns: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    own_exchange: str | None = None

    def __new__(cls, *given: object, **named: object) -> Self:
        """Make the object; a table in place of the arrays is told where it is read."""
        first = given[0] if given else named.get("symbol", "")
        if not isinstance(first, str):
            raise Refusal(
                "Bars",
                f"a {type(first).__name__}",
                "a symbol and an array per column",
                hint="mc.Bars.from_frame(frame, symbol='NAME') reads a table",
            )
        return super().__new__(cls)

    def __post_init__(self) -> None:
        count = len(self.timestamps)
        for name, values in self.columns.items():
            _check_column(self.symbol, name, np.shape(values), count)
        numbers = {name: np.asarray(item, dtype=float) for name, item in self.columns.items()}
        object.__setattr__(self, "columns", numbers)
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

    def _repr_html_(self) -> str:
        from engine.plots.snippet import facts, sparkline

        shown: dict[str, object] = {
            "bars": len(self),
            "timeframe": self.calendar.timeframe,
            "exchange": self.calendar.exchange,
        }
        if len(self):
            days = self.timestamps[[0, -1]].astype("datetime64[us]").astype("datetime64[D]")
            shown |= {"first": str(days[0]), "last": str(days[1])}
            shown["columns of one's own"] = ", ".join(self.columns) or None
        return facts(f"Bars of {self.symbol}", shown, sparkline(self.close, label="closes"))

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of prices and volume, then of the user's own columns."""
        return BAR_FIELDS + tuple(self.columns)

    def field(self, name: str) -> NDArray[np.float64]:
        """Return the price, volume or column of a name.

        Parameters
        ----------
        name : str
            One of `fields`.

        Returns
        -------
        ndarray of float64, shape (bars,)

        Raises
        ------
        Refusal
            If there is none.
        """
        if name in BAR_FIELDS:
            found: NDArray[np.float64] = getattr(self, name)
            return found
        if name not in self.columns:
            raise Refusal(f"{self.symbol} field", repr(name), ", ".join(self.fields))
        return self.columns[name]

    def with_columns(
        self,
        columns: Mapping[str, NDArray[np.float64]],
        *,
        known_at: NDArray[np.int64] | None = None,
    ) -> Bars:
        """Return the same bars with columns of the user's own added.

        Parameters
        ----------
        columns : mapping of str to ndarray of float64, shape (bars,)
            By name, one value per bar, known at its close.
        known_at : ndarray of int64 or datetime64, shape (rows,), optional
            Instants at which values became known, ascending, UTC; numbers are microseconds. Then
            columns have a value per instant, and each bar gets the last known when it opened, NaN
            before the first: no value is seen before it existed.

        Returns
        -------
        Bars

        Raises
        ------
        Refusal
            If lengths differ, values or instants are none or out of order, or a name is taken.

        Examples
        --------
        >>> day = 86_400_000_000
        >>> flat = np.full(4, 100.0)
        >>> bars = Bars("X", np.arange(4) * day, flat, flat, flat, flat, flat)
        >>> earnings = np.array([1.5, 1.7]), np.array([1 * day, 2 * day + 1])
        >>> bars.with_columns({"eps": earnings[0]}, known_at=earnings[1]).columns["eps"].tolist()
        [nan, 1.5, 1.5, 1.7]
        """
        added = {name: as_numbers(self.symbol, name, item) for name, item in columns.items()}
        if known_at is not None:
            stamps = as_instants(known_at)
            if len(stamps) > 1 and (np.diff(stamps) < 0).any():
                raise Refusal("known_at", "instants out of order", "ascending ones")
            place = np.searchsorted(stamps, self.timestamps, side="right") - 1
            for name, values in added.items():
                _check_column(self.symbol, name, values.shape, len(stamps))
                known = np.append(values, np.nan)  # the last stands for nothing known
                added[name] = known[place]
        return replace(self, columns={**self.columns, **added})

    @classmethod
    def from_frame(
        cls,
        frame: object,
        *,
        symbol: str | None = None,
        calendar: BarCalendar | None = None,
        history_hashes: Mapping[int, str] | None = None,
        columns: Sequence[str] = (),
        known_at: str | None = None,
        layout: Mapping[str, Any] | None = None,
    ) -> Bars:
        """Make bars of a table: of pandas, Polars, Arrow, or of what gives Arrow its columns.

        Which column is which, the zone of the stamps, the end of the bar that they name, and how
        numbers are written is guessed as for CSV files. A table in the canonical columns
        (`docs/architecture.md`, "Bars") is taken as it is.

        Parameters
        ----------
        frame : DataFrame, Series or table
            A row per bar, with stamps (of pandas, the index may be them) and prices: open, high,
            low and close, or one price, which may be a Series of pandas by itself. A volume that is
            not given becomes 0, and a row without any price is left out.
        symbol : str, optional
            Keep only this symbol's rows; by default the one that the table names.
        calendar : BarCalendar, optional
            By default the New York Stock Exchange's, with bars as far apart as most rows are.
        history_hashes : mapping of int to str, optional
            Hash of the stored history through each year, where the frame comes from a store.
        columns : sequence of str
            Other columns to keep, of numbers; null is NaN.
        known_at : str, optional
            Column of the instants at which the values of `columns` became known (UTC where no zone
            is given). Without it they were known at the close of their bar.
        layout : mapping, optional
            What is not to be guessed: ``columns`` (``{"close": "Settle"}``), ``timezone``,
            ``stamp`` (``"open"`` or ``"end"``), ``date_format``, ``decimal``.

        Raises
        ------
        Refusal
            If a column cannot be found or is no number, a row is no bar, the table holds several
            symbols and none was named, or values became known after the close of their bar:
            `with_columns` moves them to the bar that could see them.

        Examples
        --------
        >>> import pandas as pd
        >>> index = pd.DatetimeIndex(["2024-01-02", "2024-01-03"], name="Date")
        >>> prices = pd.DataFrame({"Adj Close": [100.0, 101.0], "mood": [0.1, 0.2]}, index=index)
        >>> bars = Bars.from_frame(prices, symbol="X", columns=["mood"])
        >>> bars.close.tolist(), bars.field("mood").tolist()
        ([100.0, 101.0], [0.1, 0.2])
        """
        kept = (*columns, *([known_at] if known_at else []))
        table, symbol, calendar = canonical_frame(
            polars_frame(frame), symbol, calendar, layout or {}, kept
        )
        if symbol is not None and "symbol" in table.columns:
            frame = table.filter(table["symbol"] == symbol)
        elif symbol is None:
            if "symbol" not in table.columns:
                raise Refusal("symbol", "neither a name nor a column", 'symbol="NAME"')
            found = table["symbol"].unique().sort().to_list()
            if len(found) != 1:
                raise Refusal("symbol", f"{found} in the frame", "exactly one")
            symbol = str(found[0])
        if table.is_empty():
            raise ValueError(f"symbol: found no bars of {symbol!r} in the frame")
        stamps = instants_in(table, "timestamp", "columns.timestamp")
        if known_at is not None:
            known = table.select(known_at, *columns)
            check_known(symbol, known, known_at, stamps, calendar)
        prices = {
            name: np.ascontiguousarray(table[name].to_numpy(), dtype=np.float64)
            for name in BAR_FIELDS[:-1]
        }
        volume = table["volume"].fill_null(0.0).to_numpy()
        prices["volume"] = np.ascontiguousarray(volume, dtype=np.float64)
        own = {name: numbers_in(table, name) for name in columns}
        return cls(
            symbol,
            stamps,
            calendar=calendar,
            history_hashes=history_hashes or {},
            columns=own,
            own_exchange=None,
            **prices,
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
        digest.update((self.own_exchange or "").encode())
        digest.update(np.ascontiguousarray(self.timestamps, dtype="<i8").tobytes())
        for name in BAR_FIELDS:
            digest.update(np.ascontiguousarray(getattr(self, name), dtype="<f8").tobytes())
        for name, values in self.columns.items():
            digest.update(f"|{name}|".encode())
            digest.update(np.ascontiguousarray(values, dtype="<f8").tobytes())
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

    def __getitem__(self, chosen: slice | NDArray[np.bool_]) -> Bars:
        """Return the bars of a slice, or those for which a mask of shape (bars,) holds."""
        return replace(
            self,
            timestamps=self.timestamps[chosen],
            columns={name: values[chosen] for name, values in self.columns.items()},
            **{name: getattr(self, name)[chosen] for name in BAR_FIELDS},
        )


def _check_column(symbol: str, name: str, shape: tuple[int, ...], count: int) -> None:
    if not name.isidentifier() or name in _TAKEN:
        raise Refusal(
            f"{symbol} columns",
            repr(name),
            f"a name of letters, digits and _, other than {', '.join(sorted(_TAKEN))}",
        )
    if shape != (count,):
        raise Refusal(f"{symbol} {name}", f"shape {shape}", f"({count},)")
