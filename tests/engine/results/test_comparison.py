"""Two rules are compared on all of their paths, and p-values are what they say."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache

import numpy as np
import polars as pl
import pytest

from engine.errors import Refusal
from engine.results import Results
from engine.sources import GBM
from engine.statistics.moments import means
from engine.studies import Study

STEPS = 40


def crossover(name: str, fast: int, slow: int, seeds: object) -> Results:
    """A rule without edge, on paths without drift, which leaves many of them idle."""
    parameters = {"fast": [fast], "slow": [slow]}
    source = GBM(mu=0.0, sigma=0.2)
    options = {"seeds": seeds, "steps": STEPS, "warm_up": 0}
    return Study(name, source, "sma_crossover", parameters, **options).run()


@pytest.fixture(scope="module")
def few() -> Results:
    return crossover("few", 4, 30, 400)


@lru_cache(maxsize=1)
def equal_rules(paths: int) -> tuple[Results, Results]:
    """Two crossovers on the same driftless paths."""
    return crossover("a", 3, 25, range(paths)), crossover("b", 4, 30, range(paths))


def rejections(studies: int, paths: int, statistic: str) -> float:
    """Share of studies in which two rules of the same worth differ at 5 %."""
    one, two = equal_rules(studies * paths)
    frames = one.frame, two.frame
    found = []
    for first in range(0, studies * paths, paths):
        a, b = (
            replace(side, lazy=frame.slice(first, paths).lazy())
            for side, frame in zip((one, two), frames, strict=True)
        )
        found.append(a.compare(b, statistic).table["p_value"][0])
    return float(np.mean(np.array(found) < 0.05))


@pytest.mark.slow
def test_equal_rules_on_driftless_paths_differ_in_one_study_of_twenty() -> None:
    # 200 studies: 5 % give or take 3 points is within two standard errors of 1.5.
    assert 0.02 <= rejections(200, 200, "sharpe") <= 0.08


@pytest.mark.slow
@pytest.mark.parametrize("statistic", ["sharpe", "sortino", "calmar", "mean_net_pnl"])
@pytest.mark.parametrize("paths", [100, 400])
def test_equal_rules_differ_in_one_study_of_twenty_whatever_is_compared(
    statistic: str, paths: int
) -> None:
    assert 0.03 <= rejections(2000, paths, statistic) <= 0.07


def test_idle_paths_count_on_both_sides(few: Results) -> None:
    other = crossover("other", 3, 25, 400)
    row = few.compare(other, "sharpe").table.row(0, named=True)
    assert row["n"] == row["paired"] == 400
    assert 0.6 < row["idle_share"] < 0.95
    assert row["baseline_idle_share"] < row["idle_share"]
    estimates = [side.statistics(names=["sharpe"])["estimate"][0] for side in (few, other)]
    assert (row["estimate"], row["baseline"]) == tuple(estimates)
    assert row["difference"] == pytest.approx(estimates[0] - estimates[1])
    # Far from the mean of what is left where both traded.
    both = few.frame["sharpe"].is_not_null() & other.frame["sharpe"].is_not_null()
    assert both.sum() < 150


def test_one_common_seed_of_a_thousand_pairs_that_one_and_keeps_the_others(few: Results) -> None:
    other = crossover("other", 3, 25, range(399, 1399))
    found = few.compare(other)
    row = found.table.row(0, named=True)
    assert found.paired
    assert (row["paired"], row["n"]) == (1, 1399)
    a, b = (side.frame["net_pnl"].to_numpy() for side in (few, other))
    assert row["difference"] == pytest.approx(a.mean() - b.mean())
    expected = math.hypot(a.std(ddof=1) / 20.0, b.std(ddof=1) / math.sqrt(1000))
    assert row["std_error"] == pytest.approx(expected)
    assert 0.0 < row["p_value"] < 1.0


def test_half_of_the_paths_in_common_save_variance_and_none_is_lost(few: Results) -> None:
    other = crossover("other", 5, 30, range(200, 600))
    row = few.compare(other).table.row(0, named=True)
    assert (row["paired"], row["n"]) == (200, 600)
    assert row["variance_saved"] > 0.2


def test_seeds_pair_whatever_their_order(few: Results) -> None:
    shuffled = crossover("other", 3, 25, np.random.default_rng(3).permutation(400).tolist())
    straight = crossover("other", 3, 25, 400)
    for statistic in ("mean_net_pnl", "sharpe"):
        one, two = (few.compare(side, statistic).table for side in (shuffled, straight))
        assert one["std_error"][0] == pytest.approx(two["std_error"][0], rel=1e-9)
        assert one["paired"][0] == 400


def test_several_sets_are_adjusted_for_and_a_set_against_itself_is_no_test() -> None:
    study = Study(
        "several",
        GBM(mu=0.0, sigma=0.2),
        "sma_crossover",
        {"fast": [3, 4], "slow": [25, 30]},
        seeds=300,
        steps=STEPS,
    )
    results = study.run()
    table = results.compare(results.filter("parameter_set = 0"), "sharpe").table
    itself = table.row(0, named=True)
    assert (itself["difference"], itself["p_value"], itself["p_holm"]) == (0.0, 1.0, 1.0)
    assert (itself["verdict"], itself["method"]) == ("tied", "no variance seen")
    p = np.sort(table["p_value"].to_numpy()[1:])
    adjusted = np.minimum(np.maximum.accumulate(p * [3, 2, 1]), 1.0)
    assert np.sort(table["p_holm"].to_numpy()[1:]) == pytest.approx(adjusted)


def test_a_clear_difference_is_told_with_its_direction_and_percentage(few: Results) -> None:
    better = 5_000.0 + 1.2 * pl.col("net_pnl")
    changed = replace(few, lazy=few.lazy.with_columns(better.alias("net_pnl")))
    pnl = few.frame["net_pnl"].mean()
    row = changed.compare(few).table.row(0, named=True)
    assert (row["verdict"], row["difference"]) == ("higher", pytest.approx(5_000.0 + 0.2 * pnl))
    assert row["percent_low"] is None  # of a baseline that may as well be 0
    row = few.compare(changed).table.row(0, named=True)
    assert row["verdict"] == "lower"
    mean = means(changed.frame["net_pnl"].to_numpy()).value[0]
    assert row["percent"] == pytest.approx(-100.0 * (mean - pnl) / mean)
    assert row["percent_low"] < row["percent"] < row["percent_high"]


def test_one_path_tells_nothing_apart(few: Results) -> None:
    one = few.filter("seed = 3")
    changed = replace(one, lazy=one.lazy.with_columns(pl.col("net_pnl") + 1.0))
    row = changed.compare(one).table.row(0, named=True)
    assert (row["verdict"], row["p_value"], row["std_error"]) == (None, None, None)
    assert row["method"] == "one history"


def test_a_metric_without_a_value_on_some_paths_is_not_compared_on_the_others(few: Results) -> None:
    own = few.with_metric("per_trade", "net_pnl / nullif(trades, 0)")
    with pytest.raises(Refusal, match=r"'per_trade', undefined on \d+ of 400 simulations of few"):
        own.compare(own, "per_trade")
    filled = few.with_metric("per_trade", "coalesce(net_pnl / nullif(trades, 0), 0)")
    assert filled.compare(filled, "per_trade").table["n"][0] == 400
