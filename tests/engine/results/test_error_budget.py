"""Every statistic says what its doubt consists of, and which part to shrink."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from engine.bars import Bars
from engine.results import Results, read_results
from engine.results.error_budget import SCHEMA
from engine.sources import GBM, Bootstrap, Historical
from engine.statistics.nested import nested_variance
from engine.strategies import Strategy
from engine.strategies.hook_arguments import Bar, Order
from engine.studies import Study
from engine.studies.definition import StudyDefinition

NAMES = ["mean_net_pnl", "profit_probability", "sharpe", "value_at_risk_95", "max_drawdown"]
LAW = GBM(mu=0.06, sigma=0.18)
STEPS = 120


class Resting(Strategy):
    """Buys one unit at a limit each week."""

    name = "resting"

    def on_bar(self, bar: Bar, order: Order) -> None:
        if bar.index % 7 == 0:
            order.limit(1.0, bar.close * 0.999, tif="day")


def bars(seed: int, count: int = 2500) -> Bars:
    block = LAW.paths(seeds=[1_000_000 + seed], steps=count)
    prices = [getattr(block, name)[0] for name in ("open", "high", "low", "close")]
    # As many bars a year as the calendar has, which annual figures count with.
    stamps = (np.arange(count) * (365.25 / 252) * 86_400e6).astype(np.int64)
    return Bars("X", stamps, *prices, np.full(count, 1e6))


def run(source: Any, strategy: str = "buy_and_hold", seeds: Any = 500, **more: Any) -> Results:
    settings = {"steps": STEPS, "warm_up": 0} | more
    return Study("s", source, strategy, seeds=seeds, **settings).run(workers=1)


def by_name(results: Results, **settings: Any) -> dict[str, dict[str, Any]]:
    table = results.error_budget(**settings)
    assert dict(table.schema) == SCHEMA
    first = table.filter(parameter_set=0)
    return {row["statistic"]: row for row in first.iter_rows(named=True)}


@pytest.mark.parametrize("worlds", [24, pytest.param(80, marks=pytest.mark.slow)])
def test_total_intervals_hold_the_truth_where_monte_carlo_alone_does_not(worlds: int) -> None:
    paths = 400
    cross = {"parameters": {"fast": 5, "slow": 20}}
    held, alone = dict.fromkeys(NAMES, 0), dict.fromkeys(NAMES, 0)
    truth = run(LAW, "sma_crossover", 60_000, **cross).statistics(names=NAMES)
    values = dict(zip(truth["statistic"], truth["estimate"], strict=True))
    for world in range(worlds):
        source = Bootstrap(bars(world), block_length=5)
        seeds = range(world * paths, (world + 1) * paths)
        results = run(source, "sma_crossover", seeds, **cross)
        total, single = by_name(results, names=NAMES), results.statistics(names=NAMES)
        for row in single.iter_rows(named=True):
            name, value = row["statistic"], values[row["statistic"]]
            alone[name] += row["ci_low"] <= value <= row["ci_high"]
            held[name] += total[name]["ci_low"] <= value <= total[name]["ci_high"]
    # 93 to 97 % within 2.6 standard errors of so few worlds; more under `benchmarks.validity`.
    error = math.sqrt(0.05 * 0.95 / worlds)
    for name in NAMES:
        assert held[name] / worlds >= 0.93 - 2.6 * error, (name, held)
    assert alone["mean_net_pnl"] / worlds < 0.75
    assert alone["sharpe"] / worlds < 0.75


@pytest.mark.slow
def test_the_part_of_the_history_is_the_spread_over_resampled_histories() -> None:
    own = bars(1)
    found = by_name(run(Bootstrap(own, method="iid"), seeds=4000), names=NAMES)
    rng, again = np.random.Generator(np.random.Philox(4)), []
    for number in range(60):
        picked = rng.integers(1, len(own), len(own) - 1)
        ratio = own.close[picked] / own.close[picked - 1]
        close = 100.0 * np.concatenate([[1.0], np.cumprod(ratio)])
        history = Bars("X", own.timestamps, close, close, close, close, own.volume)
        seeds = range(10_000 + 400 * number, 10_400 + 400 * number)
        results = run(Bootstrap(history, method="iid"), seeds=seeds)
        again.append(results.statistics(names=NAMES)["estimate"].to_list())
    spread = np.array(again).var(axis=0, ddof=1)
    noise = np.array([found[name]["monte_carlo"] ** 2 * 10.0 for name in NAMES])
    for name, variance in zip(NAMES, spread - noise, strict=True):
        # The spread of sixty is known to a tenth, the part told by fifty blocks as well.
        assert found[name]["history"] == pytest.approx(math.sqrt(variance), rel=0.4), name


def test_more_seeds_shrink_one_part_and_not_the_other() -> None:
    source = Bootstrap(bars(2), block_length=5)
    few, many = (by_name(run(source, seeds=n), names=NAMES) for n in (400, 6400))
    for name in ("mean_net_pnl", "sharpe", "max_drawdown"):
        ratio = few[name]["monte_carlo"] / many[name]["monte_carlo"]
        assert ratio == pytest.approx(4.0, rel=0.25), name
        assert few[name]["history"] == pytest.approx(many[name]["history"], rel=0.35), name
    row = many["mean_net_pnl"]
    assert row["total"] == pytest.approx(math.hypot(row["monte_carlo"], row["history"]))
    assert row["dominant"] == "history"
    assert row["what_to_run"] == "a longer history narrows it, more seeds hardly do"


def test_stored_results_say_the_same(tmp_path: Path) -> None:
    study = Study(
        *("s", Bootstrap(bars(3), block_length=5), "sma_crossover"),
        {"fast": [5, 10], "slow": 20},
        **{"seeds": 200, "steps": STEPS, "paths_per_seed": 2},
    )
    first = study.run(root=tmp_path).error_budget(names=NAMES)
    assert read_results(tmp_path, "s").error_budget(names=NAMES).equals(first)
    assert first.filter(statistic="sharpe")["parameter_set"].to_list() == [0, 1]
    assert first["history"].null_count() == 0


def test_sets_with_failed_paths_keep_their_own_paths() -> None:
    results = run(Bootstrap(bars(4), block_length=5), seeds=1000)
    whole = by_name(results, names=["mean_net_pnl"])["mean_net_pnl"]
    half = results.filter("seed % 2 = 0")
    some = by_name(half, names=["mean_net_pnl"])["mean_net_pnl"]
    assert some["history"] == pytest.approx(whole["history"], rel=0.2)
    assert some["monte_carlo"] == pytest.approx(whole["monte_carlo"] * math.sqrt(2), rel=0.2)


def test_the_parameters_part_is_the_variance_between_seeds(market: Any) -> None:
    definition = StudyDefinition.model_validate(
        {
            "name": "drawn",
            "source": {
                **{"model": "gbm", "symbol": "SP500", "calibration": "latest", "steps": 60},
                **{"parameters": "draw", "warm_up": 0},
            },
            "strategy": {"name": "buy_and_hold"},
            "seeds": {"count": 120},
            "paths_per_seed": 5,
        }
    )
    results = Study.from_definition(definition).run(market_data=market)
    row = by_name(results, names=["mean_net_pnl"])["mean_net_pnl"]
    frame = results.frame.sort("seed", "path")
    nested = nested_variance(frame["net_pnl"].to_numpy().reshape(120, 5))
    assert row["parameters"] == pytest.approx(math.sqrt(nested.between[0]))
    assert row["monte_carlo"] == pytest.approx(math.sqrt(nested.mean_variance[0]), rel=1e-9)
    assert row["dominant"] == "parameters"
    assert row["what_to_run"].startswith("a longer calibration window")
    assert row["history"] is None
    alone = definition.model_copy(update={"paths_per_seed": 1})
    row = by_name(Study.from_definition(alone).run(market_data=market), names=["sharpe"])["sharpe"]
    assert row["parameters"] is None
    assert row["what_to_run"].startswith("`paths_per_seed: 4`")


@pytest.mark.parametrize(
    ("source", "settings", "expected"),
    [
        (LAW, {}, "more seeds narrow it"),
        (
            Historical(bars(5, 400)),
            {"seeds": 1, "steps": 300},
            "`source.model: bootstrap` tells one",
        ),
        (Bootstrap(bars(5, 60), block_length=10), {}, "a history ten times as long"),
        (
            Bootstrap(bars(5)),
            {"parameters": {"model.block_length": [2.0, 5.0]}},
            "a single `block_length` lets",
        ),
    ],
    ids=["given", "one history", "short", "swept blocks"],
)
def test_a_part_that_is_not_told_is_null_and_says_what_to_run(
    source: Any, settings: dict[str, Any], expected: str
) -> None:
    results = run(source, **({"seeds": 50} | settings))
    row = by_name(results, names=["mean_net_pnl"])["mean_net_pnl"]
    assert (row["history"], row["parameters"]) == (None, None)
    assert row["what_to_run"].startswith(expected)
    single = results.statistics(names=["mean_net_pnl"]).row(0, named=True)
    for column in ("ci_low", "ci_high", "method"):
        assert row[column] == single[column]


def test_results_from_before_the_history_was_written_say_so(tmp_path: Path) -> None:
    source = Bootstrap(bars(6), block_length=5)
    Study("s", source, "buy_and_hold", seeds=50, steps=60).run(root=tmp_path)
    (file,) = tmp_path.glob("results/s/*/history.parquet")
    file.unlink()
    found = read_results(tmp_path, "s").error_budget(names=["mean_net_pnl"])
    assert found["what_to_run"][0] == (
        "`mc run s` writes down what is resampled, so that its part is told"
    )


def test_every_statistic_has_a_row_and_no_part_is_zero() -> None:
    results = run(Bootstrap(bars(7), block_length=5), "sma_crossover", 300)
    table = results.error_budget()
    assert table["statistic"].to_list() == results.statistics()["statistic"].to_list()
    for part in ("monte_carlo", "history", "total"):
        assert (table[part].drop_nulls() > 0.0).all()
    inside = table.filter(pl.col("ci_low").is_not_null())
    assert (inside["ci_low"] <= inside["estimate"]).all()
    share = table.row(by_predicate=pl.col("statistic") == "profit_probability", named=True)
    assert 0.0 <= share["ci_low"] < share["ci_high"] <= 1.0


def test_chance_of_fills_on_one_history_is_never_its_largest_error() -> None:
    """Paths that differ by their fills alone tell nothing of what another history would do."""

    results = Study(
        "one history",
        Historical(bars(5, 200)),
        Resting,
        seeds=60,
        execution={"limit_fill_probability": 0.5},
    ).run()
    assert results.frame["net_pnl"].n_unique() > 30
    budget = results.error_budget(names=["mean_net_pnl"])
    row = budget.row(0, named=True)
    assert row["monte_carlo"] > 0.0
    assert row["dominant"] == "none"
    assert "a single history none" in row["what_to_run"]
    warned = results.warnings().filter(pl.col("code") == "one_history")["sentence"].to_list()
    assert len(warned) == 1
    assert warned[0].startswith("all paths are one history")
