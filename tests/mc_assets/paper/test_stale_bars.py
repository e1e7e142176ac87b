"""Bars that are stored and are behind what their provider has are not decided on."""

from __future__ import annotations

import datetime
from pathlib import Path

import polars as pl
import pytest

from engine.bars import Bars
from engine.calendar import BarCalendar
from mc_assets.answers.paper import PaperSession
from mc_assets.paper.stale_bars import StaleBars, stale_bars
from mc_assets.project import Project

SERIES = """series:
  - {symbol: X, provider: csv, start: 2019-01-01, options: {path: X.csv}}
  - {symbol: Y, provider: csv, start: 2019-01-01, end: 2020-01-06, options: {path: X.csv}}
"""
ROWS = """Date,Open,High,Low,Close,Volume
2020-01-03,100,102,99,101,1100
2020-01-06,101,103,101,102,1200
2020-01-07,102,103,101,102,1200
"""
MIDNIGHT = datetime.datetime(2020, 1, 6, tzinfo=datetime.UTC)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "series.yaml").write_text(SERIES)
    (tmp_path / "X.csv").write_text(ROWS)
    return Project(tmp_path, tmp_path / "data", tmp_path / "studies", tmp_path / "series.yaml")


def stored(symbol: str = "X") -> Bars:
    """Bars until Monday the sixth."""
    days = pl.Series([datetime.datetime(2020, 1, 3), datetime.datetime(2020, 1, 6)])
    stamps = days.dt.epoch("us").to_numpy()
    prices = [pl.Series([100.0, 101.0]).to_numpy() for _ in range(5)]
    return Bars(symbol, stamps, *prices, calendar=BarCalendar("XNYS", "1d"))


@pytest.mark.parametrize(
    ("hours", "behind"),
    [
        (47, True),  # Tuesday the seventh has closed at 21:00 UTC, and the file has its bar
        (44, False),  # it trades
        (20, False),
    ],
)
def test_a_bar_that_the_provider_has_and_the_store_lacks_is_named(
    project: Project, hours: int, behind: bool
) -> None:
    found = stale_bars(project, [stored()], MIDNIGHT + datetime.timedelta(hours=hours))
    said = "X: the newest stored bar opened at 2020-01-06 00:00 UTC, csv has one of 2020-01-07"
    assert [sentence.startswith(said) for sentence in found] == [True] * behind


def test_a_provider_without_a_newer_bar_and_a_series_that_has_ended_are_not_behind(
    project: Project,
) -> None:
    later = MIDNIGHT + datetime.timedelta(hours=70)
    assert stale_bars(project, [stored("Y")], later) == []
    (project.root / "X.csv").write_text(ROWS.rpartition("2020-01-07")[0])
    assert stale_bars(project, [stored()], later) == []


def test_nothing_is_decided_on_bars_that_are_behind(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Decides:
        def step(self, bars: object) -> None:
            raise AssertionError("it decided")

    looked: list[bool] = []
    session = PaperSession(project, "held", (), Decides())  # type: ignore[arg-type]
    monkeypatch.setattr(session, "_bars", lambda *, ingest: looked.append(ingest))
    monkeypatch.setattr(session, "_behind", lambda bars: ["X: behind"])
    monkeypatch.setattr(session, "_series", lambda: ["X@1d"])
    with pytest.raises(StaleBars, match="X: behind; `mc ingest X@1d` stores it"):
        session.look(ingest=False)
    with pytest.raises(StaleBars):
        session.look(ingest=True)
    assert looked == [False, True, True]
