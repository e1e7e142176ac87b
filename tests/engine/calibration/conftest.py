"""Bars the calibration tests share."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from engine.bars import Bars
from engine.calendar import BarCalendar

DAY = 86_400_000_000
OPEN = 14 * 3_600_000_000 + 30 * 60_000_000


def midnight(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1_000_000


def bars_from_closes(
    closes: np.ndarray,
    *,
    start: date = date(2000, 1, 3),
    symbol: str = "TEST",
    calendar: BarCalendar | None = None,
    timestamps: np.ndarray | None = None,
) -> Bars:
    closes = np.asarray(closes, dtype=np.float64)
    if timestamps is None:
        # Weekdays only: five sessions, two days of rest.
        index = np.arange(len(closes))
        days = index + 2 * ((index + start.weekday()) // 5)
        timestamps = midnight(start) + OPEN + days.astype(np.int64) * DAY
    opens = np.concatenate(([closes[0]], closes[:-1]))
    return Bars(
        symbol,
        timestamps.astype(np.int64),
        opens,
        np.maximum(opens, closes),
        np.minimum(opens, closes),
        closes,
        np.full(len(closes), 1000.0),
        calendar or BarCalendar(),
    )


@pytest.fixture(scope="session")
def make_bars() -> Callable[..., Bars]:
    return bars_from_closes


@pytest.fixture(scope="session")
def sp500(reference: Path) -> Bars:
    frame = pl.read_csv(reference / "data/daily/arch_sp500.csv", infer_schema_length=None)
    days = frame["Date"].str.to_date("%m/%d/%Y").cast(pl.Datetime("us")).dt.epoch("us").to_numpy()
    return Bars(
        "SP500",
        days + OPEN,
        *(
            np.ascontiguousarray(frame[name].to_numpy(), dtype=np.float64)
            for name in ("Open", "High", "Low", "Close", "Volume")
        ),
        BarCalendar(),
    )


@pytest.fixture(scope="session")
def wti(reference: Path) -> Bars:
    frame = pl.read_csv(
        reference / "data/daily/eia_wti_spot_daily.csv",
        try_parse_dates=True,
        schema_overrides={"Price": pl.Float64},
        null_values=["."],
    ).drop_nulls()
    days = frame["Date"].cast(pl.Datetime("us")).dt.epoch("us").to_numpy()
    close = np.ascontiguousarray(frame["Price"].to_numpy(), dtype=np.float64)
    return Bars("WTI", days, close, close, close, close, np.zeros(len(close)), BarCalendar())
