"""Stamps of ticks: from the cells of a file to nanoseconds."""

from __future__ import annotations

from typing import Final

import polars as pl

from engine.tables.timestamps import SECONDS, parse_stamps
from engine.ticks.chunk import NO_STAMP

__all__ = ["nanoseconds", "stamp_cells"]

# Digits after the decimal point that make up whole nanoseconds.
_DIGITS: Final = {"epoch_s": 9, "epoch_ms": 6, "epoch_us": 3, "epoch_ns": 0}


def stamp_cells(frame: pl.DataFrame, column: str, clock: str | None) -> pl.Series:
    """Return the cells that hold the stamps of rows.

    Parameters
    ----------
    frame : polars.DataFrame
        Rows of a file.
    column : str
        Column of the stamps.
    clock : str, optional
        Column of the time of day, where `column` holds the day alone: it is put behind the day.

    Notes
    -----
    A stamp of -1 is none.
    """
    if clock is None:
        return _known(frame[column])
    return frame[column].cast(pl.String) + " " + frame[clock].cast(pl.String)


def _known(cells: pl.Series) -> pl.Series:
    """Null a time that nobody knows, as canonical files write it."""
    if cells.dtype.is_integer():
        return pl.select(pl.when(cells != NO_STAMP).then(cells)).to_series()
    if cells.dtype == pl.String:
        return pl.select(pl.when(cells != str(NO_STAMP)).then(cells)).to_series()
    return cells


def nanoseconds(column: pl.Series, date_format: str | None) -> pl.Series:
    """Return stamps as nanoseconds since 1970-01-01 UTC, null where a cell cannot be read.

    Parameters
    ----------
    column : polars.Series
        Cells of `stamp_cells`.
    date_format : str, optional
        As `timestamps.detect_format` returns it.

    Returns
    -------
    polars.Series of Int64
        One per cell.
    """
    digits = _DIGITS.get(date_format or "")
    if digits is not None:
        return _epochs(column, digits)
    if isinstance(column.dtype, pl.Datetime):
        return column.dt.epoch("ns")
    parsed = parse_stamps(column, date_format).with_columns(cell=column.cast(pl.String))
    # Timestamps are parsed to microseconds; further digits are added as nanoseconds.
    rest = pl.col("cell").str.extract(r":\d{2}\.\d{6}(\d{1,3})").str.pad_end(3, "0")
    return parsed.select(
        pl.coalesce("utc", "wall") * 1000 + rest.cast(pl.Int64).fill_null(0)
    ).to_series()


def _epochs(column: pl.Series, digits: int) -> pl.Series:
    """Nanoseconds of a count of units that are ``10**digits`` of them; its fraction counts."""
    if column.dtype.is_integer():
        return _scaled(column.cast(pl.Int64, strict=False), digits)
    if column.dtype == pl.String:
        whole = _scaled(column.str.strip_chars().cast(pl.Int64, strict=False), digits)
        if whole.null_count() == column.null_count():
            return whole
        parts = column.str.extract_groups(r"^\s*(\d+)\.(\d+)\s*$").struct.unnest()
        fraction = parts["2"].str.pad_end(digits, "0").str.slice(0, digits)
        written = parts["1"].cast(pl.Int64) * 10**digits + fraction.cast(pl.Int64, strict=False)
    else:
        whole = written = pl.Series([None], dtype=pl.Int64).new_from_index(0, len(column))
    # A float64 holds an instant of today to the microsecond.
    rounded = (column.cast(pl.Float64, strict=False) * 10.0 ** (digits - 3)).round()
    return pl.select(
        pl.coalesce(whole, written, rounded.cast(pl.Int64, strict=False) * 1000)
    ).to_series()


def _scaled(counts: pl.Series, digits: int) -> pl.Series:
    """Nanoseconds of whole counts; a count that is plainly of another unit is read in that."""
    scaled: pl.Series = counts * 10**digits
    first, last = SECONDS
    if counts.is_between(first * 10 ** (9 - digits), last * 10 ** (9 - digits)).all():
        return scaled
    for other in set(_DIGITS.values()) - {digits}:
        inside = counts.is_between(first * 10 ** (9 - other), last * 10 ** (9 - other))
        scaled = pl.select(pl.when(inside).then(counts * 10**other).otherwise(scaled)).to_series()
    return scaled
