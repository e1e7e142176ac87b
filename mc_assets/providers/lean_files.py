"""QuantConnect's LEAN data folder: zipped CSV by security type, market and resolution."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import ClassVar, Final, Literal, NamedTuple

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, field_validator

from engine.tables.text_bytes import MEGABYTES, check_size
from mc_assets.providers.base import (
    Capabilities,
    FetchError,
    FetchResult,
    Layout,
    Provider,
    RawTable,
)
from mc_assets.providers.errors import MarketDataError
from mc_assets.providers.files import known_timezone
from mc_assets.providers.paths import filled_path

__all__ = ["LeanOptions", "LeanProvider"]

_RESOLUTIONS: Final = {"1m": "minute", "1h": "hour", "1d": "daily"}
_TRADES: Final = ("open", "high", "low", "close", "volume")
_QUOTES: Final = (
    *("bid_open", "bid_high", "bid_low", "bid_close", "bid_size"),
    *("ask_open", "ask_high", "ask_low", "ask_close", "ask_size"),
)
# Equity prices are integers in units of 0.0001.
_SHARES: Final = 10_000.0
# Time zones of the stamps; other markets use UTC.
_ZONES: Final = {
    ("equity", "usa"): "America/New_York",
    ("equity", "india"): "Asia/Kolkata",
    ("index", "usa"): "America/New_York",
    # Eastern Standard Time without daylight saving.
    ("forex", "fxcm"): "Etc/GMT+5",
}
# Openings that are no whole hours, by the clock of the market.
_OPENS: Final = {("equity", "usa"): time(9, 30), ("index", "usa"): time(9, 30)}
# Securities for which LEAN publishes quotes only.
_QUOTED: Final = ("forex", "cfd")
_MEGABYTE: Final = 1_000_000
# Price files usually unpack to about ten times their size.
_RATIO: Final = 200
_SMALL: Final = 16 * _MEGABYTE
# Because of time zones, rows may belong to the UTC day before or after their file's.
_MARGIN: Final = timedelta(days=2)

Security = Literal["equity", "index", "crypto", "cryptofuture", "forex", "cfd", "future"]


class LeanOptions(BaseModel):
    """Options of the provider of LEAN's files.

    Parameters
    ----------
    path : str
        The data folder, which holds ``equity``, ``forex`` and the like. A relative path starts
        at the folder of the series file.
    security : str
        ``equity``, ``index``, ``crypto``, ``cryptofuture``, ``forex``, ``cfd`` or ``future``.
    market : str
        ``usa``, ``cme``, ``oanda``, ``coinbase`` and so on.
    data : {"trade", "quote"}, optional
        Kind of file: by default quotes for ``forex`` and ``cfd``, else trades.
    price : {"mid", "bid", "ask"}
        Price of a quote bar.
    contract : str, optional
        Contract month of a future (``201312``), or its last trade date (``20131220``) if a month
        has several contracts.
    timezone : str, optional
        Time zone of the timestamps; by default that of the market.
    megabytes : float
        Largest decompressed size of a file.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    path: str = Field(min_length=1, max_length=4_096)
    security: Security = "equity"
    market: str = Field(default="usa", pattern=r"^[a-z0-9]{1,30}$")
    data: Literal["trade", "quote"] | None = None
    price: Literal["mid", "bid", "ask"] = "mid"
    contract: str | None = Field(default=None, pattern=r"^\d{6}(\d\d)?$")
    timezone: str | None = None
    megabytes: float = Field(default=MEGABYTES, gt=0, le=100_000)

    @field_validator("timezone")
    @classmethod
    def _timezone_is_known(cls, value: str | None) -> str | None:
        return known_timezone(value)

    @property
    def kind(self) -> Literal["trade", "quote"]:
        """What the files hold."""
        return self.data or ("quote" if self.security in _QUOTED else "trade")


