"""Tables, pages and the command line state the interval of every error that a study can tell."""

from __future__ import annotations

import json
import math
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
STUDIES = {
    "resampled": """
name: resampled
source: {model: bootstrap, symbol: UP, options: {block_length: 5}, steps: 60}
strategy: {name: buy_and_hold, parameters: {weight: [0.5, 1.0]}}
seeds: {count: 300}
""",
    "given": """
name: given
source: {model: gbm, parameters: {mu: 0.05, sigma: 0.2}, steps: 60}
strategy: {name: buy_and_hold}
seeds: {count: 300}
""",
}

Run = Callable[..., str]


@pytest.fixture
def mc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    (tmp_path / "studies").mkdir()
    for name, text in STUDIES.items():
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
    monkeypatch.setenv("COLUMNS", "220")
    project = Project.from_environment()
    config = load_series(project.series)
    for year in (2010, 2011, 2012):
        ingest_raw(config, "UP@1d", year, project.data)
        normalise_year(config, "UP@1d", year, project.data)

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(app, list(arguments))
        assert result.exit_code == 0, (result.output, result.exception)
        return result.stdout

    return run


def test_the_headline_interval_is_the_total_one(mc: Run, tmp_path: Path) -> None:
    printed = mc("run", "resampled")
    query = "SELECT * FROM error_budget WHERE statistic = 'mean_net_pnl' AND parameter_set = 1"
    (row,) = json.loads(mc("sql", "--json", query))
    assert row["history"] > row["monte_carlo"] > 0.0
    assert row["total"] == pytest.approx(math.hypot(row["history"], row["monte_carlo"]))
    query = "SELECT * FROM parameter_sets WHERE parameter_set = 1"
    (wide,) = json.loads(mc("sql", "--json", query))
    assert wide["mean_net_pnl_std_error"] == row["total"]
    assert (wide["mean_net_pnl_ci_low"], wide["mean_net_pnl_ci_high"]) == (
        row["ci_low"],
        row["ci_high"],
    )
    assert (wide["mean_net_pnl_method"], wide["dominant"]) == ("error budget", "history")
    low, high = f"{row['ci_low']:,.0f}", f"{row['ci_high']:,.0f}"
    for text in (printed, mc("show", "resampled")):
        assert f"({low} to {high})" in text
    ranked = mc("show", "resampled", "--best", "mean_net_pnl")
    assert "error budget" in ranked
    ranks = json.loads(mc("show", "resampled", "--best", "mean_net_pnl", "--json"))
    best = {entry["parameter_set"]: entry for entry in ranks}[1]
    assert (best["ci_low"], best["std_error"]) == (row["ci_low"], row["total"])
    assert "luck of the history" in ranked
    # The Monte Carlo error alone stays what the table of statistics states.
    query = "SELECT std_error FROM statistics WHERE statistic = 'mean_net_pnl'"
    errors = [entry["std_error"] for entry in json.loads(mc("sql", "--json", query))]
    assert row["monte_carlo"] in errors
    assert "error, mostly history: a longer history narrows it" in printed
    mc("report", "resampled")
    page = (tmp_path / "data" / "reports" / "resampled.html").read_text(encoding="utf-8")
    assert f"{low} to {high}" in page
    assert "Largest part, history: a longer history narrows it" in page


def test_parameters_that_are_given_leave_monte_carlo_alone(mc: Run) -> None:
    printed = mc("run", "given")
    assert "error, mostly Monte Carlo: more seeds narrow it" in printed
    found = json.loads(mc("run", "given", "--json"))
    by_name = {row["statistic"]: row for row in found["error_budget"]}
    for row in found["statistics"]:
        budget = by_name[row["statistic"]]
        assert (budget["ci_low"], budget["ci_high"]) == (row["ci_low"], row["ci_high"])
        assert budget["history"] is None
