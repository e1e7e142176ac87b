"""Compressed copy of what providers sent, from which bars can be made again."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl

from engine.files import DamagedFile, read_footer, read_parquet, set_aside, verified_files
from mc_assets.market_data.bar_store import RAW
from mc_assets.market_data.files import symbol_folder, write_parquet, years_of
from mc_assets.providers import Layout, RawTable

__all__ = ["RawResult", "RawStore"]

_FOOTER: Final = "mc.raw"
# Bookkeeping of a stored row: its key, the fetch that added it, its layout, the fetch that
# replaced it, and the first fetch in which it was missing.
_BOOKKEEPING: Final = {
    "_key": pl.String,
    "_fetch": pl.Int32,
    "_layout": pl.Int32,
    "_until": pl.Int32,
    "_absent": pl.Int32,
}


@dataclass(frozen=True)
class RawResult:
    """What one fetch changed in the raw copy of a series' year.

    Parameters
    ----------
    symbol, timeframe : str
        The series.
    year : int
        The year.
    rows : int
        Rows now stored, older versions of restated rows not counted.
    new : int
        Rows that were not there before.
    restated : int
        Rows whose values changed.
    absent : int
        Stored rows that were missing in the fetch.
    left_out : int
        Rows of a file outside the series' start and end, which are not stored.
    path : str
        The file.
    changed : bool
        Whether the file changed.
    """

    symbol: str
    timeframe: str
    year: int
    rows: int
    new: int
    restated: int
    absent: int
    left_out: int
    path: str
    changed: bool


class RawStore:
    """Raw rows by series and year under ``root/raw_bars``.

    Parameters
    ----------
    root : Path
        The data root.

    Notes
    -----
    One file per year. Unchanged rows are not stored again. A changed row is added, and the older
    version is marked with the number of the fetch that replaced it. Fetching twice therefore
    leaves the same bytes as fetching once.

    A fetch that breaks off records its number and the last instant received in the footer. Later
    rows of the next fetch get the same number, so an interrupted fetch that is continued leaves
    the same bytes as an uninterrupted one.

    A damaged year counts as one that was never fetched; when it is fetched again, the damaged file
    stays beside the new one under another name.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, symbol: str, timeframe: str, year: int) -> Path:
        """File of a series' year."""
        return symbol_folder(self.root, RAW, symbol, timeframe) / f"{year}.parquet"

    def years(self, symbol: str, timeframe: str) -> list[int]:
        """Years of a series that are stored and whole."""
        years = years_of(symbol_folder(self.root, RAW, symbol, timeframe))
        damaged = {damage.path for damage in self.damages(symbol, timeframe)}
        return [year for year in years if self.path(symbol, timeframe, year) not in damaged]

    def damages(self, symbol: str, timeframe: str) -> list[DamagedFile]:
        """Find the damaged years of a series."""
        years = years_of(symbol_folder(self.root, RAW, symbol, timeframe))
        paths = [self.path(symbol, timeframe, year) for year in years]
        reasons = verified_files(self.root).damages((path, None) for path in paths)
        return [
            DamagedFile(path, reason)
            for path, reason in zip(paths, reasons, strict=True)
            if reason is not None
        ]

    def reached(self, symbol: str, timeframe: str, year: int) -> int | None:
        """Last open instant received if the last fetch of a year broke off, else None."""
        footer = read_footer(self.root, self.path(symbol, timeframe, year), _FOOTER) or "{}"
        broken = json.loads(footer).get("broken")
        return None if broken is None else int(broken["reached"])

    def left_out(self, symbol: str, timeframe: str) -> int:
        """Count the rows of files outside the series' start and end."""
        paths = [self.path(symbol, timeframe, year) for year in self.years(symbol, timeframe)]
        footers = [json.loads(read_footer(self.root, path, _FOOTER) or "{}") for path in paths]
        return sum(footer.get("left_out", 0) for footer in footers)

    def last(self, symbol: str, timeframe: str, before: int) -> int | None:
        """Open instant of the newest stored row up to `before`, microseconds, or None."""
        for year in reversed(self.years(symbol, timeframe)):
            path = self.path(symbol, timeframe, year)
            keys = read_parquet(self.root, path, columns=["_key"])["_key"]
            instants = keys.cast(pl.Int64, strict=False)
            newest = instants.filter(instants <= before).max()
            if newest is not None:
                return int(newest)  # type: ignore[arg-type]
        return None

    def holds(self, year: int, raw: RawTable, keys: pl.Series) -> bool:
        """Whether a stored year consists of exactly these rows; a cheap check."""
        stored, _ = self._whole(self.path(raw.symbol, raw.timeframe, year))
        return stored is not None and _same(stored, raw.frame, keys)

    def append(
        self,
        raw: RawTable,
        year: int,
        keys: pl.Series,
        covered: tuple[int, int],
        *,
        complete: bool,
        reached: int | None = None,
        left_out: int = 0,
    ) -> RawResult:
        """Add one fetch.

        Parameters
        ----------
        raw : RawTable
            Rows of `year` alone, layout settled.
        year : int
            The year.
        keys : polars.Series of String
            Identity of each row: its instant in microseconds as text, or its raw timestamp if that
            cannot be parsed.
        covered : tuple of int
            Requested range, microseconds: stored rows inside it that are missing in the fetch are
            marked absent.
        complete : bool
            Whether absent rows become invalid: for files, and if the user accepted withdrawn bars.
            Otherwise they stay valid, because a network provider may omit rows temporarily.
        reached : int, optional
            Last open instant received, microseconds, if the fetch broke off.
        left_out : int
            Number of rows outside the series' start and end.
        """
        path = self.path(raw.symbol, raw.timeframe, year)
        stored, described = self._whole(path)
        if stored is None and path.is_file():
            set_aside(path)
        layouts: list[dict[str, Any]] = described.get("layouts", [])
        layout: dict[str, Any] = {
            "provider": raw.provider,
            "adjustment": raw.adjustment,
            **raw.layout.model_dump(mode="json"),
        }
        before: dict[str, int] | None = described.get("broken")
        fetch = 1 + max(_last_fetch(stored), before["fetch"] if before else 0)
        broken = None
        if reached is not None:
            broken = before or {"fetch": fetch, "reached": reached}
            broken = {**broken, "reached": max(broken["reached"], reached)}
        described_alike = broken == before and left_out == described.get("left_out", 0)
        known = described_alike and layout in layouts
        if stored is not None and known and _same(stored, raw.frame, keys):
            live = int(stored["_until"].null_count())
            return RawResult(
                raw.symbol, raw.timeframe, year, live, 0, 0, 0, left_out, str(path), changed=False
            )
        if layout not in layouts:
            layouts = [*layouts, layout]
        number = pl.lit(fetch, dtype=pl.Int32)
        if before is not None:
            goes_on = pl.col("_key").cast(pl.Int64, strict=False) > before["reached"]
            first = pl.lit(before["fetch"], dtype=pl.Int32)
            number = pl.when(goes_on.fill_null(value=True)).then(first).otherwise(number)
        fresh = raw.frame.with_columns(_key=keys).with_columns(
            _fetch=number,
            _layout=pl.lit(layouts.index(layout), dtype=pl.Int32),
            _until=pl.lit(None, dtype=pl.Int32),
            _absent=pl.lit(None, dtype=pl.Int32),
        )
        if stored is None:
            merged, new, restated, absent = fresh, fresh.height, 0, 0
        else:
            merged, new, restated, absent = _merge(stored, fresh, number, covered, complete)
        described = {"year": year, "layouts": layouts, "broken": broken, "left_out": left_out}
        footer = json.dumps({k: v for k, v in described.items() if v}, sort_keys=True)
        # Rechunked, because the written bytes depend on the number of chunks.
        changed = write_parquet(merged.rechunk(), path, {_FOOTER: footer})
        live = int(merged["_until"].null_count())
        return RawResult(
            raw.symbol, raw.timeframe, year, live, new, restated, absent, left_out, str(path),
            changed,
        )  # fmt: skip

    def read(self, symbol: str, timeframe: str, year: int) -> list[RawTable]:
        """Read the stored rows of a year, one table per layout in order of arrival.

        The tables keep the bookkeeping columns ``_fetch``, ``_until`` and ``_absent``; an
        empty list means that nothing is stored.

        Raises
        ------
        DamagedFile
            If the year is not what was written.
        """
        stored, described = self._stored(self.path(symbol, timeframe, year))
        if stored is None:
            return []
        tables = []
        for number, fields in enumerate(described["layouts"]):
            fields = dict(fields)
            provider, adjustment = fields.pop("provider"), fields.pop("adjustment")
            rows = stored.filter(pl.col("_layout") == number)
            rows = rows.select(
                column
                for column in rows
                if column.name.startswith("_") or column.null_count() < rows.height
                or column.name in fields["columns"].values()
            )  # fmt: skip
            tables.append(RawTable(symbol, timeframe, rows, provider, adjustment, Layout(**fields)))
        return tables

    def replaced(self, symbol: str, timeframe: str, year: int) -> int:
        """Count the rows of a year that later fetches replaced; 0 where it is damaged."""
        stored, _ = self._whole(self.path(symbol, timeframe, year))
        return 0 if stored is None else stored.height - int(stored["_until"].null_count())

    def forget_replaced(self, symbol: str, timeframe: str, year: int) -> None:
        """Remove the rows of a year that later fetches replaced; bars are made of the others."""
        path = self.path(symbol, timeframe, year)
        stored, described = self._stored(path)
        if stored is not None:
            footer = json.dumps(described, sort_keys=True)
            kept = stored.filter(pl.col("_until").is_null()).rechunk()
            write_parquet(kept, path, {_FOOTER: footer})

    def _stored(self, path: Path) -> tuple[pl.DataFrame | None, dict[str, Any]]:
        if not path.is_file():
            return None, {}
        footer = read_footer(self.root, path, _FOOTER)
        return read_parquet(self.root, path), json.loads(footer or "{}")

    def _whole(self, path: Path) -> tuple[pl.DataFrame | None, dict[str, Any]]:
        """Read a year as `_stored`, but as if it were not there where it is damaged."""
        try:
            return self._stored(path)
        except DamagedFile:
            return None, {}


