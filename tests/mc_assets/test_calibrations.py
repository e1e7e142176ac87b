"""A night of calibrations through Dagster: good, short, constant, crashing and negative series."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import polars as pl
import pytest

from engine.calibration.versions import ESTIMATOR_VERSIONS
from mc_assets.backfills import outdated_steps
from mc_assets.calibration_store import CalibrationStore
from mc_assets.definitions import defs
from mc_assets.instance import open_instance, using_dagster_home
from mc_assets.pipeline import run_pipeline
from mc_assets.project import Project
from mc_assets.steps import Step, bar_steps
from tests.mc_assets.mc_here import call_here

CHECKOUT = Path(__file__).parents[2]
DATES = ("2016-06-29", "2016-06-30")
SERIES = ("ABSENT", "CRASH", "FLAT", "GOOD", "NEGATIVE", "NEW", "YOUNG")
KEYS = [f"{name}@1d" for name in SERIES]


def run_night(found: dict[str, Any]) -> None:
    """Run a night and look at what Dagster keeps of it."""
    project = Project.from_environment()
    run_pipeline(project, bar_steps(project, [key for key in KEYS if key != "ABSENT@1d"]))
    run_pipeline(project, [_step("night", "calibrations", KEYS[0], KEYS[-1])])
    run_pipeline(project, [_step("looks", "source_realism", KEYS[0], KEYS[-1])])
    with using_dagster_home(project), open_instance(project) as instance:
        asset = dg.AssetKey("calibrations")
        events = instance.fetch_materializations(asset, limit=1000).records
        found["events"] = len(events)
        found["metadata"] = {event.partition_key: _metadata(event) for event in events}
        found["checks"] = {
            name: _newest_check(instance, dg.AssetCheckKey(asset, name))
            for name in ("every_estimator_answered", "parameters_are_steady")
        }
        found["runs"] = [
            run.status.value
            for run in instance.get_runs()
            if run.asset_selection and asset in run.asset_selection
        ]
    found["not_compared"] = _not_compared(project)


def run_with_another_estimator(found: dict[str, Any]) -> None:
    """Run the night again after one estimator has moved on: what it made is outdated."""
    project = Project.from_environment()
    run_pipeline(project, [_step("again", "source_realism", "GOOD@1d", "GOOD@1d")])
    found["not_compared"] = _not_compared(project)
    steps = list(outdated_steps(project, KEYS))
    found["steps"] = [step.title for step in steps]
    run_pipeline(project, [step for step in steps if "GOOD" in step.title])
    stored = CalibrationStore(project.data).read("GOOD", "1d")
    found["versions"] = stored.select("model", "estimator_version").unique().rows()
    found["left"] = [step.title for step in outdated_steps(project, ["GOOD@1d"])]


def _step(title: str, asset: str, first: str, last: str) -> Step:
    dates = {asset: {"dates": list(DATES)}}
    return Step(title, [asset], (f"2016|{first}", f"2016|{last}"), config=dates)


def _metadata(event: dg.EventLogRecord) -> dict[str, Any]:
    made = event.asset_materialization
    assert made is not None
    return {name: entry.value for name, entry in made.metadata.items()}


def _newest_check(instance: dg.DagsterInstance, key: dg.AssetCheckKey) -> dict[str, Any]:
    found = instance.event_log_storage.get_asset_check_execution_history(key, limit=5)
    event = found[0].event
    assert event is not None
    assert event.dagster_event is not None
    made: Any = event.dagster_event.event_specific_data
    return {
        "runs": len(found),
        "passed": made.passed,
        "severity": made.severity.value,
        **{name: entry.value for name, entry in made.metadata.items()},
    }


def _not_compared(project: Project) -> Any:
    with using_dagster_home(project), open_instance(project) as instance:
        newest = instance.fetch_materializations(dg.AssetKey("source_realism"), limit=1).records[0]
    return _metadata(newest)["not_compared"]


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("night")
    days = pl.read_csv(CHECKOUT / "data/sample/SP500.csv", try_parse_dates=True)
    days = days.rename({name: name.lower() for name in days.columns})
    last = datetime.date.fromisoformat(DATES[-1])
    days = days.filter(pl.col("date").is_between(datetime.date(2014, 1, 2), last))["date"]
    rng = np.random.default_rng(1)
    steady = 100.0 * np.exp(np.cumsum(0.01 * rng.standard_normal(len(days))))
    crash, negative = steady.copy(), steady.copy()
    crash[-1] *= 0.4
    negative[200] = -3.0
    closes = {
        "CRASH": crash,
        "FLAT": np.full(len(days), 7.0),
        "GOOD": steady,
        "NEGATIVE": negative,
        "NEW": steady[-20:],
        "YOUNG": steady[-70:],
    }
    for name, close in closes.items():
        columns = dict.fromkeys(("open", "high", "low", "close"), close)
        frame = pl.DataFrame({"date": days[-len(close) :], **columns, "volume": 1.0})
        frame.write_csv(folder / f"{name}.csv")
    (folder / "series.yaml").write_text(
        f"series:\n  - symbols: [{', '.join(SERIES)}]\n"
        "    provider: csv\n    start: 2014-01-02\n    end: 2016-06-30\n"
        '    options: {path: "{symbol}.csv"}\n    models: [gbm, schwartz_1f]\n'
    )
    places = {"MC_DATA": str(folder / "data"), "MC_SERIES": str(folder / "series.yaml")}
    found: dict[str, Any] = {"places": places}
    done = call_here(lambda: run_night(found), places=places, folder=CHECKOUT)
    assert done.returncode == 0, done.stderr
    tables = sorted((folder / "data/calibrations").rglob("*.parquet"))
    found["rows"] = pl.concat([pl.read_parquet(table) for table in tables])
    looks = sorted((folder / "data/source_realism").rglob("*.parquet"))
    found["realism"] = pl.concat([pl.read_parquet(table) for table in looks])
    return found


def test_one_run_materialises_every_partition_with_its_counts(night: dict[str, Any]) -> None:
    assert night["runs"] == ["SUCCESS"]
    assert night["events"] == len(SERIES)
    counts = {s: night["metadata"][f"2016|{s}@1d"] for s in SERIES}
    assert all(count["dates"] == 2 for count in counts.values())
    assert counts["GOOD"]["failed"] == 0
    # On each date mu and sigma; kappa, mu and sigma.
    assert counts["GOOD"]["dagster/partition_row_count"] == 2 * 5
    for name in ("ABSENT", "FLAT", "NEGATIVE", "NEW"):
        assert counts[name]["failed"] == 2 * 2
        assert counts[name]["dagster/partition_row_count"] == 2 * 2


def test_what_cannot_be_estimated_is_a_row_with_its_reason(night: dict[str, Any]) -> None:
    rows = night["rows"].filter(pl.col("status") == "failed")
    reasons = {row["symbol"]: row["reason"] for row in rows.iter_rows(named=True)}
    assert set(reasons) == {"ABSENT", "FLAT", "NEGATIVE", "NEW"}
    assert reasons["ABSENT"].startswith("bars of ABSENT@1d: none are stored; `mc ingest")
    assert "FLAT close: found the same return in all" in reasons["FLAT"]
    assert "NEGATIVE close: found -3 on 2014-10-" in reasons["NEGATIVE"]
    assert 'choose non_positive="exclude" or a shift' in reasons["NEGATIVE"]
    assert "NEW bars: found 19 returns up to" in reasons["NEW"]


def test_failures_and_jumps_are_checks_that_warn_and_say_where(night: dict[str, Any]) -> None:
    answered, steady = (
        night["checks"][n] for n in ("every_estimator_answered", "parameters_are_steady")
    )
    for check in (answered, steady):
        assert check["passed"] is False
        assert check["severity"] == "WARN"
        assert check["runs"] == 1
    assert answered["count"] == len(DATES) * 4 * 2
    assert f"NEW@1d {DATES[0]} gbm: NEW bars: found 18 returns" in answered["found"]
    assert f"CRASH@1d {DATES[1]} gbm sigma: " in steady["found"]
    assert f"since {DATES[0]}" in steady["found"]
    assert "GOOD" not in steady["found"] + answered["found"]


def test_a_symbol_too_young_to_compare_does_not_keep_the_others_from_it(
    night: dict[str, Any],
) -> None:
    assert set(night["realism"]["symbol"]) == {"CRASH", "GOOD"}
    assert f"YOUNG@1d {DATES[1]} gbm: YOUNG bars: found 69 returns" in night["not_compared"]
    assert "ABSENT@1d: bars of ABSENT@1d: none are stored" in night["not_compared"]


def test_the_newest_date_shows_parameters_through_time(night: dict[str, Any]) -> None:
    pictured = {k for k, v in night["metadata"].items() if "parameters_through_time" in v}
    assert pictured == {f"2016|{name}@1d" for name in SERIES}


def test_the_newest_date_shows_what_the_price_may_come_to(night: dict[str, Any]) -> None:
    shown = night["metadata"]["2016|GOOD@1d"]["forecasts"]
    assert shown.startswith("![forecasts](data:image/png;base64,")
    assert [line.split(" | ")[:2] for line in shown.splitlines()[-8:]] == [
        [f"| {model}", years]
        for model in ("gbm", "schwartz_1f")
        for years in ("0.25", "0.5", "0.75", "1")
    ]
    assert "forecasts" not in night["metadata"]["2016|FLAT@1d"]


@pytest.mark.slow
def test_estimates_are_made_anew_where_an_estimator_has_moved_on(
    night: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    moved: dict[str, Any] = {}
    monkeypatch.setitem(ESTIMATOR_VERSIONS, "gbm", "next")
    places = night["places"]
    done = call_here(lambda: run_with_another_estimator(moved), places=places, folder=CHECKOUT)
    assert done.returncode == 0, done.stderr
    assert len(moved["steps"]) == len(SERIES)
    assert f"calibrations of GOOD@1d as of {DATES[0]} to {DATES[1]} by" in moved["steps"][3]
    assert f"GOOD@1d {DATES[1]}: found estimates of an earlier" in moved["not_compared"]
    assert "`mc calibrate GOOD@1d --outdated`" in moved["not_compared"]
    assert sorted(moved["versions"]) == [
        ("gbm", "next"),
        ("schwartz_1f", ESTIMATOR_VERSIONS["schwartz_1f"]),
    ]
    assert moved["left"] == []


def test_an_estimator_that_moves_on_makes_the_asset_stale() -> None:
    node = defs.resolve_asset_graph().get(dg.AssetKey("calibrations"))
    assert node.code_version is not None
    for model, version in ESTIMATOR_VERSIONS.items():
        assert f"{model} {version}" in node.code_version
