"""Every command, table, page and asset works with whatever metrics a study keeps."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import dagster as dg
import polars as pl
import pytest
from typer.testing import CliRunner

from engine.errors import Refusal
from mc_assets.answers.reports import make_report
from mc_assets.answers.runs import run_study
from mc_assets.answers.tables import ask_tables
from mc_assets.cli import app
from mc_assets.defs.statistics import statistics
from mc_assets.offered_studies import offer_studies
from mc_assets.project import Project
from mc_assets.reports import report_picture
from mc_assets.resources import Laboratory

STUDY = """
name: {name}
source: {{model: gbm, parameters: {{mu: {mu}, sigma: 0.2}}, steps: 60}}
strategy: {{name: sma_crossover, parameters: {{fast: [3, 5], slow: [10]}}}}
seeds: {{count: 30}}
record: {record}
"""

# Names that the project has as partitions.
WHOLE, FEW = "sma_crossover_gbm", "buy_and_hold_bootstrap"
# Different worlds: in one, the parts of the one study would serve the other.
DRIFTS = {WHOLE: 0.05, FEW: 0.06}
CHOICES = {
    "three": ("{metrics: [net_pnl, max_drawdown, trades]}", "mean_net_pnl"),
    "no headline": ("{metrics: [cagr, turnover, final_equity]}", "turnover"),
    "single": ("{metrics: bar_trading, precision: float32, equity: 20}", "sharpe"),
    "none": ("{metrics: []}", None),
}
FAST = ("none",)


@pytest.fixture(
    params=[
        choice if choice in FAST else pytest.param(choice, marks=pytest.mark.slow)
        for choice in CHOICES
    ]
)
def home(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Project:
    """A project with a study that keeps everything and one that keeps what the test is about."""
    (tmp_path / "studies").mkdir()
    for name, record in ((WHOLE, "{}"), (FEW, CHOICES[request.param][0])):
        text = STUDY.format(name=name, record=record, mu=DRIFTS[name])
        (tmp_path / "studies" / f"{name}.yaml").write_text(text)
    monkeypatch.setenv("MC_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("MC_STUDIES", str(tmp_path / "studies"))
    return Project.from_environment()


def say(*words: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, words)
    assert result.exit_code == code, result.output
    return result.output


def test_commands_tables_pages_and_assets_work(
    home: Project, request: pytest.FixtureRequest
) -> None:
    choice = request.node.callspec.params["home"]
    statistic = CHOICES[choice][1]
    say("run", WHOLE)
    printed = say("run", FEW)
    assert "60 simulations" in printed
    shown = say("show", FEW)
    assert ("float32" in shown) == ("float32" in printed) == (choice == "single")
    say("show", FEW, "--rows")
    say("show", FEW, "--by", "fast")
    say("replay", FEW, "0")
    page = Path(make_report(home, FEW).report).read_text(encoding="utf-8")
    assert ("does not keep <code>net_pnl" in page) == (choice in ("no headline", "none"))
    assert ("stored in float32" in page) == (choice == "single")
    assert report_picture(home, FEW).startswith(b"\x89PNG")
    if statistic is not None:
        say("show", FEW, "--best", statistic)
        say("compare", FEW, WHOLE, "--statistic", statistic)
    asked = "SELECT study, count(*) AS rows FROM simulations GROUP BY study ORDER BY study"
    assert ask_tables(home, asked)["rows"].to_list() == [60, 60]
    sets = ask_tables(home, f"SELECT * FROM parameter_sets WHERE study = '{WHOLE}'")
    assert sets["mean_net_pnl"].null_count() == 0
    ask_tables(home, "SELECT * FROM studies")
    with dg.DagsterInstance.ephemeral() as instance:
        offer_studies(instance, home)
        result = dg.materialize(
            [statistics],
            partition_key=FEW,
            resources={"laboratory": Laboratory.from_project(home)},
            instance=instance,
        )
    assert result.success


def test_a_column_that_no_study_keeps_is_refused_with_the_way_to_get_it(
    tmp_path: Path,
) -> None:
    (tmp_path / "studies").mkdir()
    text = STUDY.format(name=FEW, record="{metrics: [trades]}", mu=0.05)
    (tmp_path / "studies" / f"{FEW}.yaml").write_text(text)
    project = dataclasses.replace(
        Project.from_environment(), data=tmp_path / "data", studies=tmp_path / "studies"
    )
    run_study(project, FEW)
    with pytest.raises(Refusal) as refusal:
        ask_tables(project, "SELECT avg(turnover) FROM simulations")
    assert "no stored result has the column 'turnover'" in str(refusal.value)
    assert "computes it for a study whose `record.metrics` asks for it" in str(refusal.value)


def test_rows_in_either_precision_are_one_view(tmp_path: Path) -> None:
    (tmp_path / "studies").mkdir()
    for name, record in ((WHOLE, "{}"), (FEW, "{precision: float32, metrics: [net_pnl]}")):
        text = STUDY.format(name=name, record=record, mu=DRIFTS[name])
        (tmp_path / "studies" / f"{name}.yaml").write_text(text)
    project = dataclasses.replace(
        Project.from_environment(), data=tmp_path / "data", studies=tmp_path / "studies"
    )
    for name in (WHOLE, FEW):
        run_study(project, name)
    rows = ask_tables(project, "SELECT study, net_pnl, turnover FROM simulations")
    assert rows["net_pnl"].dtype == pl.Float64()
    assert rows.filter(pl.col("study") == FEW)["turnover"].null_count() == 60
    assert rows.filter(pl.col("study") == WHOLE)["net_pnl"].null_count() == 0
