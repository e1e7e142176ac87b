"""Every table exists before it has rows, and says what it holds."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from engine.execution.metric_groups import all_metrics
from engine.options.layout import EXIT_REASONS
from engine.results.definitions import COMPLETE, RATIOS, named_statistic
from mc_assets.answers.runs import run_study
from mc_assets.answers.tables import ask_tables, describe_tables
from mc_assets.cli import app
from mc_assets.data_dictionary import Dictionary, TableEntry
from mc_assets.project import Project
from mc_assets.stored_schemas import STORED
from mc_assets.warehouse_queries import query_warehouse

STUDY = """
name: filled
source: {model: gbm, parameters: {mu: 0.05, sigma: 0.2}, steps: 60, warm_up: 0}
strategy: {name: sma_crossover, parameters: {fast: [3, 5, 8], slow: 20}}
record:
  equity: 4
  trades: true
  metrics: [bar_trading, equity_curve, benchmark, financing, options, ticks]
seeds: {count: 40}
"""
OPTIONS = """
name: sold
source: {model: gbm, parameters: {mu: 0.0, sigma: 0.3}, steps: 64}
strategy:
  name: short_strangle
  parameters: {put_otm: [1.0, 3.0], profit_target: 0.4, stop_loss: 1.5}
options: {multiplier: 100, commission: 1.5, spread: {percent: 4}}
record: {trades: true, metrics: [bar_trading, options]}
seeds: {count: 20}
"""
SQL = Path(__file__).resolve().parents[2] / "sql"
# Tables that a study fills by itself.
OF_STUDIES = {
    *("parameter_sets", "statistics", "error_budget", "overfitting", "simulations", "equity"),
    "attribution",
    *("trades", "option_trades", "trials"),
}


def empty(folder: Path) -> Project:
    return dataclasses.replace(
        Project.from_environment(), data=folder / "data", studies=folder / "studies"
    )


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return empty(tmp_path_factory.mktemp("fresh"))


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = empty(tmp_path_factory.mktemp("filled"))
    project.studies.mkdir()
    (project.studies / "filled.yaml").write_text(STUDY)
    run_study(project, "filled")
    ask_tables(project, "SELECT 1")  # publishes
    return project


@pytest.fixture(scope="module")
def sold(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = empty(tmp_path_factory.mktemp("sold"))
    project.studies.mkdir()
    (project.studies / "sold.yaml").write_text(OPTIONS)
    run_study(project, "sold")
    ask_tables(project, "SELECT 1")
    return project


@pytest.fixture(scope="module")
def entries(fresh: Project) -> dict[str, TableEntry]:
    return {entry.name: entry for entry in describe_tables(fresh)}


def test_every_table_exists_empty_from_the_start(fresh: Project, project: Path) -> None:
    names = {path.stem for path in (project / "sql").glob("*.sql")}
    shown = ask_tables(fresh, "SHOW TABLES")["name"].to_list()
    assert set(shown) == names
    for name in names:
        table = query_warehouse(fresh, f"SELECT * FROM {name}")
        assert table.is_empty(), name
        assert len(table.columns) >= 6, name


def test_every_table_column_and_unit_is_told(entries: dict[str, TableEntry]) -> None:
    for entry in entries.values():
        assert entry.grain.startswith("One row per "), entry.name
        assert entry.example.startswith("SELECT "), entry.name
        for column in entry.columns:
            where = f"{entry.name}.{column.name}"
            assert column.meaning, where
            # What is counted is whole; what is measured has a unit.
            assert column.unit or column.type not in ("DOUBLE", "FLOAT", "FLOAT[]"), where


def test_the_dictionary_names_nothing_that_is_not_there(
    entries: dict[str, TableEntry], project: Path
) -> None:
    content = Dictionary.read(project / "sql").content
    assert set(content["tables"]) == set(entries)
    used = set()
    for name, entry in entries.items():
        columns = {column.name for column in entry.columns}
        own = set(content["tables"][name].get("columns", {}))
        assert own <= columns, name
        used |= columns - own
    assert set(content["columns"]) <= used


@pytest.mark.parametrize("name", sorted(Dictionary.read(SQL).content["tables"]))
def test_every_example_runs_with_and_without_rows(
    name: str, entries: dict[str, TableEntry], fresh: Project, filled: Project, sold: Project
) -> None:
    query = entries[name].example
    assert name in query
    assert query_warehouse(fresh, query).is_empty()
    answered = query_warehouse(sold if name == "option_trades" else filled, query)
    assert not answered.is_empty() or name not in OF_STUDIES


def test_every_statistic_is_told_by_its_name_or_by_that_of_its_family() -> None:
    names = [entry.name for entry in Dictionary.read(SQL).statistics()]
    ratios, metrics = "|".join(RATIOS), "|".join(set(all_metrics()) - set(RATIOS))
    parts = {"METRIC": f"(?:{metrics})", "RATIO": f"(?:{ratios})", "NN": r"\d\d"}
    told = [re.sub("METRIC|RATIO|NN", lambda part: parts[part[0]], name) for name in names]
    for statistic in COMPLETE:
        assert any(re.fullmatch(pattern, statistic) for pattern in told), statistic
    example = {"METRIC": "max_drawdown", "RATIO": "sharpe", "NN": "95", "X": "-0.2", "N": "50"}
    for name in names:
        one = re.sub(r"METRIC|RATIO|NN|\bX\b|(?<=_)(?:X|N)(?=_|$)", lambda p: example[p[0]], name)
        assert named_statistic(one) is not None, one


def test_attributions_of_a_set_add_up_to_its_mean_net_pnl(filled: Project) -> None:
    parts = ask_tables(
        filled, 'SELECT parameter_set, "by", sum(estimate) AS whole FROM attribution GROUP BY ALL'
    )
    assert set(parts["by"]) == {"cost", "symbol", "side", "tag"}
    means = ask_tables(filled, "SELECT parameter_set, mean_net_pnl FROM parameter_sets")
    both = parts.join(means, on="parameter_set")
    assert len(both) == 4 * len(means)
    assert (both["whole"] - both["mean_net_pnl"]).abs().max() < 1e-6


def test_legs_of_options_are_told_by_contract_and_reason(sold: Project) -> None:
    legs = ask_tables(sold, "SELECT * FROM option_trades")
    assert set(legs["study"]) == {"sold"}
    assert set(legs["reason"]) <= set(EXIT_REASONS)
    assert {"expiry", "stop_loss", "profit_target"} <= set(legs["reason"])
    assert (legs["expiry_bar"] - legs["entry_bar"] == 21).all()
    both = legs.group_by("simulation", "position").agg(pl.col("option_right").sort())
    assert both["option_right"].to_list() == [["call", "put"]] * len(both)
    at_expiry = legs.filter(reason="expiry")
    assert (at_expiry["exit_bar"] == at_expiry["expiry_bar"]).all()
    money = 100.0 * legs["units"] * (legs["exit_price"] - legs["premium"]) - legs["commission"]
    assert (money - legs["pnl"]).abs().max() < 1e-9
    rows = ask_tables(sold, "SELECT * FROM simulations WHERE study = 'sold'")
    sums = legs.group_by("simulation").agg(pl.col("pnl").sum(), pl.col("position").n_unique())
    joined = rows.join(sums, on="simulation")
    assert len(joined) == len(rows) == 40
    assert (joined["pnl"] - joined["net_pnl"]).abs().max() < 1e-6
    assert joined["position"].to_list() == joined["trades"].to_list()
    for reason in EXIT_REASONS:
        ended = legs.filter(reason=reason).n_unique(["simulation", "position"])
        assert ended == rows[f"exits_{reason}"].sum()
    strikes = legs.filter(option_right="put").group_by("parameter_set").agg(pl.col("strike").mean())
    near, far = strikes.sort("parameter_set")["strike"].to_list()
    assert near > far


def test_files_without_rows_have_the_columns_of_those_with_rows(filled: Project) -> None:
    for name in (
        "statistics",
        "error_budget",
        "overfitting",
        "study_warnings",
        "attribution",
        "rare_events",
        "lineage",
    ):
        (file,) = (filled.data / name).glob("*.parquet")
        assert dict(pl.read_parquet_schema(file)) == dict(pl.Schema(STORED[name]())), name
    for name in ("simulations", "equity", "trades"):
        file = next((filled.data / name).rglob("*.parquet"))
        found, known = pl.read_parquet_schema(file), pl.Schema(STORED[name]())
        for column, kind in known.items():
            if column != "equity":  # a list of as many points as the study asks for
                assert found[column] == kind, f"{name}.{column}"


def test_the_command_line_prints_the_dictionary(
    fresh: Project, filled: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MC_DATA", str(filled.data))
    printed = CliRunner().invoke(app, ["sql", "--tables"]).stdout
    assert "One row per study: its world" in printed
    assert 'mc sql "SELECT study, simulations, failed FROM studies' in printed
    found = json.loads(CliRunner().invoke(app, ["sql", "--tables", "--json"]).stdout)
    simulations = next(entry for entry in found if entry["name"] == "simulations")
    by_name = {column["name"]: column for column in simulations["columns"]}
    assert by_name["net_pnl"]["unit"] == "account currency"
    # The studies' own columns are said to be that.
    assert by_name["fast"]["meaning"].startswith("parameter, or metric")


@pytest.mark.parametrize("arguments", [["sql"], ["sql", "--tables", "SELECT 1"]])
def test_a_query_or_the_dictionary_is_asked_for(arguments: list[str]) -> None:
    result = CliRunner().invoke(app, arguments)
    assert "allowed one of the two" in str(result.exception)
