"""``mc doctor`` and ``mc status``: what stands in the way, and how a project is doing."""

from __future__ import annotations

import datetime
import json
import os
import time
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from typer.testing import CliRunner

from mc_assets.answers.doctor import examine
from mc_assets.answers.status import project_status
from mc_assets.cli import app
from mc_assets.cli.ui import _free_port
from mc_assets.home_lock import hold, is_in_use, release
from mc_assets.instance import open_instance, using_dagster_home
from mc_assets.project import Project

SECRET = "PK-very-secret-0123456789"
STUDY = """
name: quick
source: {model: gbm, parameters: {mu: 0.05, sigma: 0.2}, steps: 60}
strategy: {name: sma_crossover, parameters: {fast: [3, 5], slow: [20]}}
seeds: {count: 4}
"""
OWN = """
from engine.strategies import SMA, Bar, Int, Order, Strategy


class Own(Strategy):
    window = Int(3, low=2, high=50)
    mean = SMA(window)

    def on_bar(self, bar: Bar, order: Order) -> None:
        if bar.close > self.mean:
            order.target_percent(1.0)
        else:
            order.close()
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    (tmp_path / "studies").mkdir()
    (tmp_path / "studies" / "quick.yaml").write_text(STUDY)
    (tmp_path / "series.yaml").write_text(
        "series: [{symbol: A, provider: alpaca, start: 2024-01-02}]\n"
    )
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("MC_HOME", str(tmp_path))
    for name in ("APCA_API_KEY_ID", "ALPACA_API_KEY", "APCA_API_SECRET_KEY", "ALPACA_SECRET_KEY"):
        monkeypatch.delenv(name, raising=False)
    return Project.from_environment()


def found(project: Project, what: str) -> list[dict[str, Any]]:
    table = examine(project)
    return table.filter(table["what"] == what).to_dicts()


def test_the_doctor_says_which_key_a_provider_lacks_and_prints_none(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [row["state"] for row in found(project, "key of alpaca")] == ["advice", "advice"]
    monkeypatch.setenv("ALPACA_API_KEY", SECRET)
    key, secret = found(project, "key of alpaca")
    assert (key["state"], key["found"]) == ("ok", "ALPACA_API_KEY is set")
    assert "APCA_API_SECRET_KEY or ALPACA_SECRET_KEY" in secret["advice"]
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 0
    assert SECRET not in result.output


def test_the_doctor_fails_where_nothing_can_be_written(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    (row,) = found(project, "data folder")
    assert row["state"] == "wrong"
    assert CliRunner().invoke(app, ["doctor"]).exit_code == 1


def test_the_doctor_notices_a_clock_that_went_back(project: Project) -> None:
    assert found(project, "clock")[0]["state"] == "ok"
    later = time.time() + 3600
    (project.data / "bars").mkdir()
    os.utime(project.data / "bars", (later, later))
    assert found(project, "clock")[0]["state"] == "wrong"


def test_the_doctor_names_a_kernel_cache_that_others_can_write(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "kernels"
    folder.mkdir()
    folder.chmod(0o777)
    monkeypatch.setattr("engine.compiled.cache.cache_folder", lambda: folder)
    (row,) = found(project, "kernel cache")
    assert row["state"] == "advice"
    assert "can be written by others" in row["found"]


def test_the_doctor_repeats_what_is_wrong_with_the_series_file(project: Project) -> None:
    project.series.write_text("series: [{symbol: A, provider: nowhere, start: 2024-01-02}]\n")
    (row,) = found(project, "series")
    assert row["state"] == "wrong"
    assert "nowhere" in row["found"]


def test_status_tells_runs_stale_steps_schedules_and_disk_use(project: Project) -> None:
    (project.series).write_text("series: []\n")
    runner = CliRunner()
    before = json.loads(runner.invoke(app, ["status", "--json"]).stdout)
    assert before["runs"] == []
    assert next(step["step"] for step in before["stale"]) == "study quick"
    assert runner.invoke(app, ["run", "quick"]).exit_code == 0
    after = json.loads(runner.invoke(app, ["status", "--json"]).stdout)
    (run,) = after["runs"]
    assert (run["study"], run["state"], run["done"]) == ("quick", "finished", 8)
    assert "study quick" not in [step["step"] for step in after["stale"]]
    assert {row["folder"] for row in after["disk"]} >= {"simulations", "manifests", "ledger"}
    shown = runner.invoke(app, ["status"]).stdout
    assert "no partition is failed" in shown
    assert "nightly_chain" in shown


def test_a_study_with_code_of_ones_own_is_stale_when_it_or_its_code_has_changed_and_else_not(
    project: Project,
) -> None:
    project.series.write_text("series: []\n")
    (project.studies / "own.py").write_text(OWN)
    study = project.studies / "quick.yaml"
    study.write_text(
        STUDY.replace(
            "{name: sma_crossover, parameters: {fast: [3, 5], slow: [20]}}",
            "{name: own, file: own.py, parameters: {window: [3, 5]}}",
        )
    )

    def is_stale() -> bool:
        return "study quick" in project_status(project).stale["step"].to_list()

    runner = CliRunner()
    assert is_stale()
    assert runner.invoke(app, ["run", "quick"]).exit_code == 0
    assert not is_stale()
    text = study.read_text()
    study.write_text(text.replace("count: 4", "count: 5"))
    assert is_stale()
    study.write_text(text)
    assert not is_stale()
    (project.studies / "own.py").write_text(OWN.replace(">", "<"))
    assert is_stale()


def test_the_next_night_follows_the_next_session_of_each_exchange(project: Project) -> None:
    project.series.write_text(
        "series:\n  - {symbol: A, provider: csv, start: 2020-01-01, options: {path: a.csv}}\n"
        "  - {symbol: B, provider: csv, exchange: 24/7, start: 2020-01-01, "
        "options: {path: b.csv}}\n"
    )
    sunday = datetime.datetime(2026, 11, 29, 12, tzinfo=datetime.UTC)
    ticks = project_status(project, sunday).automation
    nights = ticks.filter(ticks["automation"] == "nightly_chain").to_dicts()
    assert [(night["night"], night["next_tick"].isoformat()) for night in nights] == [
        ("24/7 2026-11-29", "2026-11-30T00:30:00+00:00"),
        ("XNYS 2026-11-30", "2026-11-30T21:30:00+00:00"),
        ("saturday 2026-12-05", "2026-12-05T15:00:00+00:00"),
    ]
    assert not any(night["on"] for night in nights)


def test_status_counts_partitions_that_failed_and_were_not_made_since(project: Project) -> None:
    asset = dg.AssetKey("statistics")
    with using_dagster_home(project), open_instance(project) as instance:
        for study, ends in (("broken", False), ("mended", False), ("mended", True)):
            run = instance.create_run_for_job(_job(), status=dg.DagsterRunStatus.STARTED)
            planned = dg.DagsterEvent.build_asset_materialization_planned_event(
                "job", "step", _planned(asset, study)
            )
            instance.report_dagster_event(planned, run.run_id)
            if ends:
                made = dg.AssetMaterialization(asset, partition=study)
                instance.report_runless_asset_event(made)
            else:
                instance.report_run_failed(run)
    failed = project_status(project).failed.to_dicts()
    assert failed == [{"asset": "statistics", "partitions": 1, "newest": "broken"}]


def _job() -> dg.JobDefinition:
    @dg.op
    def step() -> None: ...

    @dg.job
    def job() -> None:
        step()

    return job


def _planned(asset: dg.AssetKey, partition: str) -> Any:
    from dagster._core.events import AssetMaterializationPlannedData

    return AssetMaterializationPlannedData(asset, partition=partition)


def test_whether_a_home_is_in_use_is_asked_without_becoming_a_user(tmp_path: Path) -> None:
    assert not is_in_use(tmp_path)
    hold(tmp_path)
    assert is_in_use(tmp_path)
    release(tmp_path)
    assert not is_in_use(tmp_path)


def test_a_port_that_is_taken_is_passed_over() -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert port < _free_port("127.0.0.1", port) <= port + 20