def _same(stored: pl.DataFrame, frame: pl.DataFrame, keys: pl.Series) -> bool:
    """Whether a fetch brought exactly the stored rows; a cheap check."""
    if stored["_absent"].null_count() < stored.height:
        return False
    names = [name for name in frame.columns if not name.startswith("_")]
    if set(names) != {name for name in stored.columns if not name.startswith("_")}:
        return False
    live = stored.filter(pl.col("_until").is_null()).select("_key", *names)
    return live.equals(frame.select(keys.alias("_key"), *names))


def _merge(
    stored: pl.DataFrame,
    fresh: pl.DataFrame,
    number: pl.Expr,
    covered: tuple[int, int],
    complete: bool,
) -> tuple[pl.DataFrame, int, int, int]:
    """Merge a fetch into stored rows: the merged table, and counts of new, restated, absent rows.

    `number` is the fetch's, for each ``_key``.
    """
    data = [name for name in fresh.columns if not name.startswith("_") and name in stored.columns]
    extra = sorted(
        name for name in set(fresh.columns) ^ set(stored.columns) if not name.startswith("_")
    )
    live = stored.filter(pl.col("_until").is_null())
    before, after = _signatures(live, data, extra), _signatures(fresh, data, extra)
    stored, before = _redated(stored, before, after)
    both = before.join(after, on="_key", how="full", suffix="_after", coalesce=True)
    same = both.filter(pl.col("signature") == pl.col("signature_after"))["_key"]
    differ = both.filter(
        pl.col("signature").is_not_null()
        & pl.col("signature_after").is_not_null()
        & (pl.col("signature") != pl.col("signature_after"))
    )["_key"]
    missing = both.filter(pl.col("signature_after").is_null())["_key"]
    instants = missing.cast(pl.Int64, strict=False).fill_null(covered[0])
    gone = missing.filter((instants >= covered[0]) & (instants < covered[1]))
    replaced = [differ, gone] if complete else [differ]
    current = pl.col("_until").is_null()
    marked = stored.with_columns(
        _until=pl.when(current & pl.col("_key").is_in(pl.concat(replaced).implode()))
        .then(number)
        .otherwise("_until"),
        _absent=pl.when(current & pl.col("_key").is_in(same.implode()))
        .then(pl.lit(None, dtype=pl.Int32))
        .when(current & pl.col("_absent").is_null() & pl.col("_key").is_in(gone.implode()))
        .then(number)
        .otherwise("_absent"),
    )
    added = fresh.filter(~pl.col("_key").is_in(same.implode()))
    new = int((~added["_key"].is_in(differ.implode())).sum())
    if added.is_empty():
        return marked, 0, 0, len(gone)
    merged = pl.concat([marked, added], how="diagonal_relaxed")
    # Columns that were added later keep the position that they have in the fetch.
    merged = merged.select(pl.exclude(list(_BOOKKEEPING)), *_BOOKKEEPING)
    return merged, new, added.height - new, len(gone)


