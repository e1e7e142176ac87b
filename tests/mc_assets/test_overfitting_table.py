"""The table `overfitting`, the report and `mc show --best` say what the search cost."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from engine.sources import GBM
from mc_assets.cli import app
from mc_assets.market_data import ingest_raw, load_series, normalise_year
from mc_assets.project import Project

SERIES = """
series:
  - {symbols: [UP], provider: csv, start: 2010-01-04, end: 2012-12-31, options: {path: up.csv}}
"""
STUDY = """
name: {name}
source: {{model: historical, symbol: UP, warm_up: 30}}
strategy: {{name: sma_crossover, parameters: {{fast: {fast}, slow: 20}}}}
seeds: {{count: 1}}
"""

Run = Callable[..., str]


@pytest.fixture
def mc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    (tmp_path / "studies").mkdir()
    for name, fast in (("first", "[3, 5]"), ("second", "[4, 6, 8]"), ("lone", "[7]")):
        text = STUDY.format(name=name, fast=fast)
        (tmp_path / "studies" / f"{name}.yaml").write_text(text)
    block = GBM(mu=0.05, sigma=0.2).paths(seeds=[3], steps=700)
    days = np.datetime64("2010-01-01") + np.arange(1000)
    prices = {name: getattr(block, name.lower())[0] for name in ("Open", "High", "Low", "Close")}
    frame = pl.DataFrame({"Date": days[np.is_busday(days)][:700], **prices})
    frame.write_csv(tmp_path / "up.csv")
    (tmp_path / "series.yaml").write_text(SERIES)
    monkeypatch.setenv("MC_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("MC_STUDIES", str(tmp_path / "studies"))
    monkeypatch.setenv("MC_SERIES", str(tmp_path / "series.yaml"))

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(app, list(arguments))
        assert result.exit_code == 0, (result.output, result.exception)
        return result.stdout

    project = Project.from_environment()
    config = load_series(project.series)
    for year in (2010, 2011, 2012):
        ingest_raw(config, "UP@1d", year, project.data)
        normalise_year(config, "UP@1d", year, project.data)
    return run


def test_the_table_the_ranks_and_the_report_follow_the_ledger(mc: Run, tmp_path: Path) -> None:
    mc("run", "first")
    query = "SELECT study, trials_in_study, trials_in_ledger, sentence FROM overfitting"
    (row,) = json.loads(mc("sql", "--json", query))
    assert (row["trials_in_study"], row["trials_in_ledger"]) == (2, 2)
    assert row["sentence"] in mc("show", "first", "--best", "sharpe")
    # Another study tries more on the same data: what the first one says changes with it.
    mc("run", "second")
    rows = json.loads(mc("sql", "--json", f"{query} ORDER BY study"))
    assert [row["trials_in_ledger"] for row in rows] == [5, 5]
    sentence = rows[0]["sentence"]
    assert "of 2 sets tried (5 trials of sma_crossover on these data in the ledger" in sentence
    assert sentence in mc("show", "first", "--best", "sharpe")
    mc("report", "first")
    page = (tmp_path / "data" / "reports" / "first.html").read_text(encoding="utf-8")
    assert sentence[1:] in page
    # A study of one set is a choice, too, once others were tried.
    mc("run", "lone")
    assert "of 1 set tried (6 trials" in mc("show", "lone", "--best", "sharpe")


def test_ranks_of_some_simulations_say_nothing_of_the_ledger(mc: Run) -> None:
    mc("run", "first")
    assert "chance alone" not in mc("show", "first", "--best", "sharpe", "--where", "fast > 0")


@pytest.mark.slow
def test_the_page_of_one_history_shows_its_course_and_no_distribution(
    mc: Run, tmp_path: Path
) -> None:
    mc("run", "first")
    mc("report", "first")
    page = (tmp_path / "data" / "reports" / "first.html").read_text(encoding="utf-8")
    assert "No edge shown on this one history" in page
    assert [name for name in ("history", "monthly") if f'id="{name}"' in page] == [
        "history",
        "monthly",
    ]
    assert 'id="pnl_histogram"' not in page
    assert 'id="convergence"' not in page
    assert "mc replay first " in page
