"""The Dagster project loads, light, with exactly the assets it should have."""

from __future__ import annotations

import datetime
import subprocess
import sys

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
    series_days,
    series_years,
    strategy_series,
    study_seed_blocks,
)
from mc_assets.panel_schema import PANEL_SCHEMA

ASSETS = {
    *("raw_bars", "bars", "ticks", "calibrations", "source_realism", "simulations"),
    *("nightly_simulations", "statistics", "reports", "warehouse", "panel", "paper"),
    *("experiments", "walk_forward_windows", "walk_forward", "study_files"),
    *("trained_policies", "policy_evaluations"),
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
    tables = ("bars", "ticks", "calibrations", "source_realism", "simulations", "statistics")
    for name in (*tables, "panel"):
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


@pytest.mark.parametrize("keys", [strategy_series, series_days, series_years])
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


def test_one_chain_stands_for_the_nights_and_no_clock_beside_it() -> None:
    assert {sensor.name for sensor in defs.sensors or []} >= {"nightly_chain"}
    assert not list(defs.schedules or [])


def test_the_events_of_a_run_are_on_its_page_and_not_in_the_terminal(
    capfd: pytest.CaptureFixture[str],
) -> None:
    @dg.op
    def fails() -> None:
        raise ValueError("on purpose")

    job = dg.GraphDefinition("job", node_defs=[fails]).to_job()
    # Imported, the definitions of the project see to it.
    assert not job.execute_in_process(raise_on_error=False).success
    assert capfd.readouterr() == ("", "")


def test_loading_the_definitions_compiles_nothing_and_scans_nothing() -> None:
    code = (
        "import mc_assets.definitions, sys; "
        "print(*sorted(m for m in sys.modules if m in {'numba', 'scipy', 'arch', 'plotly'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_what_the_engine_computes_has_its_version_as_code_version(graph: dg.AssetGraph) -> None:
    from engine.compiled import ENGINE_VERSION

    for name in ("simulations", "statistics", "nightly_simulations"):
        assert graph.get(dg.AssetKey(name)).code_version == ENGINE_VERSION
