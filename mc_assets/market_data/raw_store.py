"""A compressed copy of what providers sent, so that bars can be made again without them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl

from mc_assets.market_data.files import read_footer, symbol_folder, write_parquet, years_of
from mc_assets.providers import Layout, RawTable

__all__ = ["RawResult", "RawStore"]

_TABLE: Final = "raw_bars"
_FOOTER: Final = "mc.raw"
# Bookkeeping of a stored row: the fetch that brought it, its layout, the fetch that brought
# another version of it, and the fetch that should have brought it again and did not.
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
        Rows that came with other values than before.
    absent : int
        Rows that were there, and should have come again but did not.
    left_out : int
        Rows of a file that are not stored: before the series' start, or after its end.
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
    One file per year. A row that comes again unchanged is not stored again; one that comes
    with other values is added, and the older version marked with the fetch that replaced it.
    So fetching twice leaves the same bytes as fetching once.

    A fetch that broke off leaves in the footer its number and the instant that it reached. What
    the next fetch brings from there on is counted as of that one, so that a fetch that breaks
    off and goes on leaves the same bytes as one that did not break.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, symbol: str, timeframe: str, year: int) -> Path:
        """File of a series' year."""
        return symbol_folder(self.root, _TABLE, symbol, timeframe) / f"{year}.parquet"

    def years(self, symbol: str, timeframe: str) -> list[int]:
        """Years of a series that are stored."""
        return years_of(symbol_folder(self.root, _TABLE, symbol, timeframe))

    def reached(self, symbol: str, timeframe: str, year: int) -> int | None:
        """Newest open instant that came of a stored year whose last fetch broke off, or None."""
        footer = read_footer(self.path(symbol, timeframe, year), _FOOTER) or "{}"
        broken = json.loads(footer).get("broken")
        return None if broken is None else int(broken["reached"])

    def left_out(self, symbol: str, timeframe: str) -> int:
        """Rows of files that no stored year holds: before the series' start, or after its end."""
        paths = [self.path(symbol, timeframe, year) for year in self.years(symbol, timeframe)]
        footers = [json.loads(read_footer(path, _FOOTER) or "{}") for path in paths]
        return sum(footer.get("left_out", 0) for footer in footers)

    def last(self, symbol: str, timeframe: str, before: int) -> int | None:
        """Open instant of the newest stored row that is not later, microseconds, or None."""
        for year in reversed(self.years(symbol, timeframe)):
            keys = pl.read_parquet(self.path(symbol, timeframe, year), columns=["_key"])["_key"]
            instants = keys.cast(pl.Int64, strict=False)
            newest = instants.filter(instants <= before).max()
            if newest is not None:
                return int(newest)  # type: ignore[arg-type]
        return None

    def holds(self, year: int, raw: RawTable, keys: pl.Series) -> bool:
        """Whether a stored year is just these rows: the common case, told cheaply."""
        stored, _ = self._stored(self.path(raw.symbol, raw.timeframe, year))
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
            What a row is about: its instant in microseconds as text, or its raw stamp where
            that cannot be read.
        covered : tuple of int
            Range the fetch asked for, microseconds: stored rows inside it that did not come
            are marked absent.
        complete : bool
            The fetch is the whole truth of its range (a file): absent rows are no longer
            valid. Otherwise (a network, which may have a bad night) they stay valid, unless
            the user has accepted that they are withdrawn.
        reached : int, optional
            Newest open instant that came, microseconds, where the fetch broke off after it.
        left_out : int
            Rows that came and belong to no year of the series.
        """
        path = self.path(raw.symbol, raw.timeframe, year)
        stored, described = self._stored(path)
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
        # In one piece, for the bytes written tell how many pieces a table was made of.
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

    @staticmethod
    def _stored(path: Path) -> tuple[pl.DataFrame | None, dict[str, Any]]:
        if not path.is_file():
            return None, {}
        footer = read_footer(path, _FOOTER)
        return pl.read_parquet(path), json.loads(footer or "{}")


def _same(stored: pl.DataFrame, frame: pl.DataFrame, keys: pl.Series) -> bool:
    """Whether a fetch brought just the rows that are stored: the common case, told cheaply."""
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
    """Add a fetch to stored rows: the new table, and rows new, restated, absent.

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
    # A column that came late stands where it would have stood at once.
    merged = merged.select(pl.exclude(list(_BOOKKEEPING)), *_BOOKKEEPING)
    return merged, new, added.height - new, len(gone)


def _redated(
    stored: pl.DataFrame, before: pl.DataFrame, after: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Give stored rows that came again unchanged the keys by which they are known today.

    A key is an instant, and a series whose exchange or time zone was changed reads the same
    stamp as another one.
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
    """One value per key that changes when any of the key's cells does."""
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
