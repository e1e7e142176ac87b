"""The Dagster project loads, light, with exactly the assets it should have."""

from __future__ import annotations

import datetime
import subprocess
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from engine.execution.metric_groups import metric_groups
from engine.judging.panel_table import SCHEMA as panel_columns
from engine.sources import GBM
from engine.strategies.registry import get_strategy, is_built_in, strategy_names
from engine.studies import Study
from mc_assets.definitions import defs
from mc_assets.defs.partitions import (
    STRATEGIES,
    seed_blocks,
    series_years,
    strategy_series,
    study_seed_blocks,
)
from mc_assets.panel_schema import PANEL_SCHEMA
from tests.mc_assets.mc_here import call_here

ASSETS = {
    *("raw_bars", "bars", "calibrations", "source_realism", "simulations"),
    *("nightly_simulations", "statistics", "reports", "warehouse", "panel", "paper"),
    *("experiments", "walk_forward_windows", "walk_forward"),
}


@pytest.fixture(scope="module")
def graph() -> dg.AssetGraph:
    return defs.resolve_asset_graph()


def test_the_graph_holds_exactly_the_projects_assets(graph: dg.AssetGraph) -> None:
    assert {key.to_user_string() for key in graph.get_all_asset_keys()} == ASSETS


def test_every_asset_says_what_it_is(graph: dg.AssetGraph) -> None:
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        assert node.description, key
        assert node.group_name != "default", key
        assert node.kinds, key
        assert node.owners, key


def test_tables_declare_typed_columns_and_say_what_they_hold(graph: dg.AssetGraph) -> None:
    for name in ("bars", "calibrations", "source_realism", "simulations", "statistics", "panel"):
        for column in _columns(graph, name):
            assert column.type, column
            assert column.description, column


def test_a_panel_has_the_columns_and_strategies_that_are_declared() -> None:
    assert dict(PANEL_SCHEMA) == panel_columns
    of_bars = [name for name in strategy_names() if get_strategy(name).engine is None]
    assert [name for name in of_bars if is_built_in(name)] == STRATEGIES


def test_simulations_have_the_columns_that_are_declared(graph: dg.AssetGraph) -> None:
    every = {"metrics": [*metric_groups()]}
    study = Study("all", GBM(), "sma_crossover", {"fast": 5}, seeds=1, steps=20, record=every)
    frame = study.run().frame
    declared = {column.name: column.type for column in _columns(graph, "simulations")}
    found = {name: str(dtype) for name, dtype in frame.schema.items() if name != "fast"}
    assert found == declared
    assert list(found) == list(declared)


def test_every_quality_check_says_what_it_finds(graph: dg.AssetGraph) -> None:
    specs = [graph.get_check_spec(key) for key in graph.asset_check_keys]
    texts = [spec.description or "" for spec in specs]
    assert all(len(text) > 20 for text in texts)
    assert len(set(texts)) == len(texts)


def _columns(graph: dg.AssetGraph, name: str) -> list[dg.TableColumn]:
    schema = graph.get(dg.AssetKey(name)).metadata["dagster/column_schema"]
    assert isinstance(schema, dg.TableSchema)
    return list(schema.columns)


def test_bad_bars_block_what_is_computed_from_them(graph: dg.AssetGraph) -> None:
    checks = {key: graph.get_check_spec(key) for key in graph.asset_check_keys}
    blocking = {key.name for key, spec in checks.items() if spec.blocking}
    assert blocking == {"no_bad_rows"}


def test_every_study_is_split_over_the_same_seed_blocks() -> None:
    from engine.jobs import BLOCKS

    assert len(seed_blocks.get_partition_keys()) == BLOCKS == 16
    dimensions = {d.name: d.partitions_def for d in study_seed_blocks.partitions_defs}
    assert dimensions["seed_block"] == seed_blocks


@pytest.mark.parametrize("keys", [strategy_series, series_years, study_seed_blocks])
def test_keys_listed_once_a_day_are_those_that_dagster_lists_at_each_instant(
    keys: dg.MultiPartitionsDefinition,
) -> None:
    plain = dg.MultiPartitionsDefinition(
        {dimension.name: dimension.partitions_def for dimension in keys.partitions_defs}
    )
    assert keys == plain
    # A weekend, a new year and the last second of a day, there and back.
    for day in ("2026-11-20", "2026-11-22", "2026-11-23", "2027-01-01", "2026-11-20"):
        for time in ("00:00:00", "23:59:59"):
            now = datetime.datetime.fromisoformat(f"{day}T{time}+00:00")
            assert keys.get_partition_keys(now) == plain.get_partition_keys(now)
            assert keys.get_partition_keys(now) is keys.get_partition_keys(now)


