"""What the search for the best set cost is told from the trial ledger, unasked."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from engine.bars import Bars
from engine.files import write_parquet
from engine.jobs.ledger import archive_trials, read_trials
from engine.results import Results
from engine.results.overfitting import SCHEMA
from engine.sources import GBM, Bootstrap, Historical
from engine.statistics.edge import excess_over_market
from engine.statistics.haircuts import sharpe_haircuts
from engine.statistics.search_cost import search_cost
from engine.statistics.sharpe_inference import minimum_backtest_length
from engine.studies import Study

SETS = {"fast": [3, 5, 8], "slow": [15, 20, 30]}


def history(count: int = 1000) -> Bars:
    block = GBM(mu=0.05, sigma=0.18).paths(seeds=[11], steps=count)
    stamps = np.arange(count, dtype=np.int64) * 86_400_000_000
    prices = [getattr(block, name)[0] for name in ("open", "high", "low", "close")]
    return Bars("X", stamps, *prices, np.full(count, 1e6))


def run(root: Path, source: Any, sets: dict[str, Any], name: str = "s", **more: Any) -> Results:
    settings = {"seeds": 1, "warm_up": 40} | more
    return Study(name, source, "sma_crossover", sets, **settings).run(root=root)


def row_of(results: Results, root: Path) -> dict[str, Any]:
    table = results.overfitting(root)
    assert dict(table.schema) == SCHEMA
    return table.row(0, named=True)


def test_on_history_every_figure_is_of_returns_beyond_the_market(tmp_path: Path) -> None:
    bars = history()
    results = run(tmp_path, Historical(bars), SETS)
    row = row_of(results, tmp_path)
    # The same from the recorded curves and the bars themselves.
    curves = run(tmp_path, Historical(bars), SETS, record={"equity": 64}).equity()
    equity = np.vstack(curves.sort("parameter_set")["equity"].to_list()).astype(float).T
    before = np.vstack([np.full(9, 100_000.0), equity[:-1]])
    ends = 40 + np.array([(k + 1) * 960 // 64 - 1 for k in range(64)])
    prices = np.concatenate([[bars.open[40]], bars.close[ends]])
    excess = excess_over_market(equity / before - 1.0, np.diff(prices) / prices[:-1])
    best = row["parameter_set"]
    assert best == results.best("sharpe", 1)["parameter_set"][0]
    years = 960 / results.summary.bars_per_year
    ratios = excess.mean(axis=0) / excess.std(axis=0, ddof=1) * math.sqrt(64 / years)
    assert row["excess_sharpe"] == pytest.approx(ratios[best], rel=1e-4)
    found = search_cost(excess, best, tried=9, block_length=2.0, seed=20_260_102)
    for column, figure in (
        ("deflated_sharpe", found.deflated_sharpe),
        ("probabilistic_sharpe", found.probabilistic_sharpe),
        ("overfitting_probability", found.overfitting_probability),
        ("effective_trials", found.effective_trials),
        ("sharpe_by_chance", found.expected_maximum / math.sqrt(years)),
    ):
        assert row[column] == pytest.approx(figure, rel=1e-3), column
    haircut = sharpe_haircuts(ratios, years, 64, method="holm").sharpe[best]
    assert row["sharpe_holm"] == pytest.approx(haircut, rel=1e-3, abs=1e-6)
    if ratios[best] > 0.0:
        shortest = minimum_backtest_length(found.effective_trials, ratios[best])
        assert row["minimum_backtest_years"] == pytest.approx(shortest, rel=1e-3)
    assert (row["blocks_of"], row["blocks"]) == ("time", 64)
    assert "beyond the market on this history" in row["sentence"]


def test_trials_of_other_studies_on_the_same_data_count_and_make_it_harder(tmp_path: Path) -> None:
    bars = history()
    small = {"fast": [3, 8], "slow": [20]}
    first = run(tmp_path, Historical(bars), small)
    alone = row_of(first, tmp_path)
    run(tmp_path, Historical(bars), {"fast": [2, 4, 6, 9, 12], "slow": [16, 25, 35]}, name="other")
    after = row_of(first, tmp_path)
    assert (alone["trials_in_study"], alone["trials_in_ledger"]) == (2, 2)
    assert (after["trials_in_study"], after["trials_in_ledger"]) == (2, 17)
    assert after["trials_compared"] == 17
    assert after["effective_trials"] > alone["effective_trials"]
    assert after["deflated_sharpe"] < alone["deflated_sharpe"]
    assert after["parameter_set"] == alone["parameter_set"]
    # Of other paths: counted, but not beside these.
    costly = {"execution": {"commission": {"rate": 0.001}}, "name": "costly"}
    run(tmp_path, Historical(bars), {"fast": [10], "slow": [40]}, **costly)
    more = row_of(first, tmp_path)
    assert (more["trials_in_ledger"], more["trials_compared"]) == (18, 17)
    assert more["effective_trials"] == pytest.approx(after["effective_trials"] * 18 / 17)
    # On other data: another question.
    run(tmp_path, Historical(bars[:500]), small, name="elsewhere")
    assert row_of(first, tmp_path) == more


def test_on_simulated_paths_it_says_what_other_paths_would_show(tmp_path: Path) -> None:
    results = run(tmp_path, Bootstrap(history(), block_length=5.0), SETS, seeds=300, steps=60)
    row = row_of(results, tmp_path)
    assert (row["blocks_of"], row["blocks"]) == ("seeds", 64)
    assert row["excess_sharpe"] is None
    assert row["minimum_backtest_years"] is None
    assert "are of one history" in row["reason"]
    assert "shows in no number here" in row["reason"]
    assert "on other paths of this source" in row["sentence"]
    error = results.statistics(names=["sharpe"]).filter(parameter_set=row["parameter_set"])
    assert row["sharpe_by_chance"] > 0.0
    assert row["sharpe_by_chance"] < 2.5 * error["std_error"][0]


@pytest.mark.parametrize(
    ("sets", "seeds", "reason", "told"),
    [
        ({"fast": 3, "slow": 15}, 64, "of one set there is no choice", "deflated_sharpe"),
        (SETS, 5, "5 blocks, fewer than 8: more seeds", "trials_in_ledger"),
    ],
)
def test_what_cannot_be_computed_is_null_with_its_reason(
    sets: dict[str, Any], seeds: int, reason: str, told: str, tmp_path: Path
) -> None:
    row = row_of(run(tmp_path, GBM(), sets, seeds=seeds, steps=60), tmp_path)
    assert reason in row["reason"]
    assert row["overfitting_probability"] is None
    assert row[told] is not None


def test_idle_sets_and_archived_trials_are_said_and_not_guessed(tmp_path: Path) -> None:
    results = run(tmp_path, GBM(), SETS, seeds=64, steps=60)
    archive_trials(tmp_path, "sma_crossover", "costs were wrong")
    row = row_of(results, tmp_path)
    assert (row["trials_in_ledger"], row["deflated_sharpe"]) == (0, None)
    assert "archived" in row["reason"]
    idle = run(tmp_path, GBM(), {"fast": [3], "slow": [90]}, seeds=64, steps=60, warm_up=0)
    found = idle.overfitting(tmp_path)
    assert found.is_empty() or "the same on every block" in found["reason"][0]


def test_a_ledger_from_before_the_market_was_kept_is_read_and_said(tmp_path: Path) -> None:
    results = run(tmp_path, Historical(history()), SETS)
    for file in (tmp_path / "ledger").glob("*/part-*.parquet"):
        write_parquet(pl.read_parquet(file).drop("market"), file)
    assert read_trials(tmp_path)["market"].null_count() == 9
    row = row_of(results, tmp_path)
    assert "exposure to the market is not taken off" in row["reason"]
    assert row["deflated_sharpe"] is not None


def test_sets_that_another_run_had_on_fewer_seeds_are_not_put_beside(tmp_path: Path) -> None:
    source = GBM(mu=0.0)
    run(tmp_path, source, {"fast": [4], "slow": [15]}, seeds=16, steps=60, name="few")
    results = run(tmp_path, source, SETS, seeds=128, steps=60)
    row = row_of(results, tmp_path)
    assert (row["trials_in_ledger"], row["trials_compared"], row["blocks"]) == (10, 9, 64)
