"""Steps of the pipeline: ranges of partitions, and what a failure stops."""

from __future__ import annotations

import signal
from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any, cast

import dagster as dg
import polars as pl
import pytest

from engine.calendar import BarCalendar
from mc_assets import market_data, pipeline
from mc_assets import steps as steps_module
from mc_assets.periods import period_of
from mc_assets.pipeline import PipelineError, PipelineStopped, run_pipeline, run_step
from mc_assets.project import Project
from mc_assets.steps import Step, calibration_steps


@pytest.mark.parametrize(
    ("chosen", "ranges"),
    [
        (["a", "b", "c"], [("a", "c")]),
        (["a", "c", "d"], [("a", "a"), ("c", "d")]),
        (["d"], [("d", "d")]),
        ([], []),
    ],
)
def test_partitions_are_grouped_into_unbroken_ranges(
    chosen: list[str], ranges: list[tuple[str, str]]
) -> None:
    assert list(steps_module._runs_of(["a", "b", "c", "d"], chosen)) == ranges


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> list[str]:
    """Titles of the steps that ran; a step whose title ends in ``!`` fails."""
    titles: list[str] = []

    def run_step(step: Step, _: object) -> dict[str, float]:
        titles.append(step.title)
        if step.title.endswith("!"):
            raise PipelineError(f"{step.title} went wrong")
        return {"row_count": 1.0}

    monkeypatch.setattr(pipeline, "run_step", run_step)
    monkeypatch.setenv("MC_DATA", str(tmp_path))
    return titles


def test_a_stop_that_dagster_forgot_still_stops_what_would_follow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def execute_here(*_: object, **__: object) -> object:
        before = signal.signal(signal.SIGINT, lambda *_: None)
        signal.raise_signal(signal.SIGINT)
        signal.signal(signal.SIGINT, before)
        return object()

    monkeypatch.setattr("mc_assets.own_runs.execute_here", execute_here)
    with pytest.raises(PipelineStopped, match="the same command goes on from there"):
        run_step(Step("one", ["bars"]), cast("dg.DagsterInstance", None))


def test_a_series_that_fails_loses_no_other_but_nothing_is_built_on_it(ran: list[str]) -> None:
    steps = [
        Step("one!", ["bars"], independent=True),
        Step("two", ["bars"], independent=True),
        Step("three!", ["bars"], independent=True),
        Step("study", ["simulations"]),
    ]
    with pytest.raises(PipelineError, match=r"one! went wrong\nthree! went wrong"):
        run_pipeline(Project.from_environment(), steps)
    assert ran == ["one!", "two", "three!"]


def test_a_dependent_step_that_fails_ends_the_run(ran: list[str]) -> None:
    steps = [Step("one", ["bars"]), Step("two!", ["bars"]), Step("three", ["bars"])]
    with pytest.raises(PipelineError, match="two! went wrong"):
        run_pipeline(Project.from_environment(), steps)
    assert ran == ["one", "two!"]


def test_a_finished_step_says_what_it_made() -> None:
    summary = Step("x", []).summary({"row_count": 1234.0, "quarantined": 2.0, "failed": 0.0})
    assert summary == "1,234 rows, 2 quarantined, "


@pytest.mark.parametrize(
    ("exchange", "timeframe", "newest", "expected"),
    [
        ("XNYS", "1d", datetime(2016, 6, 30, 13, 30), date(2016, 6, 30)),
        # A session that began the evening before, and a week that began on Monday.
        ("CMES", "1d", datetime(2016, 6, 29, 22, 0), date(2016, 6, 30)),
        ("XNYS", "1w", datetime(2016, 6, 27, 13, 30), date(2016, 7, 1)),
        # Weekends have no partition: the Monday after, or the Friday before while it is one.
        ("24/7", "1d", datetime(2016, 6, 18), date(2016, 6, 20)),
        ("24/7", "1d", datetime(2026, 11, 21), date(2026, 11, 20)),
        ("24/7", "1w", datetime(2026, 11, 16), date(2026, 11, 20)),
        ("XNYS", "1w", datetime(2026, 11, 23, 14, 30), date(2026, 11, 20)),
    ],
)
def test_calibrations_are_as_of_the_day_the_newest_bar_is_complete(
    exchange: str,
    timeframe: str,
    newest: datetime,
    expected: date,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    key = f"A@{timeframe}"
    series = SimpleNamespace(calendar=BarCalendar(exchange, timeframe))
    config = type("Config", (dict,), {"keys": [key]})({key: series})
    stamps = pl.DataFrame({"timestamp": [newest.replace(tzinfo=UTC)]})
    store = SimpleNamespace(read=lambda *_: stamps)
    monkeypatch.setattr(market_data, "load_series", lambda *_: config)
    monkeypatch.setattr(market_data, "BarStore", lambda _: store)
    ends = (date(1990, 1, 1), date(2026, 11, 20))
    monkeypatch.setattr(steps_module, "_dates_of_calibrations", lambda _: ends)
    [step] = calibration_steps(Project.from_environment(), [key])
    period = period_of(expected)
    assert step.partitions == (f"{period}|{key}", f"{period}|{key}")
    assert step.config == {"calibrations": {"dates": [str(expected)]}}


@pytest.mark.parametrize("day", [date(1980, 6, 18), date(2016, 6, 18), date(2335, 6, 18)])
def test_a_date_without_calibrations_is_refused(day: date) -> None:
    with pytest.raises(
        ValueError, match=f"as_of: found {day} .*, allowed a weekday from 1986-01-01 to 2018-12-31"
    ):
        list(calibration_steps(Project.from_environment(), [], as_of=day))
