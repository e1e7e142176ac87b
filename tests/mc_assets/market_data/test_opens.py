"""The instant at which a day, week or month opens, from what providers stamp."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.tables.opens import open_instants
from engine.tables.sessions import sessions_of
from engine.tables.timestamps import detect_format, parse_stamps
from mc_assets.market_data import bars_from_file
from mc_assets.market_data.config import SeriesConfig
from mc_assets.market_data.ends import bar_ends
from mc_assets.market_data.quality import check_bars

HEADER = "time,open,high,low,close,volume\n"


def opens(
    cells: list[str],
    exchange: str,
    timeframe: str = "1d",
    timezone: str | None = None,
    stamp: str | None = None,
) -> list[str]:
    column = pl.Series(cells)
    found = open_instants(
        parse_stamps(column, detect_format(column)),
        timeframe=timeframe,
        sessions=sessions_of(exchange),
        timezone=timezone,
        stamp=stamp,  # type: ignore[arg-type]
    )
    return found.cast(pl.Datetime("us")).dt.strftime("%Y-%m-%d %H:%M").to_list()


@pytest.mark.parametrize(
    ("cells", "more", "expected"),
    [
        (["2024-01-01 06:00:00+00:00"], {}, ["2024-01-01 06:00"]),
        (["2024-01-01T00:00:00-06:00"], {}, ["2024-01-01 06:00"]),
        (["2024-01-01T00:00:00+08:00"], {}, ["2023-12-31 16:00"]),
        (["2024-01-01T16:00:00Z"], {}, ["2024-01-01 16:00"]),
        (["1704067200"], {}, ["2024-01-01 00:00"]),
        (["1704088800000"], {}, ["2024-01-01 06:00"]),
        (["2024-01-01"], {}, ["2024-01-01 00:00"]),
        (["2024-01-01"], {"timezone": "Asia/Singapore"}, ["2023-12-31 16:00"]),
        (["2024-01-01 00:00"], {"timezone": "America/Chicago"}, ["2024-01-01 06:00"]),
        (["2024-07-01 00:00"], {"timezone": "America/Chicago"}, ["2024-07-01 05:00"]),
        (["2024-01-01 23:59:59"], {}, ["2024-01-01 00:00"]),
        (["2024-01-01T23:59:59.999Z"], {}, ["2024-01-01 00:00"]),
        (["2024-01-02T06:00:00Z"], {"stamp": "end"}, ["2024-01-01 06:00"]),
        (["2024-01-02"], {"stamp": "end"}, ["2024-01-01 00:00"]),
        (["2016-12-31T23:59:60Z"], {}, ["2016-12-31 00:00"]),
        (["2024-01-03T14:23:00Z"], {}, ["2024-01-03 14:23"]),
    ],
)
def test_a_day_without_a_bell_opens_when_it_is_stamped(
    cells: list[str], more: dict[str, str], expected: list[str]
) -> None:
    assert opens(cells, "24/7", **more) == expected


@pytest.mark.parametrize(
    ("cell", "more", "expected"),
    [
        ("2024-01-07T22:00:00Z", {}, "2024-01-07 22:00"),
        ("2024-07-07T21:00:00Z", {}, "2024-07-07 21:00"),
        ("2024-01-07 17:00:00-05:00", {}, "2024-01-07 22:00"),
        ("2024-01-07 17:00", {"timezone": "America/New_York"}, "2024-01-07 22:00"),
        # A plain day, and the ways to write one, is the session that ends on it.
        ("2024-01-08", {}, "2024-01-07 22:00"),
        ("2024-07-08", {}, "2024-07-07 21:00"),
        ("2024-01-12", {}, "2024-01-11 22:00"),
        ("20240108", {}, "2024-01-07 22:00"),
        ("2024-01-08 00:00:00", {}, "2024-01-07 22:00"),
        ("2024-01-08 23:59:59", {}, "2024-01-07 22:00"),
        ("2024-03-11 00:00", {"timezone": "Europe/Athens"}, "2024-03-10 21:00"),
        # Days from midnight to midnight in a zone of their own keep their instant.
        ("2024-01-08T00:00:00+00:00", {}, "2024-01-08 00:00"),
        ("2024-07-08T00:00:00+01:00", {}, "2024-07-07 23:00"),
        ("2024-01-08T22:00:00Z", {"stamp": "end"}, "2024-01-07 22:00"),
        ("2024-07-08T21:00:00Z", {"stamp": "end"}, "2024-07-07 21:00"),
    ],
)
def test_a_day_of_currencies_runs_from_five_to_five_in_new_york(
    cell: str, more: dict[str, str], expected: str
) -> None:
    assert opens([cell], "24/5", **more) == [expected]


@pytest.mark.parametrize(
    ("exchange", "timeframe", "cell", "more", "expected"),
    [
        ("24/7", "1w", "2024-01-01", {}, "2024-01-01 00:00"),
        ("24/7", "1w", "2024-01-07", {}, "2024-01-01 00:00"),
        ("24/7", "1w", "2024-01-07 23:59:59", {}, "2024-01-01 00:00"),
        ("24/7", "1w", "2024-01-08", {"stamp": "end"}, "2024-01-01 00:00"),
        ("24/7", "1w", "2024-01-01T06:00:00Z", {}, "2024-01-01 06:00"),
        ("24/7", "1w", "2024-01-03", {"timezone": "Asia/Singapore"}, "2023-12-31 16:00"),
        ("24/7", "1mo", "2024-02-01", {}, "2024-02-01 00:00"),
        ("24/7", "1mo", "2024-02-29", {}, "2024-02-01 00:00"),
        ("24/7", "1mo", "2024-02-29T23:59:59.999Z", {}, "2024-02-01 00:00"),
        ("24/7", "1mo", "2024-03-01", {"stamp": "end"}, "2024-02-01 00:00"),
        ("24/7", "1mo", "2024-02-01T06:00:00Z", {}, "2024-02-01 06:00"),
        ("24/5", "1w", "2024-01-07T22:00:00Z", {}, "2024-01-07 22:00"),
        # What OANDA stamps by default, and where the week begins at midnight.
        ("24/5", "1w", "2024-01-05T22:00:00Z", {}, "2024-01-07 22:00"),
        ("24/5", "1w", "2024-01-08T00:00:00Z", {}, "2024-01-07 22:00"),
        ("24/5", "1w", "2024-01-08", {}, "2024-01-07 22:00"),
        ("24/5", "1w", "2024-01-12T22:00:00Z", {"stamp": "end"}, "2024-01-07 22:00"),
        ("24/5", "1mo", "2024-01-01", {}, "2023-12-31 22:00"),
        ("24/5", "1mo", "2024-01-31T22:00:00Z", {}, "2024-01-31 22:00"),
        ("XNYS", "1mo", "2024-01-01", {}, "2024-01-02 14:30"),
        ("XNYS", "1mo", "2024-01-31", {}, "2024-01-02 14:30"),
        ("XNYS", "1mo", "2024-06-01T04:00:00Z", {}, "2024-06-03 13:30"),
        ("CMES", "1mo", "2024-02-01", {}, "2024-01-31 23:00"),
        ("CMES", "1w", "2024-01-07", {}, "2024-01-07 23:00"),
    ],
)
def test_a_week_or_month_opens_with_its_first_session(
    exchange: str, timeframe: str, cell: str, more: dict[str, str], expected: str
) -> None:
    assert opens([cell], exchange, timeframe, **more) == [expected]


def test_the_week_of_currencies_has_a_friday_and_no_sunday() -> None:
    sessions = sessions_of("24/5")
    weekdays = {int(day + 3) % 7 for day in sessions.days[-500:]}
    assert weekdays == {0, 1, 2, 3, 4}
    begins = pl.Series(sessions.opens[-1000:]).cast(pl.Datetime("us"))
    local = begins.dt.replace_time_zone("UTC").dt.convert_time_zone("America/New_York")
    assert set(local.dt.hour()) == {17}
    # Bars of five days, resampled or stamped, meet in the same session.
    assert (sessions.closes[-100:-1] <= sessions.opens[-99:]).all()


def checks(path: Path, exchange: str, first: str, last: str) -> dict[str, int]:
    bars, quarantine = bars_from_file(path, "X", exchange=exchange)
    series = SeriesConfig(symbol="X", provider="csv", exchange=exchange, start=date(2020, 1, 1))
    start, end = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (first, last))
    found = check_bars(bars, quarantine, series, start=start, end=end)
    return {item.check: item.count for item in found if item.count}


@pytest.mark.parametrize("zone", ["America/Chicago", "Asia/Singapore", "UTC", "Europe/Berlin"])
def test_days_of_any_zone_are_complete_over_the_year(tmp_path: Path, zone: str) -> None:
    days = [date(2024, 1, 2) + timedelta(days=k) for k in range(360)]
    instants = [datetime(d.year, d.month, d.day, tzinfo=ZoneInfo(zone)) for d in days]
    price = [f"{100 + k % 7}" for k in range(len(days))]
    rows = [f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ},{p},{p},{p},{p},5" for at, p in
            zip(instants, price, strict=True)]  # fmt: skip
    file = tmp_path / "x.csv"
    file.write_text(HEADER + "\n".join(rows))
    stored = bars_from_file(file, "X", exchange="24/7").bars["timestamp"].to_list()
    assert stored == instants
    whole = ("2024-01-02", "2024-12-26")
    assert checks(file, "24/7", *whole) == {}
    file.write_text(HEADER + "\n".join(rows[:100] + rows[102:]))
    assert checks(file, "24/7", *whole) == {"gap": 2}
    # A day at another hour than all the others is told.
    later = instants[50].astimezone(UTC) + timedelta(hours=7)
    odd = f"{later:%Y-%m-%dT%H:%M:%SZ}{rows[50][20:]}"
    file.write_text(HEADER + "\n".join([*rows[:50], odd, *rows[51:]]))
    assert checks(file, "24/7", *whole)["off_session"] == 1


def test_a_bar_of_currencies_on_a_sunday_is_told(tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    days = [7, 8, 9, 10, 11, 12]
    file.write_text(HEADER + "".join(f"2024-01-{d:02d}T00:00:00Z,1,1,1,1,5\n" for d in days))
    assert checks(file, "24/5", "2024-01-07", "2024-01-13")["off_session"] == 1


@pytest.mark.parametrize(
    ("exchange", "timeframe", "opening", "end"),
    [
        ("24/7", "1d", "2024-01-01 06:00", "2024-01-02 06:00"),
        ("24/7", "1d", "2024-01-01 00:00", "2024-01-02 00:00"),
        ("24/5", "1d", "2024-01-07 22:00", "2024-01-08 22:00"),
        # The day on which clocks change has 23 hours.
        ("24/5", "1d", "2024-03-07 22:00", "2024-03-08 22:00"),
        ("24/5", "1d", "2024-01-08 00:00", "2024-01-09 00:00"),
        ("XNYS", "1d", "2024-01-02 14:30", "2024-01-02 21:00"),
        ("XNYS", "4h", "2024-01-02 14:30", "2024-01-02 18:30"),
        ("XNYS", "1w", "2024-01-02 14:30", "2024-01-09 14:30"),
        ("XNYS", "1mo", "2024-02-01 14:30", "2024-03-01 00:00"),
        ("CMES", "1mo", "2024-01-31 23:00", "2024-03-01 00:00"),
        ("24/7", "1mo", "2024-02-01 00:00", "2024-03-01 00:00"),
    ],
)
def test_a_bar_is_complete_when_its_span_is_over(
    exchange: str, timeframe: str, opening: str, end: str
) -> None:
    instant = pl.Series([datetime.fromisoformat(opening)]).dt.epoch("us")
    found = bar_ends(instant, timeframe, sessions_of(exchange))
    assert found.cast(pl.Datetime("us"))[0] == datetime.fromisoformat(end)


@settings(deadline=None)
@given(
    st.datetimes(min_value=datetime(1975, 1, 1), max_value=datetime(2025, 12, 31)),
    st.sampled_from(["24/7", "24/5"]),
)
def test_whatever_time_is_stamped_around_the_clock_is_kept(moment: datetime, exchange: str) -> None:
    moment = moment.replace(second=0, microsecond=0)
    cell = moment.replace(tzinfo=UTC).isoformat()
    assert opens([cell], exchange) == [f"{moment:%Y-%m-%d %H:%M}"]


def test_a_leap_second_displaces_no_bar(tmp_path: Path) -> None:
    stamps = ["2016-12-31T23:58:00Z", "2016-12-31T23:59:00Z", "2016-12-31T23:59:60Z",
              "2017-01-01T00:00:00Z", "2017-01-01T00:01:00Z"]  # fmt: skip
    rows = "".join(f"{s},{k},{k},{k},{k},5\n" for k, s in enumerate(stamps, 1))
    (tmp_path / "x.csv").write_text(HEADER + rows)
    bars, quarantine = bars_from_file(tmp_path / "x.csv", "X", timeframe="1m", exchange="24/7")
    assert bars["close"].to_list() == [1.0, 2.0, 4.0, 5.0]
    assert quarantine.select("reason", "line").rows() == [("repeated_timestamp", 4)]
    # Stamped at their end, the bar that the second makes longer ends with it.
    ends = [stamp for stamp in stamps if stamp != "2017-01-01T00:00:00Z"]
    rows = "".join(f"{s},{k},{k},{k},{k},5\n" for k, s in enumerate(ends, 1))
    (tmp_path / "x.csv").write_text(HEADER + rows)
    bars, quarantine = bars_from_file(
        tmp_path / "x.csv", "X", timeframe="1m", exchange="24/7", stamp="end"
    )
    assert quarantine.is_empty()
    assert bars["timestamp"].dt.strftime("%H:%M").to_list() == ["23:57", "23:58", "23:59", "00:00"]
