"""Pictures of results show the numbers that the tables state."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from engine.bars import Bars
from engine.errors import Refusal
from engine.plots import Chart
from engine.results import Results
from engine.sources import GBM, Historical
from engine.studies import Study

DAY = 86_400_000_000
GRID = {"fast": [3, 5], "slow": [10, 20]}


@pytest.fixture(scope="module")
def results() -> Results:
    record: dict[str, Any] = {"equity": 6}
    return Study("p", GBM(), "sma_crossover", GRID, seeds=30, steps=60, record=record).run()


@pytest.fixture(scope="module")
def on_history() -> Results:
    block = GBM(mu=0.1, sigma=0.2).paths(seeds=[4], steps=400)
    columns = (block.field(name)[0] for name in ("open", "high", "low", "close", "volume"))
    start = np.datetime64("2019-01-01", "us").astype(np.int64)
    bars = Bars("X", start + np.arange(400) * DAY, *columns)
    return Study("h", Historical(bars), "sma_crossover", GRID, seeds=1).run()


def test_the_fan_has_the_quantiles_of_the_recorded_equity(results: Results) -> None:
    chart = results.plot.fan(2)
    curves = results.equity().filter(pl.col("parameter_set") == 2)["equity"].to_numpy()
    median = next(trace for trace in chart.figure.data if trace.name == "median")
    assert np.asarray(median.y) == pytest.approx(np.median(curves, axis=0))
    assert list(median.x) == [10, 20, 30, 40, 50, 60]
    assert len(results.plot.fan().figure.layout.updatemenus[0].buttons) == 4


def test_profits_are_counted_and_the_value_at_risk_is_that_of_the_table(results: Results) -> None:
    figure = results.plot.pnl(0).figure
    assert sum(figure.data[0].y) == 30
    table = results.statistics(names=["value_at_risk_95"])
    stated = table.filter(pl.col("parameter_set") == 0)["estimate"].item()
    risk = next(trace for trace in figure.data if trace.name == "95 % value at risk")
    assert risk.x[0] == pytest.approx(-stated)


def test_sensitivity_and_heat_map_show_the_estimates(results: Results) -> None:
    table = results.statistics(names=["mean_net_pnl"])
    cells = {(row["fast"], row["slow"]): row["estimate"] for row in table.iter_rows(named=True)}
    grid = results.plot.heatmap().figure.data[0]
    for i, slow in enumerate(grid.y):
        for k, fast in enumerate(grid.x):
            assert grid.z[i][k] == pytest.approx(cells[int(fast), int(slow)])
    line = results.plot.sensitivity(over="slow").figure.data[0]
    expected = [np.mean([cells[3, slow], cells[5, slow]]) for slow in line.x]
    assert list(line.y) == pytest.approx(expected)


def test_convergence_ends_at_the_mean_of_all_paths(results: Results) -> None:
    figure = results.plot.convergence(parameter_set=1).figure
    values = results.frame.filter(pl.col("parameter_set") == 1)["net_pnl"].to_numpy()
    assert figure.data[1].y[-1] == pytest.approx(values.mean())
    half = 1.96 * values.std(ddof=1) / np.sqrt(30)
    assert max(figure.data[0].y[len(figure.data[1].y) - 1], 0) == pytest.approx(
        max(values.mean() + half, 0)
    )


def test_a_comparison_shows_the_differences_of_the_table(results: Results) -> None:
    baseline = results.filter("fast = 3 AND slow = 10")
    figure = results.plot.compare(baseline, "sharpe").figure
    table = results.compare(baseline, "sharpe").table
    assert sorted(figure.data[0].x) == pytest.approx(sorted(table["difference"].to_list()))


def test_months_multiply_to_the_year_and_the_whole(on_history: Results) -> None:
    chart = on_history.plot.monthly(1)
    grid = np.array(chart.figure.data[0].z, dtype=np.float64)
    years = np.nanprod(1.0 + grid[:, :12], axis=1)
    assert grid[:, 12] + 1.0 == pytest.approx(years)
    replay = on_history.simulation(1)
    whole = on_history.frame.filter(pl.col("simulation") == 1)["total_return"].item()
    assert float(np.prod(years)) == pytest.approx(1.0 + whole)
    assert replay.equity[-1] > 0.0


def test_a_replay_draws_its_fills_and_its_equity(on_history: Results) -> None:
    replay = on_history.simulation(0)
    figure = replay.plot({"ten": np.arange(len(replay.bars), dtype=float)}).figure
    names = [trace.name for trace in figure.data]
    fills = replay.orders.filter(pl.col("event") == "filled")
    bought = len(fills.filter(pl.col("units") > 0))
    assert f"bought, {bought:,}" in names
    assert "ten" in names
    equity = figure.data[names.index("equity")]
    assert np.asarray(equity.y) == pytest.approx(replay.equity)
    assert figure.layout.xaxis.matches == figure.layout.xaxis2.matches == "x3"


@pytest.mark.parametrize("kind", ["fan", "pnl", "drawdown", "sensitivity", "heatmap"])
def test_every_chart_is_saved_as_a_page(results: Results, tmp_path: Path, kind: str) -> None:
    chart = getattr(results.plot, kind)()
    assert isinstance(chart, Chart)
    size = chart.save(tmp_path / f"{kind}.html").stat().st_size
    assert size < 750_000


@pytest.mark.parametrize(
    ("kind", "options", "expected"),
    [
        ("fan", {"parameter_set": 9}, "parameter_set: found 9, allowed 0 to 3"),
        ("convergence", {"metric": "nothing"}, "metric: found 'nothing', allowed"),
        ("heatmap", {"over": ["fast"]}, "over: found fast, allowed 2 of fast, slow"),
        ("sensitivity", {"over": "quick"}, "over: found quick"),
        ("sensitivity", {"statistic": "quick"}, "quick"),
        ("monthly", {}, "monthly: found paths without a calendar"),
    ],
)
def test_what_cannot_be_drawn_is_one_sentence(
    results: Results, kind: str, options: dict[str, Any], expected: str
) -> None:
    with pytest.raises(Refusal, match=expected):
        getattr(results.plot, kind)(**options)


def test_what_a_study_does_not_keep_is_named_and_the_rest_is_drawn() -> None:
    record: dict[str, Any] = {"equity": 6, "metrics": ["max_drawdown"]}
    study = Study("few", GBM(), "sma_crossover", GRID, seeds=10, steps=60, record=record)
    few = study.run()
    assert len(few.plot.fan().figure.data) == 4 * 7
    assert len(few.plot.drawdown().figure.data) == 4
    with pytest.raises(Refusal, match=r"record\.metrics: net_pnl was not kept; add net_pnl"):
        few.plot.pnl()
    assert "Results of few" in few._repr_html_()


def test_results_show_themselves_in_a_notebook(results: Results) -> None:
    text = results._repr_html_()
    assert "Results of p" in text
    assert "<script" not in text


def test_the_panel_shows_what_each_set_is_behind_the_best_of_each_world(results: Results) -> None:
    other = Study("wild", GBM(sigma=0.6), "sma_crossover", GRID, seeds=30, steps=60).run()
    chart = results.plot.panel(other, statistic="mean_net_pnl")
    drawn = chart.figure.data[0]
    assert list(drawn.x) == ["p", "wild"]
    tables = [one.statistics(names=["mean_net_pnl"])["estimate"] for one in (results, other)]
    regrets = np.array([(table.max() - table).to_numpy() for table in tables]).T
    shown = np.array(drawn.z, dtype=float)
    order = np.argsort(-regrets.max(axis=1), kind="stable")
    assert shown == pytest.approx(regrets[order])
    with pytest.raises(Refusal, match="others: found none"):
        results.plot.panel()
    with pytest.raises(Refusal, match="held without fast, slow"):
        results.plot.panel(Study("held", GBM(), "buy_and_hold", seeds=9, steps=60).run())
