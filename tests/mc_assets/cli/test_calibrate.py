"""``mc calibrate --outdated``: which dates it asks for, and what a study says before it ran."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from engine.bars import Bars
from engine.calibration import Calibration, versions
from engine.errors import Refusal
from engine.studies import load_study
from mc_assets.answers import steps
from mc_assets.calibration_store import CalibrationStore
from mc_assets.cli import app
from mc_assets.project import Project
from mc_assets.stored_market_data import StoredMarketData
from tests.mc_assets.mc_here import Done, mc_here

SERIES = "series: [{symbol: X, provider: csv, start: 2020-01-02, options: {path: x.csv}}]\n"
STUDY = """
name: calibrated
source: {model: gbm, symbol: X, calibration: latest, steps: 20}
strategy: {name: buy_and_hold}
seeds: 2
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project whose estimator of one model has moved on since two of three dates."""
    (tmp_path / "series.yaml").write_text(SERIES)
    monkeypatch.setenv("MC_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("MC_SERIES", str(tmp_path / "series.yaml"))
    made = Project.from_environment()
    for day in ("2020-01-02", "2020-01-03", "2020-01-07"):
        CalibrationStore(made.data).write([calibration(day)])
    monkeypatch.setitem(versions.ESTIMATOR_VERSIONS, "gbm", "next")
    CalibrationStore(made.data).write([calibration("2020-01-03")])
    return made


def calibration(day: str) -> Calibration:
    return Calibration.of(
        "gbm",
        symbol="X",
        timeframe="1d",
        as_of=datetime.date.fromisoformat(day),
        parameters={"mu": 0.05, "sigma": 0.2},
        covariance=np.diag([0.01, 0.0001]),
        n=100,
        window="full",
    )


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Partitions and configuration of the steps that would run."""
    found: list[Any] = []

    def run_pipeline(project: Project, wanted: Any, receipts: Any, **callbacks: Any) -> None:
        found.extend((step.partitions, step.config) for step in wanted)

    monkeypatch.setattr(steps, "run_pipeline", run_pipeline)
    return found


@pytest.mark.usefixtures("project")
def test_every_outdated_date_is_calibrated_and_no_other(asked: list[Any]) -> None:
    done = CliRunner().invoke(app, ["calibrate", "X@1d", "--outdated"])
    assert done.exit_code == 0, done.exception
    dates = {"dates": ["2020-01-02", "2020-01-07"]}
    assert asked == [(("2020|X@1d", "2020|X@1d"), {"calibrations": dates})]
    assert "2020-01-03" in done.stdout  # what there is of this version


@pytest.mark.usefixtures("project")
def test_outdated_dates_and_a_date_exclude_one_another(asked: list[Any]) -> None:
    done = CliRunner().invoke(app, ["calibrate", "--outdated", "--as-of", "2020-01-02"])
    assert "--outdated: found with --as-of 2020-01-02" in str(done.exception)
    assert asked == []


def test_a_study_on_an_outdated_calibration_says_what_to_type(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    close = np.full(5, 100.0)
    stamps = np.arange(5, dtype=np.int64) * 86_400_000_000
    market_data = StoredMarketData(project)
    monkeypatch.setattr(market_data, "bars", lambda *_: Bars("X", stamps, *([close] * 5)))
    (tmp_path / "calibrated.yaml").write_text(STUDY)
    with pytest.raises(Refusal) as caught:
        load_study(tmp_path / "calibrated.yaml").resolve(market_data)
    assert str(caught.value).removeprefix(f"{tmp_path / 'calibrated.yaml'}: ") == (
        "source.calibration: calibration of gbm on X@1d as of 2020-01-07: found estimator version "
        "1, allowed next; `mc calibrate X@1d --as-of 2020-01-07` makes it anew"
    )


def test_a_study_that_lacks_its_calibration_has_it_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("MC_DATA", "MC_STUDIES", "MC_SERIES"):
        monkeypatch.delenv(variable, raising=False)
    days = np.arange("2020-01-02", "2020-04-01", dtype="datetime64[D]")
    days = days[np.is_busday(days)]
    closes = 100.0 * np.exp(np.random.default_rng(1).normal(0.0, 0.01, days.size).cumsum())
    rows = [f"{day},{close:.4f}" for day, close in zip(days, closes, strict=True)]
    (tmp_path / "x.csv").write_text("Date,Close\n" + "\n".join(rows) + "\n")
    (tmp_path / "series.yaml").write_text(
        SERIES.replace("start: 2020-01-02", "start: 2020-01-02, end: 2020-03-31, models: [gbm]")
    )
    (tmp_path / "studies").mkdir()
    (tmp_path / "studies" / "calibrated.yaml").write_text(STUDY)

    def mc(*words: str) -> Done:
        return mc_here(*words, places={"MC_HOME": str(tmp_path)}, folder=tmp_path)

    without_bars = mc("run", "calibrated")
    assert without_bars.returncode == 2
    assert without_bars.stderr.endswith("none are stored; `mc ingest X@1d` fetches them\n")
    assert mc("ingest").returncode == 0
    first, second = mc("run", "calibrated"), mc("run", "calibrated")
    assert first.stdout.count("calibrations of X@1d as of 2020-03-31") == 1, first.stderr
    assert "calibrated: 2 simulations" in first.stdout
    assert "calibrations of" not in second.stdout
    assert "2 found finished" in second.stdout
    of_a_date = mc("run", "calibrated", "--set", "source.calibration=2020-02-28")
    assert "calibrations of X@1d as of 2020-02-28" in of_a_date.stdout