def _redated(
    stored: pl.DataFrame, before: pl.DataFrame, after: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Update the keys of stored rows that are unchanged but have another key today.

    Keys are instants, and the same written timestamp gives another instant after the exchange or
    time zone of the series was changed.
    """
    moved = (
        before.join(after, on="_key", how="anti")
        .join(after.rename({"_key": "new"}), on="signature")
        .unique("_key", keep="none")
        .unique("new", keep="none")
    )
    moved = moved.join(before, left_on="new", right_on="_key", how="anti")
    if moved.is_empty():
        return stored, before
    live = pl.col("_until").is_null()
    key = pl.col("_key").replace(moved["_key"], moved["new"])
    return (
        stored.with_columns(_key=pl.when(live).then(key).otherwise("_key")),
        before.with_columns(_key=key),
    )


def _last_fetch(stored: pl.DataFrame | None) -> int:
    if stored is None:
        return 0
    numbers = stored.select(pl.max_horizontal(pl.col("_fetch", "_until", "_absent").max()))
    return int(numbers.item() or 0)


def _signatures(rows: pl.DataFrame, data: list[str], extra: list[str]) -> pl.DataFrame:
    """One text per key that changes whenever a cell of the key changes."""
    cells = [pl.col(name).cast(pl.String).fill_null("\x00") for name in data]
    cells += [
        pl.col(name).cast(pl.String).fill_null("\x00") if name in rows.columns else pl.lit("\x00")
        for name in extra
    ]
    line = pl.concat_str(cells, separator="\x1f").alias("signature")
    return (
        rows.select("_key", line)
        .group_by("_key", maintain_order=True)
        .agg(pl.col("signature").str.join("\x1e"))
    )
