"""Columns of the user's own for the bars of a study, from a file that the study names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from engine.bars import Bars
from engine.errors import Refusal
from engine.frames import check_known
from engine.tables.errors import MarketDataError
from engine.tables.parquet_table import parquet_table

__all__ = ["with_own_columns"]

_FIELD = "source.columns"
_MOST_BYTES = 2 * 2**30
_TIMES = ("timestamp", "date", "known_at")


def with_own_columns(bars: tuple[Bars, ...], file: Path) -> tuple[Bars, ...]:
    """Join the columns of a CSV or Parquet file to bars, as they were known.

    The file has a column ``timestamp``, the instant at which the other values of its row became
    known (UTC where no zone is given), or ``date``, the day of the bar at whose close they are
    known; and columns of numbers. Beside ``date`` a column ``known_at`` may say when the values of
    a row became known, and is checked: none after the close of its bar. With a column ``symbol``
    each series gets its own rows.

    Parameters
    ----------
    bars : tuple of Bars
        The series of the study.
    file : Path
        The file.

    Raises
    ------
    Refusal
        If it cannot be read, lacks a time or numbers, or has values from after their bar.
    """
    frame = _read(file)
    own = [name for name in frame.columns if name not in (*_TIMES, "symbol")]
    if not own:
        raise Refusal(
            _FIELD,
            f"{file} has no column beside its times and symbols",
            hint="add one of numbers",
        )
    for name in own:
        if not (frame[name].dtype.is_numeric() or frame[name].dtype == pl.Boolean):
            raise Refusal(_FIELD, f"{name} of type {frame[name].dtype} in {file}", "numbers")
    return tuple(_joined(series, frame, own, file) for series in bars)


def _read(file: Path) -> pl.DataFrame:
    if not file.is_file():
        raise Refusal(_FIELD, f"there is no file {file}")
    if file.stat().st_size > _MOST_BYTES:
        raise Refusal(_FIELD, f"{file} of {file.stat().st_size:,} bytes", f"<= {_MOST_BYTES:,}")
    try:
        if file.suffix == ".parquet":
            frame = parquet_table(file, _MOST_BYTES / 1e6)
        else:
            frame = pl.read_csv(file, try_parse_dates=True, infer_schema_length=None)
    except MarketDataError as refusal:
        raise Refusal(_FIELD, f"{file}, which cannot be read ({refusal.found})") from None
    except (OSError, pl.exceptions.PolarsError) as error:
        text = (str(error).splitlines() or [type(error).__name__])[0]
        raise Refusal(_FIELD, f"{file}, which cannot be read ({text})") from None
    times = [name for name in ("timestamp", "date") if name in frame.columns]
    if len(times) != 1:
        raise Refusal(
            _FIELD, f"columns {', '.join(frame.columns)} in {file}", "one named timestamp or date"
        )
    if "known_at" in frame.columns and times != ["date"]:
        raise Refusal(_FIELD, f"timestamp and known_at in {file}", "one of them")
    kind = frame[times[0]].dtype
    fits = kind == pl.Date if times[0] == "date" else isinstance(kind, pl.Datetime)
    if not fits:
        allowed = "days" if times[0] == "date" else "instants, such as 2020-01-02T21:00:00Z"
        raise Refusal(_FIELD, f"{times[0]} of type {kind} in {file}", allowed)
    return frame.sort(times[0], maintain_order=True)


def _joined(series: Bars, frame: pl.DataFrame, own: list[str], file: Path) -> Bars:
    if "symbol" in frame.columns:
        frame = frame.filter(pl.col("symbol") == series.symbol)
        if frame.is_empty():
            raise Refusal(
                _FIELD,
                f"{file} has no row of {series.symbol}",
                hint="add its rows: every symbol of the study has some",
            )
    values = {name: frame[name].cast(pl.Float64).fill_null(np.nan).to_numpy() for name in own}
    if "timestamp" in frame.columns:
        known_at = frame["timestamp"].dt.epoch("us").to_numpy().astype(np.int64)
        return series.with_columns(values, known_at=known_at)
    days = frame["date"].cast(pl.Int32).to_numpy()
    if len(days) > 1 and (np.diff(days) == 0).any():
        day = frame["date"][int(np.argmax(np.diff(days) == 0))]
        raise Refusal(_FIELD, f"{day} twice in {file}", "each day once")
    own_days = series.timestamps // 86_400_000_000
    if series.calendar.bars_per_session > 1.0:
        raise Refusal(
            _FIELD,
            f"dates in {file} for bars of {series.calendar.timeframe}",
            "a timestamp: the instant at which a value became known",
        )
    place = np.searchsorted(days, own_days)
    there = (place < len(days)) & (days[np.minimum(place, len(days) - 1)] == own_days)
    if "known_at" in frame.columns:
        of_bars = frame.select("known_at", *own)[place[there].tolist()]
        stamps = series.timestamps[there]
        try:
            check_known(series.symbol, of_bars, "known_at", stamps, series.calendar)
        except Refusal as refusal:
            raise Refusal(
                _FIELD, f"{refusal.found} in {file}", refusal.allowed, hint=refusal.hint
            ) from None
    found = {
        name: np.where(there, column[np.minimum(place, len(days) - 1)], np.nan)
        for name, column in values.items()
    }
    return series.with_columns(found)
