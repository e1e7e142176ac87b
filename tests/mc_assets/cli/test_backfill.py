"""``mc backfill calibrations``: only what is missing is made, and a stopped one goes on."""

from __future__ import annotations

import datetime
import json
import signal
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from engine.calibration import Calibration, versions
from mc_assets import own_runs
from mc_assets.backfills import missing_dates
from mc_assets.calibration_store import CalibrationStore
from mc_assets.instance import open_instance
from mc_assets.pipeline import run_pipeline
from mc_assets.project import Project
from mc_assets.steps import Step
from tests.mc_assets.mc_here import Done, call_here, mc_here

SERIES = """
series:
  - {symbol: X, provider: csv, start: 2020-01-01, end: 2020-12-31,
     options: {path: x.csv}, models: [gbm]}
  - {symbol: EMPTY, provider: csv, start: 2020-01-01, end: 2020-12-31,
     options: {path: x.csv}, models: [gbm]}
"""


class Folder:
    """A project of one series with bars of 2020."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "studies").mkdir()
        (root / "series.yaml").write_text(SERIES)
        days = pl.date_range(datetime.date(2020, 1, 1), datetime.date(2020, 12, 31), eager=True)
        days = days.filter(days.dt.weekday() < 6)
        close = 100 * np.exp(np.cumsum(np.random.default_rng(1).normal(0, 0.01, len(days))))
        frame = pl.DataFrame({"date": days, "open": close, "high": close, "low": close})
        frame.with_columns(close=close, volume=pl.lit(1.0)).write_csv(root / "x.csv")

        self.places = {
            "MC_DATA": str(root / "data"),
            "MC_STUDIES": str(root / "studies"),
            "MC_SERIES": str(root / "series.yaml"),
        }

    def mc(self, *arguments: str) -> Done:
        return mc_here(*arguments, places=self.places, folder=self.root)

    def backfill(self, first: str, last: str, *more: str) -> dict[str, int]:
        done = self.mc(
            *(
                "backfill",
                "calibrations",
                "--series",
                "X@1d",
                "--from",
                first,
                "--to",
                last,
                "--json",
            ),
            *more,
        )
        assert done.returncode == 0, done.stderr
        (row,) = json.loads(done.stdout)
        return dict(row)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    made = Folder(tmp_path_factory.mktemp("backfill"))
    assert made.mc("ingest", "X@1d").returncode == 0
    return made


def test_a_backfill_makes_what_is_missing_and_nothing_else(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = folder.backfill("2020-06-01", "2020-06-12")
    assert first == {"series": "X@1d", "dates": 10, "stored": 0, "made": 10, "failed": 0}
    wider = folder.backfill("2020-05-27", "2020-06-16")
    assert wider == {"series": "X@1d", "dates": 15, "stored": 10, "made": 5, "failed": 0}
    again = folder.backfill("2020-06-01", "2020-06-02", "--again")
    assert again == {"series": "X@1d", "dates": 2, "stored": 0, "made": 2, "failed": 0}

    stored = set(CalibrationStore(folder.root / "data").read("X", "1d")["as_of"])
    asked = pl.date_range(datetime.date(2020, 5, 27), datetime.date(2020, 6, 16), eager=True)
    assert set(asked.filter(asked.dt.weekday() < 6)) <= stored
    monkeypatch.setitem(versions.ESTIMATOR_VERSIONS, "gbm", "next")
    project = Project(
        folder.root, folder.root / "data", folder.root / "studies", folder.root / "series.yaml"
    )
    (found,) = missing_dates(
        project, ["X@1d"], datetime.date(2020, 6, 1), datetime.date(2020, 6, 12)
    )
    assert (len(found.missing), found.stored) == (10, 0)


def test_a_backfill_that_is_stopped_says_how_to_go_on_and_leaves_no_run_open(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes: list[int] = []
    write = CalibrationStore.write

    def terminated(store: CalibrationStore, made: list[Calibration]) -> int:
        if writes:
            signal.raise_signal(signal.SIGTERM)
        writes.append(write(store, made))
        return writes[-1]

    def interrupted(*_: object) -> None:
        signal.raise_signal(signal.SIGINT)

    def leave() -> None:
        sys.exit(130)

    # It ends this process at once.
    monkeypatch.setattr("mc_assets.cli._leave", leave)
    # Not by processes of their own, which take seconds to begin.
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0}, raising=False)
    span = ("--series", "X@1d", "--from", "2020-01-15", "--to", "2020-04-30")
    sentence = "mc: stopped; what is finished is kept, the same command goes on from there\n"
    with monkeypatch.context() as patch:
        patch.setattr(CalibrationStore, "write", terminated)
        done = folder.mc("backfill", "calibrations", *span)
        assert (done.returncode, done.stderr) == (130, sentence)
    # Of 76 dates those that were stored together before.
    stored = CalibrationStore(folder.root / "data").read("X", "1d")["as_of"]
    asked = stored.is_between(datetime.date(2020, 1, 15), datetime.date(2020, 4, 30))
    assert stored.filter(asked).n_unique() == 64
    with monkeypatch.context() as patch:
        # Before the run begins.
        patch.setattr(own_runs, "_origins", interrupted)
        done = folder.mc("backfill", "calibrations", *span)
        assert (done.returncode, done.stderr) == (130, sentence)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MC_DATA", str(folder.root / "data"))
        with open_instance(Project.from_environment()) as instance:
            assert all(run.is_finished for run in instance.get_runs())


def test_a_date_that_is_no_day_of_the_partitions_fails_the_run(folder: Folder) -> None:
    def wrong() -> None:
        config = {"calibrations": {"dates": ["2019-06-28"]}}
        step = Step("wrong", ["calibrations"], ("2020|X@1d", "2020|X@1d"), config=config)
        run_pipeline(Project.from_environment(), [step])

    done = call_here(wrong, places=folder.places, folder=folder.root)
    assert "dates: found '2019-06-28', allowed days of the partitions" in done.stderr


def test_days_without_bars_are_left_out(folder: Folder) -> None:
    before = folder.backfill("2019-12-25", "2020-01-03")
    assert before["dates"] == 3  # the 1st, 2nd and 3rd of January
    assert folder.backfill("2021-03-01", "2021-04-01")["dates"] == 0


def test_a_long_backfill_is_several_runs_of_each_date_once(folder: Folder) -> None:
    project = Project(
        folder.root, folder.root / "data", folder.root / "studies", folder.root / "series.yaml"
    )
    (found,) = missing_dates(
        project, ["X@1d"], datetime.date(2020, 1, 1), datetime.date(2020, 12, 31), again=True
    )
    steps = list(found.steps(project))
    dates = [step.config["calibrations"]["dates"] for step in steps if step.config]
    assert [len(days) for days in dates] == [256, 6]
    assert [day for days in dates for day in days] == [str(day) for day in found.missing]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--from", "2020-13-01", "--to", "2020-02-01"], "--from: found '2020-13-01'"),
        (["--from", "2020-03-01", "--to", "2020-02-01"], "before 2020-03-01"),
        (["--series", "NOT@1d", "--from", "2020-03-01", "--to", "2020-04-01"], "NOT@1d"),
        (
            ["--series", "EMPTY@1d", "--from", "2020-03-01", "--to", "2020-04-01"],
            "`mc ingest EMPTY@1d`",
        ),
    ],
)
def test_a_backfill_of_what_is_not_there_is_refused_in_one_sentence(
    folder: Folder, arguments: list[str], sentence: str
) -> None:
    done = folder.mc("backfill", "calibrations", *arguments)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1
