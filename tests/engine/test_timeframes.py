"""Lengths of bars, and what they are of a year."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from engine.calendar import BarCalendar
from engine.calibration.sample import bar_ends
from engine.timeframes import canonical_timeframe, intraday_minutes


@pytest.mark.parametrize(
    ("written", "name", "minutes"),
    [
        ("1m", "1m", 1), ("2m", "2m", 2), ("10m", "10m", 10), ("60m", "1h", 60), ("90m", "90m", 90),
        ("4h", "4h", 240), ("23h", "23h", 1380), ("1d", "1d", None), ("1w", "1w", None),
        ("1mo", "1mo", None),
    ],
)  # fmt: skip
def test_a_timeframe_has_one_name(written: str, name: str, minutes: int | None) -> None:
    assert (canonical_timeframe(written), intraday_minutes(written)) == (name, minutes)


@pytest.mark.parametrize(
    "written", ["", "m", "0m", "-1m", "1.5h", "24h", "1440m", "2d", "1M", "1D", "1 h", "01m", "1s",
                "99999m", "1m\n", "١m"]
)  # fmt: skip
def test_what_is_no_timeframe_is_one_sentence(written: str) -> None:
    with pytest.raises(ValueError, match=r"timeframe: found .* allowed whole minutes or hours"):
        BarCalendar("XNYS", written)


@pytest.mark.parametrize(
    ("exchange", "timeframe", "bars"),
    [
        ("XNYS", "2m", 252 * 195), ("XNYS", "10m", 252 * 39), ("24/7", "4h", 365 * 6),
        ("24/5", "2h", 260 * 12), ("XNYS", "1mo", 12), ("24/7", "1mo", 12),
    ],
)  # fmt: skip
def test_a_year_has_as_many_bars_as_its_sessions_make(
    exchange: str, timeframe: str, bars: float
) -> None:
    assert BarCalendar(exchange, timeframe).bars_per_year == pytest.approx(bars)


@pytest.mark.parametrize("opening", ["2024-01-31T23:00", "2024-02-01T14:30", "2024-02-05T14:30"])
def test_a_month_is_complete_when_it_is_over(opening: str) -> None:
    stamp = np.array([np.datetime64(opening, "us").astype(np.int64)])
    end = int(bar_ends(stamp, BarCalendar("CMES", "1mo"))[0])
    assert datetime.fromtimestamp(end / 1e6, UTC) == datetime(2024, 3, 1, tzinfo=UTC)
