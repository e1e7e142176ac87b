"""Periods: which there are, what dates are in them, and that Dagster offers them as days pass."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import dagster as dg
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import Refusal
from mc_assets.as_of_table import AsOfTable
from mc_assets.defs.chosen_dates import dates_of_keys, dates_of_series
from mc_assets.market_data import load_series
from mc_assets.offered_periods import PERIODS, offer_periods
from mc_assets.periods import as_of_span, chosen_dates, dates_in, period_keys, period_of
from mc_assets.project import Project
from tests.mc_assets.stored_home import stored_home

TABLE = pl.Schema(
    {"symbol": pl.String, "timeframe": pl.String, "as_of": pl.Date, "model": pl.String}
)
days = st.dates(date(1990, 1, 1), date(2060, 1, 1))


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as opened:
        yield opened


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "series.yaml").write_text(
        "series:\n  - symbols: [A, B]\n    timeframe: 1d\n    provider: csv\n"
        '    start: 2023-05-01\n    options: {path: "{symbol}.csv"}\n'
    )
    return dataclasses.replace(
        Project.from_environment(),
        data=tmp_path / "data",
        studies=tmp_path,
        series=tmp_path / "series.yaml",
    )


def _weekdays(first: date, last: date) -> list[date]:
    every = (first + datetime.timedelta(days=n) for n in range((last - first).days + 1))
    return [day for day in every if day.weekday() < 5]


@settings(database=None, deadline=None)
@given(first=days, length=st.integers(0, 9000), ahead=st.integers(0, 800))
def test_every_weekday_is_in_exactly_one_period(first: date, length: int, ahead: int) -> None:
    first = first.replace(month=1, day=1)
    last = first + datetime.timedelta(days=length)
    today = last + datetime.timedelta(days=ahead)
    keys = period_keys(first, last, today)
    assert len(set(keys)) == len(keys)
    wanted = _weekdays(first, last)
    assert {period_of(day, today) for day in wanted} <= set(keys)
    real = datetime.datetime.now(datetime.UTC).date()
    inside = [day for key in keys for day in dates_in(key) if first <= day <= last]
    assert inside == [day for day in wanted if day <= real]


def test_a_thousand_studies_since_1990_have_less_than_a_hundred_thousand_partitions() -> None:
    for day in _weekdays(date(2026, 1, 1), date(2030, 12, 31)):
        assert len(period_keys(date(1990, 1, 1), day, day)) < 100


def test_the_newest_two_weeks_are_always_days() -> None:
    for day in _weekdays(date(2026, 1, 1), date(2027, 12, 31)):
        keys = period_keys(date(2020, 1, 1), day, day)
        assert {str(d) for d in _weekdays(day - datetime.timedelta(days=14), day)} <= set(keys)


def test_periods_are_in_the_order_of_time() -> None:
    keys = period_keys(date(2023, 1, 1), date(2026, 11, 27), date(2026, 11, 27))
    assert keys[:3] == ["2023", "2024", "2025-01"]
    assert keys[3:] == sorted(keys[3:])
    assert keys[-1] == "2026-11-27"
    assert "2026-10" in keys
    assert "2026-11" not in keys


def test_periods_are_offered_where_bars_may_be_alone(project: Project) -> None:
    config = load_series(project.series)
    assert as_of_span(config, date(2026, 11, 27)) == (date(2023, 1, 1), date(2026, 11, 27))
    ended = load_series(Project.from_environment().series)
    assert as_of_span(ended, date(2026, 11, 27)) == (date(1986, 1, 1), date(2018, 12, 31))


@pytest.mark.parametrize("period", ["", "20", "2016-13", "2016-02-30", "20160101", "soon"])
def test_what_is_no_period_is_one_sentence(period: str) -> None:
    with pytest.raises(Refusal, match=r"period: found '.*', allowed a year, a month YYYY-MM"):
        dates_in(period)


@pytest.mark.parametrize("text", ["2016-13-18", "yesterday", "2016-02-30"])
def test_what_is_no_date_is_one_sentence(text: str) -> None:
    with pytest.raises(Refusal, match=f"dates: found '{text}', allowed a date YYYY-MM-DD"):
        chosen_dates("2016", [text])


def test_a_saturday_is_made_where_it_is_asked_for_and_offered_where_something_trades() -> None:
    assert chosen_dates("2016", ["2016-06-18"]) == [date(2016, 6, 18)]
    assert chosen_dates("2016-07", ["2016-06-18"]) == []
    days = [date(2026, 11, day) for day in (27, 28)]
    weekdays = period_keys(date(2026, 1, 1), days[1], days[1])
    assert weekdays[-1] == "2026-11-27"
    every_day = period_keys(date(2026, 1, 1), days[1], days[1], weekends=True)
    assert every_day[-2:] == ["2026-11-27", "2026-11-28"]
    assert dates_in("2016-06-18") == [date(2016, 6, 18)]


def test_a_date_outside_the_partitions_of_a_run_is_one_sentence() -> None:
    key = dg.MultiPartitionKey({"period": "2016", "series": "A@1d"})
    assert dates_of_keys([key], ["2016-06-30"]) == {key: [date(2016, 6, 30)]}
    with pytest.raises(Refusal, match="dates: found '2017-06-30', allowed days of the part"):
        dates_of_keys([key], ["2016-06-30", "2017-06-30"])


def test_a_year_is_made_from_its_first_bar_to_its_last(tmp_path: Path) -> None:
    with stored_home(tmp_path) as home:
        series = load_series(home.series).keys[0]
        symbol, _, timeframe = series.rpartition("@")
        from mc_assets.market_data import BarStore

        span = BarStore(home.data).span(symbol, timeframe)
        assert span is not None
        year = dg.MultiPartitionKey({"period": str(span[1].year), "series": series})
        [found] = dates_of_series(home.data, series, [year], []).values()
        assert found == _weekdays(max(span[0], date(span[1].year, 1, 1)), span[1])
    with pytest.raises(Refusal, match=r"bars: found none, allowed some; `mc ingest A@1d` brings"):
        dates_of_series(tmp_path / "empty", "A@1d", [year], [])


def test_a_new_day_is_offered_and_the_others_stay(
    project: Project, instance: dg.DagsterInstance
) -> None:
    before = offer_periods(instance, project, date(2026, 11, 26))
    after = offer_periods(instance, project, date(2026, 11, 27))
    assert after == [*before, "2026-11-27"] == list(instance.get_dynamic_partitions(PERIODS))


@settings(max_examples=settings.default.max_examples // 4, database=None, deadline=None)
@given(steps=st.lists(st.integers(-40, 400), min_size=1, max_size=6))
def test_whatever_the_clock_does_the_periods_are_those_of_today_in_order(steps: list[int]) -> None:
    own = dataclasses.replace(Project.from_environment(), data=Path("/nowhere"))
    with dg.DagsterInstance.ephemeral() as instance:
        today = date(2016, 1, 4)
        for step in steps:
            today += datetime.timedelta(days=step)
            config = load_series(own.series)
            wanted = period_keys(*as_of_span(config, today), today)
            assert offer_periods(instance, own, today) == wanted
            assert list(instance.get_dynamic_partitions(PERIODS)) == wanted


def test_days_that_become_a_month_and_months_that_become_a_year_stay_done(
    project: Project, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mc_assets.market_data import BarStore

    span = (date(2023, 5, 1), date(2025, 12, 31))
    monkeypatch.setattr(BarStore, "span", lambda *_: span)
    made = [day for day in _weekdays(*span) if day != date(2024, 7, 4)]
    AsOfTable(project.data, "calibrations", TABLE).write(
        [{"symbol": "A", "timeframe": "1d", "as_of": day, "model": "gbm"} for day in made]
    )
    nightly = project.data / "nightly_statistics" / "one"
    nightly.mkdir(parents=True)
    for day in _weekdays(date(2025, 11, 1), date(2025, 11, 30)):
        (nightly / f"{day}.parquet").touch()
    offer_periods(instance, project, date(2025, 12, 12))
    studies = instance.get_materialized_partitions(dg.AssetKey("nightly_simulations"))
    assert studies == set()
    offer_periods(instance, project, date(2026, 1, 20))
    done = instance.get_materialized_partitions(dg.AssetKey("calibrations"))
    assert done >= {"2023|A@1d", "2025-12|A@1d", *(f"2025-{m:02d}|A@1d" for m in range(1, 12))}
    # A date of it was never made.
    assert "2024|A@1d" not in done
    assert not [key for key in done if "B@1d" in key]
    studies = instance.get_materialized_partitions(dg.AssetKey("nightly_simulations"))
    assert studies == {"2025-11|one"}