def test_the_nightly_schedules_follow_the_new_york_close() -> None:
    schedules = {schedule.name: schedule for schedule in defs.schedules or []}
    assert {"nightly_ingest", "nightly_recalibration"} <= set(schedules)
    for schedule in schedules.values():
        assert schedule.execution_timezone == "America/New_York"


# Schedules are made of the series file as it is when they are imported.
def _found(at: datetime.datetime) -> dict[str, Any]:
    from mc_assets.defs import schedules
    from mc_assets.instance import open_instance, using_dagster_home
    from mc_assets.project import Project
    from mc_assets.resources import Laboratory

    project = Project.from_environment()
    laboratory = Laboratory.from_project(project)
    found: dict[str, Any] = {}
    with using_dagster_home(project), open_instance(project) as instance:
        for name in ("nightly_ingest", "nightly_recalibration", "nightly_studies_run"):
            context = dg.build_schedule_context(
                instance, scheduled_execution_time=at, resources={"laboratory": laboratory}
            )
            made = getattr(schedules, name)(context)
            made = made[0] if isinstance(made, list) else made
            skipped = isinstance(made, dg.SkipReason)
            found[name] = (
                made.skip_message if skipped else (made.run_key, made.tags, made.run_config)
            )
    return found


def _tick(folder: Path, at: datetime.datetime, *, end: str = "") -> dict[str, Any]:
    (folder / "studies").mkdir()
    (folder / "series.yaml").write_text(
        "series:\n  - symbols: [A, B, C]\n    timeframe: 1d\n    provider: csv\n"
        f'    start: 2010-01-01\n    {end}\n    options: {{path: "{{symbol}}.csv"}}\n'
    )
    (folder / "studies" / "one.yaml").write_text(
        "name: one\nsource: {model: gbm, steps: 20, parameters: {mu: 0.0, sigma: 0.2}}\n"
        "strategy: {name: buy_and_hold}\nseeds: 10\nnightly: true\n"
    )
    environment = {
        "MC_DATA": str(folder / "data"),
        "MC_SERIES": str(folder / "series.yaml"),
        "MC_STUDIES": str(folder / "studies"),
    }
    found: dict[str, Any] = {}
    done = call_here(lambda: found.update(_found(at)), places=environment, folder=folder)
    assert done.returncode == 0, done.stderr
    return found


def _range(first: str, last: str) -> dict[str, str]:
    return {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}


def test_a_night_is_one_run_over_every_series_as_of_its_day(tmp_path: Path) -> None:
    today = datetime.datetime.now(datetime.UTC).replace(hour=19, minute=0, second=0)
    at = today - datetime.timedelta(days=max(today.weekday() - 4, 0))
    found = _tick(tmp_path, at)
    day = at.date()
    _, tags, config = found["nightly_recalibration"]
    assert tags == _range(f"{day}|A@1d", f"{day}|C@1d")
    both = ("calibrations", "source_realism")
    assert config == {"ops": {name: {"config": {"dates": []}} for name in both}}
    key, tags, _ = found["nightly_studies_run"]
    assert key == f"{day}|one"
    assert tags == _range(f"{day}|one", f"{day}|one")
    first = (day - datetime.timedelta(days=14)).year
    assert found["nightly_ingest"][1] == _range(f"A@1d|{first}", f"C@1d|{day.year}")


def test_a_night_that_comes_late_makes_its_own_day_of_a_longer_period(tmp_path: Path) -> None:
    at = datetime.datetime(2016, 3, 2, 19, tzinfo=datetime.UTC)
    found = _tick(tmp_path, at)
    _, tags, config = found["nightly_recalibration"]
    assert tags == _range("2016|A@1d", "2016|C@1d")
    assert config["ops"]["calibrations"] == {"config": {"dates": ["2016-03-02"]}}


def test_no_night_is_made_after_the_last_series_has_ended(tmp_path: Path) -> None:
    found = _tick(
        tmp_path, datetime.datetime(2026, 3, 2, 19, tzinfo=datetime.UTC), end="end: 2018-06-30"
    )
    assert set(found.values()) == {"no series has bars after 2018-12-31"}


def test_loading_the_definitions_compiles_nothing_and_scans_nothing() -> None:
    code = (
        "import mc_assets.definitions, sys; "
        "print(*sorted(m for m in sys.modules if m in {'numba', 'scipy', 'arch', 'plotly'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
