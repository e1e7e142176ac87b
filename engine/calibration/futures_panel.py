"""A panel of futures prices: several maturities through time, some prices missing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from engine.errors import Refusal

if TYPE_CHECKING:
    import polars as pl

__all__ = ["FuturesPanel"]

Array = NDArray[np.float64]

_DAYS_PER_YEAR = 365.0


@dataclass(frozen=True, eq=False)
class FuturesPanel:
    """Futures prices of one commodity, oldest row first.

    Parameters
    ----------
    symbol, timeframe : str
        Name of the commodity and spacing of the rows.
    dates : tuple of datetime.date
        Date of each row, strictly increasing.
    prices : ndarray of float64, shape (rows, contracts)
        Settlement prices, NaN where missing.
    maturities : ndarray of float64, shape (rows, contracts)
        Years to expiry; NaN allowed where the price is missing.
    elapsed_years : ndarray of float64, shape (rows,)
        Years since the row before; the first is not used.
    labels : tuple of str
        Names of the columns.

    Raises
    ------
    ValueError
        If shapes do not fit, dates repeat, or a price has no maturity.
    """

    symbol: str
    timeframe: str
    dates: tuple[date, ...]
    prices: Array
    maturities: Array
    elapsed_years: Array
    labels: tuple[str, ...]

    def __post_init__(self) -> None:
        shape = (len(self.dates), len(self.labels))
        for name in ("prices", "maturities"):
            if getattr(self, name).shape != shape:
                raise Refusal(
                    f"{self.symbol} {name}",
                    f"shape {getattr(self, name).shape}",
                    f"{shape} (dates, labels)",
                )
        if self.elapsed_years.shape != shape[:1]:
            raise Refusal(
                f"{self.symbol} elapsed_years", f"shape {self.elapsed_years.shape}", str(shape[:1])
            )
        for before, after in zip(self.dates, self.dates[1:], strict=False):
            if after <= before:
                raise Refusal(
                    f"{self.symbol} dates",
                    f"{after} after {before}",
                    "strictly increasing, each once",
                )
        priced = ~np.isnan(self.prices)
        bad = priced & ~(self.maturities >= 0.0)
        if bad.any():
            row, column = (int(k) for k in np.argwhere(bad)[0])
            raise Refusal(
                f"{self.symbol} maturities",
                f"{self.maturities[row, column]} for {self.labels[column]} on {self.dates[row]}",
                ">= 0 where there is a price",
            )
        if np.isinf(self.prices).any():
            raise Refusal(f"{self.symbol} prices", "infinity", "finite or missing")
        if len(self.elapsed_years) > 1 and not np.all(self.elapsed_years[1:] > 0.0):
            raise Refusal(f"{self.symbol} elapsed_years", str(self.elapsed_years[1:].min()), "> 0")

    def __len__(self) -> int:
        return len(self.dates)

    @property
    def last_date(self) -> date:
        """Date of the last row."""
        return self.dates[-1]

    @classmethod
    def from_arrays(
        cls,
        prices: Array,
        maturities: Array | Sequence[float],
        *,
        dt: float | None = None,
        dates: Sequence[date] | None = None,
        symbol: str = "futures",
        timeframe: str = "1d",
        labels: Sequence[str] | None = None,
    ) -> FuturesPanel:
        """Make a panel from plain arrays.

        Parameters
        ----------
        prices : ndarray, shape (rows, contracts)
            Prices, NaN where missing.
        maturities : array of shape (contracts,) or (rows, contracts)
            Years to expiry, constant per column or varying.
        dt : float, optional
            Years between rows; by default calendar days over 365, for which `dates` are needed.
        dates : sequence of datetime.date, optional
            Defaults to one row per week from 2000-01-03.

        Raises
        ------
        ValueError
            If neither `dt` nor `dates` is given.
        """
        prices = np.array(prices, dtype=np.float64)
        if prices.ndim != 2:
            raise Refusal("prices", f"{prices.ndim} dimensions", "(rows, contracts)")
        rows, contracts = prices.shape
        if dt is None and dates is None:
            raise Refusal("dt", "neither dt nor dates", "one of the two")
        if dates is None:
            dates = [date(2000, 1, 3) + timedelta(days=7 * i) for i in range(rows)]
        if dt is None:
            days = np.array([day.toordinal() for day in dates], dtype=np.float64)
            elapsed = np.diff(days, prepend=days[:1]) / _DAYS_PER_YEAR
        else:
            elapsed = np.full(rows, float(dt))
        names = labels or [f"F{j + 1}" for j in range(contracts)]
        years = np.broadcast_to(np.asarray(maturities, dtype=np.float64), prices.shape)
        return cls(symbol, timeframe, tuple(dates), prices, np.array(years), elapsed, tuple(names))

    @classmethod
    def from_wide(
        cls,
        frame: pl.DataFrame,
        maturities: Mapping[str, float],
        *,
        dt: float | None = None,
        date_column: str = "date",
        symbol: str = "futures",
        timeframe: str = "1d",
    ) -> FuturesPanel:
        """Make a panel from one column per constant maturity.

        Parameters
        ----------
        frame : polars.DataFrame
            A date column and the price columns.
        maturities : mapping of str to float
            Price column to years to expiry.
        dt : float, optional
            Years between rows; by default calendar days over 365.
        """
        columns = [date_column, *maturities]
        _require(frame, columns, symbol)
        frame = frame.sort(date_column)
        return cls.from_arrays(
            frame.select(list(maturities)).to_numpy().astype(np.float64),
            list(maturities.values()),
            dt=dt,
            dates=frame[date_column].to_list(),
            symbol=symbol,
            timeframe=timeframe,
            labels=list(maturities),
        )

    @classmethod
    def from_nearby(
        cls,
        frame: pl.DataFrame,
        columns: Sequence[str],
        expiries: Sequence[date],
        *,
        dt: float | None = None,
        date_column: str = "date",
        symbol: str = "futures",
        timeframe: str = "1d",
    ) -> FuturesPanel:
        """Make a panel from columns that hold the 1st, 2nd, ... nearby contract.

        Parameters
        ----------
        frame : polars.DataFrame
            A date column and one price column per nearby contract.
        columns : sequence of str
            Price columns; each name ends in its rank, such as ``CL01``.
        expiries : sequence of datetime.date
            Last trade date of every contract month that can occur.
        """
        _require(frame, [date_column, *columns], symbol)
        frame = frame.sort(date_column)
        ranks = [_rank(name) for name in columns]
        days = sorted(expiries)
        ordinals = np.array([day.toordinal() for day in days])
        rows = frame[date_column].to_list()
        maturities = np.full((len(rows), len(columns)), np.nan)
        for i, row in enumerate(rows):
            first = int(np.searchsorted(ordinals, row.toordinal(), side="left"))
            for j, rank in enumerate(ranks):
                if first + rank - 1 < len(days):
                    ahead = ordinals[first + rank - 1] - row.toordinal()
                    maturities[i, j] = ahead / _DAYS_PER_YEAR
        return cls.from_arrays(
            frame.select(list(columns)).to_numpy().astype(np.float64),
            maturities,
            dt=dt,
            dates=rows,
            symbol=symbol,
            timeframe=timeframe,
            labels=list(columns),
        )

    @classmethod
    def from_long(
        cls,
        frame: pl.DataFrame,
        *,
        dt: float | None = None,
        symbol: str = "futures",
        timeframe: str = "1d",
    ) -> FuturesPanel:
        """Make a panel from one row per date and contract.

        Parameters
        ----------
        frame : polars.DataFrame
            Columns ``date``, ``expiry`` (date) and ``price``; each date and expiry once.

        Raises
        ------
        ValueError
            If a date and expiry occur twice.
        """
        _require(frame, ["date", "expiry", "price"], symbol)
        twice = frame.select("date", "expiry").is_duplicated()
        if twice.any():
            row = frame.filter(twice).row(0, named=True)
            raise Refusal(
                f"{symbol} rows",
                f"{row['date']} with expiry {row['expiry']} more than once",
                "once",
            )
        rows = frame["date"].unique().sort().to_list()
        expiries = frame["expiry"].unique().sort().to_list()
        at_row = {day: i for i, day in enumerate(rows)}
        at_column = {day: j for j, day in enumerate(expiries)}
        prices = np.full((len(rows), len(expiries)), np.nan)
        for day, expiry, price in frame.select("date", "expiry", "price").iter_rows():
            if price is not None:
                prices[at_row[day], at_column[expiry]] = price
        ahead = np.array([[(e - day).days for e in expiries] for day in rows], dtype=np.float64)
        return cls.from_arrays(
            prices,
            ahead / _DAYS_PER_YEAR,
            dt=dt,
            dates=rows,
            symbol=symbol,
            timeframe=timeframe,
            labels=[day.isoformat() for day in expiries],
        )

    @property
    def data_hash(self) -> str:
        """SHA-256 of the prices with their dates, contracts and times to expiry.

        A contract without a price does not count, nor do rows before the first price: one that is
        listed later leaves the hash of the rows before as it was.
        """
        there = np.flatnonzero(~np.isnan(self.prices).all(axis=1))
        if len(there) and there[0] > 0:
            return self.rows(slice(int(there[0]), None)).data_hash
        priced = ~np.isnan(self.prices)
        listed = np.flatnonzero(priced.any(axis=0))
        labels = [self.labels[column] for column in listed]
        days = [day.isoformat() for day in self.dates]
        digest = hashlib.sha256(json.dumps([self.symbol, self.timeframe, days, labels]).encode())
        for values in (self.prices, self.maturities):
            known = np.where(priced, values, np.nan)[:, listed]
            digest.update(np.ascontiguousarray(known, dtype="<f8").tobytes())
        digest.update(np.ascontiguousarray(self.elapsed_years[1:], dtype="<f8").tobytes())
        return digest.hexdigest()

    def up_to(self, as_of: date) -> FuturesPanel:
        """Rows up to and including a date."""
        count = sum(day <= as_of for day in self.dates)
        return self.rows(slice(0, count))

    def rows(self, kept: slice) -> FuturesPanel:
        """Keep some of the rows."""
        return replace(
            self,
            dates=self.dates[kept],
            prices=self.prices[kept],
            maturities=self.maturities[kept],
            elapsed_years=self.elapsed_years[kept],
        )

    def log_prices(self, non_positive: Literal["error", "exclude"] = "error") -> Array:
        """Logarithms of the prices, NaN where missing.

        Returns
        -------
        ndarray of float64, shape (rows, contracts)
            The logarithms.

        Raises
        ------
        ValueError
            If a price is not positive and the policy is not "exclude".
        """
        bad = self.prices <= 0.0
        if bad.any() and non_positive != "exclude":
            row, column = (int(k) for k in np.argwhere(bad)[0])
            raise Refusal(
                f"{self.symbol} {self.labels[column]}",
                f"{self.prices[row, column]:g} on {self.dates[row]}",
                '> 0 for a log model; choose non_positive="exclude" to treat such prices '
                "as missing",
            )
        logs = np.full(self.prices.shape, np.nan)
        np.log(self.prices, out=logs, where=self.prices > 0.0)
        return logs


def _require(frame: pl.DataFrame, columns: Sequence[str], symbol: str) -> None:
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise ValueError(
            f"{symbol} columns: found {', '.join(frame.columns)}, missing {', '.join(missing)}"
        )


def _rank(name: str) -> int:
    digits = name[len(name.rstrip("0123456789")) :]
    if not digits or int(digits) < 1:
        raise Refusal("columns", repr(name), "names that end in a rank such as CL01")
    return int(digits)