class LeanProvider(Provider):
    """Reads the files that LEAN and its data tools write.

    Minutes are stored in one file per day (``equity/usa/minute/spy/20131007_trade.zip``), hours
    and days in one file (``equity/usa/daily/spy.zip``). Equity prices are raw: name
    ``equity/usa/factor_files/spy.csv`` as the series' ``factors`` to adjust them.
    """

    name: ClassVar[str] = "lean"
    capabilities: ClassVar[Capabilities] = Capabilities(
        timeframes=tuple(_RESOLUTIONS), adjustments=("raw", "split", "dividend", "all")
    )
    Options: ClassVar[type[BaseModel]] = LeanOptions
    options: LeanOptions

    def fetch(
        self,
        symbols: Sequence[str],
        timeframe: str,
        start: datetime,
        end: datetime,
        *,
        adjustment: str = "raw",
    ) -> FetchResult:
        """Read the files of each symbol; for minutes, only files within the range."""
        result = FetchResult()
        for symbol in symbols:
            try:
                files = list(self._files(symbol, timeframe, start.date(), end.date()))
                parts = [self._rows(file) for file in files]
            except (MarketDataError, OSError) as error:
                result.failures[symbol] = FetchError("", f"lean {symbol}: {error}")
                continue
            layout = Layout(
                columns={name: name for name in ("timestamp", *_TRADES)},
                timezone=self.options.timezone
                or _ZONES.get((self.options.security, self.options.market), "UTC"),
                stamp="open",
                decimal=".",
                ticks=False,
            )
            table = pl.concat(parts, how="diagonal") if parts else pl.DataFrame()
            result.tables[symbol] = RawTable(
                symbol, timeframe, table, self.name, adjustment, layout
            )
        return result

    def _files(self, symbol: str, timeframe: str, first: date, last: date) -> Iterator[_File]:
        """Yield the files of a symbol, oldest first."""
        options = self.options
        resolution = _RESOLUTIONS[timeframe]
        place = f"{options.path}/{options.security}/{options.market}/{resolution}/{{symbol}}"
        located = filled_path(place, self.folder, symbol=symbol.lower())
        if resolution != "minute":
            for ending in (f"_{options.kind}.zip", ".zip"):
                file = located.with_name(located.name + ending)
                if file.is_file():
                    yield _File(file, None)
                    return
            raise MarketDataError("path", f"no {file}", "a file of LEAN's")
        if not located.is_dir():
            raise MarketDataError("path", f"no folder {located}", "one of LEAN's")
        for file in sorted(located.glob(f"*_{options.kind}.zip")):
            named = re.match(r"(\d{4})(\d\d)(\d\d)_", file.name)
            try:
                day = date(*map(int, named.groups())) if named else None
            except ValueError:
                day = None
            if day is None:
                raise MarketDataError(
                    file.name, "no date in its name", f"20131007_{options.kind}.zip"
                )
            if not (day - first < -_MARGIN or day - last > _MARGIN):
                yield _File(file, day)

    def _rows(self, file: _File) -> pl.DataFrame:
        """Rows of a file in columns by name, with the bar's numbers as text."""
        name, text = self._entry(file.path)
        names = _TRADES if self.options.kind == "trade" else _QUOTES
        lines = pl.Series("line", text.decode("utf-8", errors="replace").splitlines())
        cells = pl.DataFrame({"cells": lines, "_line": range(1, len(lines) + 1)}).filter(
            pl.col("cells").str.strip_chars() != ""
        )
        split = pl.col("cells").str.split(",")
        columns = [split.list.get(k, null_on_oob=True).alias(n) for k, n in
                   enumerate(("time", *names))]  # fmt: skip
        surplus = split.list.slice(len(names) + 1).list.join(",").str.strip_chars_start(",")
        rows = cells.select(
            *columns, _surplus=surplus, _line=pl.col("_line").cast(pl.Int32), _file=pl.lit(name)
        )
        rows = rows.with_columns(_stamps(file.day))
        opens = _OPENS.get((self.options.security, self.options.market))
        if file.day is None and opens is not None:
            rows = rows.with_columns(_from_the_open(rows["timestamp"], opens))
        if self.options.kind == "quote":
            rows = rows.with_columns(self._quoted(side) for side in _TRADES[:4]).with_columns(
                volume=pl.lit(None, dtype=pl.String)
            )
        if self.options.security == "equity":
            rows = rows.with_columns(_scaled(rows[price]) for price in _TRADES[:4])
        return rows

    def _quoted(self, side: str) -> pl.Expr:
        """One price of a bar: the mid price, or the side given in the options."""
        bid, ask = pl.col(f"bid_{side}"), pl.col(f"ask_{side}")
        if self.options.price != "mid":
            return (bid if self.options.price == "bid" else ask).alias(side)
        middle = (bid.cast(pl.Float64, strict=False) + ask.cast(pl.Float64, strict=False)) / 2
        # Cells that are not numbers keep their text, which the quarantine shows.
        wrong = pl.coalesce(_unread(bid), _unread(ask))
        return pl.coalesce(wrong, middle.cast(pl.String)).alias(side)

    def _entry(self, path: Path) -> tuple[str, bytes]:
        """Name and content of the entry that holds the series."""
        check_size(path.name, path.stat().st_size, self.options.megabytes)
        try:
            with zipfile.ZipFile(path) as archive:
                entry = self._chosen(path.name, archive.infolist())
                check_size(path.name, entry.file_size, self.options.megabytes)
                if entry.file_size > max(_SMALL, _RATIO * entry.compress_size):
                    raise MarketDataError(
                        path.name,
                        f"an entry that unpacks to more than {_RATIO} times its size",
                        "less",
                    )
                return f"{path.name}#{entry.filename}", archive.read(entry)
        except (
            zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, zlib.error
        ) as error:  # fmt: skip
            raise MarketDataError(
                path.name, f"a damaged zip file ({error})", "a whole one"
            ) from None

    def _chosen(self, name: str, entries: list[zipfile.ZipInfo]) -> zipfile.ZipInfo:
        """Choose the entry of the contract, or the only one."""
        kept = [item for item in entries if item.filename.lower().endswith(".csv")]
        contract = self.options.contract
        if contract is not None:
            kept = [
                item
                for item in kept
                if contract in re.findall(r"(?<=_)\d{6}(?:\d\d)?(?=[_.])", item.filename)
            ]
        if len(kept) != 1:
            shown = ", ".join(item.filename for item in entries[:6]) or "nothing"
            more = "" if len(entries) < 7 else f" and {len(entries) - 6} more"
            wanted = f"one entry of {contract}" if contract else "one entry (name a contract)"
            raise MarketDataError(name, f"{shown}{more}", wanted)
        return kept[0]


