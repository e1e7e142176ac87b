"""Canonical bars, their quarantine, their quality table and manifest, by series and year."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final, Literal

import polars as pl

from engine.files import DamagedFile, read_footer, read_parquet, verified_files
from engine.tables.columns import PRICES
from mc_assets.market_data.adjustments import adjust
from mc_assets.market_data.canonical import BARS_SCHEMA, QUARANTINE_SCHEMA
from mc_assets.market_data.files import symbol_folder, symbol_of, write_parquet, years_of
from mc_assets.market_data.quality.findings import QUALITY_SCHEMA
from mc_assets.providers import MarketDataError

__all__ = ["BARS", "FACTORS", "QUALITY", "QUARANTINE", "RAW", "BarStore", "bars_hash"]

BARS: Final = "bars"
QUARANTINE: Final = "bars_quarantine"
QUALITY: Final = "bars_quality"
FACTORS: Final = "bars_factors"
RAW: Final = "raw_bars"
_FOOTER: Final = "mc.manifest"

_MANIFEST_SCHEMA: Final = {
    "symbol": pl.String,
    "timeframe": pl.String,
    "year": pl.Int32,
    "rows": pl.Int64,
    "quarantined": pl.Int64,
    "first": pl.String,
    "last": pl.String,
    "reached": pl.String,
    "hash": pl.String,
    "source": pl.String,
    "adjustment": pl.String,
    "path": pl.String,
}


class BarStore:
    """Bars under a data root, one Parquet file per timeframe, symbol and year.

    Parameters
    ----------
    root : Path
        The data root; files lie at ``root/bars/<timeframe>/<symbol>/<year>.parquet`` and
        likewise in ``bars_quarantine`` and ``bars_quality``.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, symbol: str, timeframe: str, year: int, table: str = BARS) -> Path:
        """File of a series' year in a table."""
        return symbol_folder(self.root, table, symbol, timeframe) / f"{year}.parquet"

    def write(
        self,
        symbol: str,
        timeframe: str,
        year: int,
        *,
        bars: pl.DataFrame,
        quarantine: pl.DataFrame,
        quality: pl.DataFrame,
        reached: int | None = None,
    ) -> bool:
        """Replace a series' year; bars are written last, so their quarantine always exists.

        Parameters
        ----------
        symbol, timeframe, year
            The series' year.
        bars, quarantine, quality : polars.DataFrame
            Its tables.
        reached : int, optional
            Instant that the last fetch reached, microseconds, where it broke off
            (`RawStore.reached`); the manifest says so.

        Returns
        -------
        bool
            Whether any file changed.
        """
        manifest = _manifest(symbol, timeframe, year, bars, quarantine)
        if reached is not None:
            manifest["reached"] = f"{datetime.fromtimestamp(reached / 1e6, UTC):%Y-%m-%dT%H:%M:%SZ}"
        changed = False
        for table, frame, footer in (
            (QUARANTINE, quarantine, {}),
            (QUALITY, quality, {}),
            (BARS, bars, {_FOOTER: json.dumps(manifest, sort_keys=True)}),
        ):
            path = self.path(symbol, timeframe, year, table)
            changed = write_parquet(frame, path, footer) or changed
        return changed

    def replace_quality(
        self, symbol: str, timeframe: str, year: int, check: str, rows: pl.DataFrame
    ) -> bool:
        """Replace the rows of one check in a year's quality table; True if it changed."""
        path = self.path(symbol, timeframe, year, QUALITY)
        stored = read_parquet(self.root, path).filter(pl.col("check") != check)
        return write_parquet(pl.concat([stored, rows], rechunk=True), path)

    def series(self) -> list[tuple[str, str]]:
        """Symbol and timeframe of every stored series, sorted."""
        folders = (folder for folder in (self.root / BARS).glob("*/*/") if years_of(folder))
        return sorted((symbol_of(folder), folder.parent.name) for folder in folders)

    def years(self, symbol: str, timeframe: str) -> list[int]:
        """Years of a series that are stored."""
        return years_of(symbol_folder(self.root, BARS, symbol, timeframe))

    def read(
        self,
        symbol: str,
        timeframe: str,
        start: date | None = None,
        end: date | None = None,
    ) -> pl.DataFrame:
        """Bars of a series, oldest first.

        Parameters
        ----------
        symbol, timeframe : str
            The series.
        start, end : date, optional
            UTC days, half open.

        Raises
        ------
        MarketDataError
            If nothing is stored.
        DamagedFile
            If a year is not what was written, or is missing.
        """
        years = self.years(symbol, timeframe)
        self._check_no_gap(symbol, timeframe, years)
        if not years:
            known = ", ".join(f"{name}@{frame}" for name, frame in self.series()) or "none yet"
            raise MarketDataError("bars", f"no stored series {symbol}@{timeframe}", known)
        chosen = [
            year
            for year in years
            if (start is None or year >= start.year) and (end is None or year <= end.year)
        ]
        frames = [self.read_year(symbol, timeframe, year) for year in chosen]
        # A column that the series has come to keep is null in years stored before.
        bars = (
            pl.concat(frames, how="diagonal") if frames else pl.DataFrame(schema=dict(BARS_SCHEMA))
        )
        stamp = pl.col("timestamp")
        if start is not None:
            bars = bars.filter(stamp.dt.date() >= start)
        if end is not None:
            bars = bars.filter(stamp.dt.date() < end)
        return bars.sort("timestamp")

    def _check_no_gap(self, symbol: str, timeframe: str, years: list[int]) -> None:
        """Refuse a series that lacks a year between others, or all, that were fetched.

        Years before and after are not there while an ingest makes them.
        """
        if years and len(years) == years[-1] - years[0] + 1:
            return
        for year in years_of(symbol_folder(self.root, RAW, symbol, timeframe)):
            if year not in years and (not years or years[0] < year < years[-1]):
                raise DamagedFile(self.path(symbol, timeframe, year), "is missing")

    def read_year(self, symbol: str, timeframe: str, year: int) -> pl.DataFrame:
        """Bars of a stored year.

        Raises
        ------
        DamagedFile
            If they are missing or not what was written.
        """
        return read_parquet(self.root, self.path(symbol, timeframe, year))

    def years_without(self, symbol: str, timeframe: str, columns: Iterable[str]) -> set[int]:
        """Years of a series that are whole and lack one of its columns."""
        wanted, verified = {*columns}, verified_files(self.root)
        paths = {
            year: self.path(symbol, timeframe, year)
            for year in (self.years(symbol, timeframe) if wanted else ())
        }
        return {
            year
            for year, path in paths.items()
            if verified.damage(path) is None and not wanted <= {*pl.read_parquet_schema(path)}
        }

    def damages(self, symbol: str, timeframe: str) -> list[tuple[int, DamagedFile]]:
        """Find damaged files, each with the year that has to be made again to mend it.

        A factor table is mended with any year: the last one.
        """
        years = self.years(symbol, timeframe)
        files = {
            self.path(symbol, timeframe, year, table): year
            for year in years
            for table in (BARS, QUARANTINE, QUALITY)
        }
        factors = self._factors_path(symbol, timeframe)
        if factors.is_file() and years:
            files[factors] = years[-1]
        reasons = verified_files(self.root).damages((path, None) for path in files)
        return [
            (year, DamagedFile(path, reason))
            for (path, year), reason in zip(files.items(), reasons, strict=True)
            if reason is not None
        ]

    def write_factors(self, symbol: str, timeframe: str, factors: pl.DataFrame) -> bool:
        """Replace a series' factor table (`adjustments.with_ends`); True if it changed."""
        table = factors.select(
            pl.lit(symbol).alias("symbol"), pl.lit(timeframe).alias("timeframe"), *factors.columns
        )
        return write_parquet(table, self._factors_path(symbol, timeframe))

    def factors(self, symbol: str, timeframe: str) -> pl.DataFrame | None:
        """Factor table of a series; None if it has none."""
        path = self._factors_path(symbol, timeframe)
        return read_parquet(self.root, path) if path.is_file() else None

    def adjusted(
        self,
        symbol: str,
        timeframe: str,
        adjustment: Literal["split", "dividend", "all"] = "all",
        exchange: str = "XNYS",
    ) -> pl.DataFrame:
        """Bars of a series, adjusted by its stored factors; `read` gives the raw ones.

        Raises
        ------
        MarketDataError
            If the series or its factors are not stored, or its bars are adjusted already.
        """
        factors = self.factors(symbol, timeframe)
        if factors is None:
            raise MarketDataError(
                f"{symbol}@{timeframe}: factors",
                "none stored",
                "after its series names a factor file and is normalised",
            )
        bars = self.read(symbol, timeframe)
        return adjust(bars, factors, adjustment=adjustment, exchange=exchange)

    def quarantine(self, symbol: str, timeframe: str) -> pl.DataFrame:
        """Quarantined rows of a series, all years."""
        return self._all_years(symbol, timeframe, QUARANTINE, dict(QUARANTINE_SCHEMA))

    def quality(self, symbol: str, timeframe: str) -> pl.DataFrame:
        """Rows of the quality table of a series, all years."""
        return self._all_years(symbol, timeframe, QUALITY, dict(QUALITY_SCHEMA))

    def manifest(self, symbol: str | None = None, timeframe: str | None = None) -> pl.DataFrame:
        """One row per stored year: rows, first and last bar, hash, source.

        ``reached`` is set only for a year whose last fetch broke off: the last instant received.

        Parameters
        ----------
        symbol, timeframe : str, optional
            Only this symbol, this timeframe.
        """
        records = []
        for name, frame in self.series():
            if symbol not in (None, name) or timeframe not in (None, frame):
                continue
            for year in self.years(name, frame):
                path = self.path(name, frame, year)
                footer = read_footer(self.root, path, _FOOTER)
                described = json.loads(footer) if footer else {}
                records.append({**described, "path": str(path.relative_to(self.root))})
        return pl.DataFrame(records, schema=_MANIFEST_SCHEMA)

    def year_manifest(self, symbol: str, timeframe: str, year: int) -> dict[str, Any]:
        """Manifest of one stored year; empty where nothing is stored."""
        path = self.path(symbol, timeframe, year)
        if not path.is_file():
            return {}
        described: dict[str, Any] = json.loads(read_footer(self.root, path, _FOOTER) or "{}")
        return described

    def span(self, symbol: str, timeframe: str) -> tuple[date, date] | None:
        """UTC days of the first and the last stored bar; None where there is no bar."""
        found: list[str] = []
        years = self.years(symbol, timeframe)
        for order, end in ((years, "first"), (reversed(years), "last")):
            stamps = (self.year_manifest(symbol, timeframe, year).get(end) for year in order)
            found += [stamp for stamp in stamps if stamp][:1]
        if len(found) < 2:
            return None
        return date.fromisoformat(found[0][:10]), date.fromisoformat(found[1][:10])

    def _factors_path(self, symbol: str, timeframe: str) -> Path:
        return symbol_folder(self.root, FACTORS, symbol, timeframe) / "factors.parquet"

    def _all_years(
        self, symbol: str, timeframe: str, table: str, schema: dict[str, object]
    ) -> pl.DataFrame:
        folder = symbol_folder(self.root, table, symbol, timeframe)
        paths = [folder / f"{year}.parquet" for year in years_of(folder)]
        frames = [read_parquet(self.root, path) for path in paths]
        return pl.concat(frames) if frames else pl.DataFrame(schema=schema)  # type: ignore[arg-type]