class _File(NamedTuple):
    """A file, and the day of its rows if their stamps hold only a time."""

    path: Path
    day: date | None


def _stamps(day: date | None) -> pl.Expr:
    """Wall clock of each row: as written, or milliseconds after midnight of the file's day."""
    if day is None:
        return (
            pl.col("time")
            .str.strip_chars()
            .str.to_datetime("%Y%m%d %H:%M", time_unit="us", strict=False)
            .alias("timestamp")
        )
    midnight = pl.lit(datetime(day.year, day.month, day.day)).cast(pl.Datetime("us"))
    since = pl.col("time").str.strip_chars().cast(pl.Int64, strict=False)
    within = pl.when(since.is_between(0, 86_399_999)).then(since)
    return (midnight + pl.duration(milliseconds=within)).alias("timestamp")


def _from_the_open(stamps: pl.Series, opens: time) -> pl.Series:
    """Stamp an hour that begins before the session opens with the opening, if no trade is earlier.

    LEAN names hours by the clock: that of 9:00 holds the regular trade from 9:30 on.
    """
    hours = stamps.dt.hour()
    daily = (hours == 0).all()
    if daily or (hours < opens.hour).any():
        return stamps  # days; or hours before the session are there, too
    opening = stamps.dt.truncate("1d") + timedelta(hours=opens.hour, minutes=opens.minute)
    first = (hours == opens.hour) & (stamps < opening)
    return pl.select(pl.when(first).then(opening).otherwise(stamps)).to_series().alias("timestamp")


def _scaled(prices: pl.Series) -> pl.Series:
    """Convert integer prices to decimals; cells that are not numbers keep their text."""
    # NumPy divides. Polars multiplies by the reciprocal, which rounds differently.
    numbers = pl.Series(prices.cast(pl.Float64, strict=False).to_numpy() / _SHARES)
    shown = numbers.fill_nan(None).cast(pl.String)
    return pl.select(pl.coalesce(shown, prices)).to_series().alias(prices.name)


def _unread(cell: pl.Expr) -> pl.Expr:
    filled = cell.str.strip_chars() != ""
    return pl.when(filled & cell.cast(pl.Float64, strict=False).is_null()).then(cell)