def bars_hash(bars: pl.DataFrame) -> str:
    """SHA-256 of the symbol, the timestamps, the five numbers and further columns of each bar."""
    digest = hashlib.sha256()
    for symbol in bars["symbol"].unique(maintain_order=True).to_list():
        digest.update(symbol.encode())
    digest.update(bars["timestamp"].dt.epoch("us").to_numpy().astype("<i8", copy=False).data)
    for name in (*PRICES, "volume"):
        digest.update(bars[name].to_numpy().astype("<f8", copy=False).data)
    for name in bars.columns:
        if name not in BARS_SCHEMA:
            digest.update(f"|{name}|".encode())
            digest.update(bars[name].to_numpy().astype("<f8", copy=False).data)
    return digest.hexdigest()


def _manifest(
    symbol: str, timeframe: str, year: int, bars: pl.DataFrame, quarantine: pl.DataFrame
) -> dict[str, object]:
    ends = bars["timestamp"].gather([0, -1]) if bars.height else bars["timestamp"]
    stamps = ends.dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "symbol": symbol,
        "timeframe": timeframe,
        "year": year,
        "rows": bars.height,
        "quarantined": quarantine.height,
        "first": stamps[0] if bars.height else None,
        "last": stamps[-1] if bars.height else None,
        "hash": bars_hash(bars),
        "source": ",".join(sorted(bars["source"].unique().to_list())),
        "adjustment": ",".join(sorted(bars["adjustment"].unique().to_list())),
    }
