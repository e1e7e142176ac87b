"""Parameter sets are read in steps that fit into memory: numbers change by rounding alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from polars.testing import assert_frame_equal

from engine.bars import Bars
from engine.results import Results, read_outcomes, steps
from engine.results.read_outcomes import steps_of_sets
from engine.sources import GBM, Bootstrap
from engine.statistics.summaries import Moments
from engine.studies import Study

ANTITHETIC = GBM(sampling="antithetic")
SETS = {"fast": [3, 5, 8], "slow": [12, 20, 30]}


def results(**settings: Any) -> Results:
    options = {"seeds": 70, "steps": 60} | settings
    return Study("steps", GBM(), "sma_crossover", SETS, **options).run()


@pytest.fixture(scope="module")
def whole() -> Results:
    return results(statistics="complete", record={"trades": True})


def in_steps(monkeypatch: pytest.MonkeyPatch, sets: int) -> None:
    """Hold so few numbers that a step takes some parameter sets of 70 paths and 20 columns."""
    monkeypatch.setattr(read_outcomes, "_MOST_NUMBERS", sets * 70 * 24)


@pytest.mark.parametrize("most", [0, 1, 2])
def test_steps_give_every_statistic_to_the_twelfth_digit(
    whole: Results, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    statistics, budget = whole.statistics(), whole.error_budget(names=["sharpe", "net_pnl_q05"])
    best, warnings = whole.best("sharpe"), whole.warnings()
    in_steps(monkeypatch, most)
    steps = steps_of_sets(whole, ["parameter_set"], 20)
    assert len(steps) == -(-9 // max(1, most))
    assert_frame_equal(whole.statistics(), statistics, rel_tol=1e-12, abs_tol=1e-12)
    found = whole.error_budget(names=["sharpe", "net_pnl_q05"])
    assert_frame_equal(found, budget, rel_tol=1e-12, abs_tol=1e-12)
    assert_frame_equal(whole.best("sharpe"), best, rel_tol=1e-12, abs_tol=1e-12)
    assert_frame_equal(whole.warnings(), warnings, rel_tol=1e-12, abs_tol=1e-12)


@pytest.mark.parametrize(("source", "sizes"), [(GBM(), {15, 10}), (ANTITHETIC, {16, 8})])
def test_a_set_that_is_read_in_parts_has_every_statistic_to_the_twelfth_digit(
    source: GBM, sizes: set[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    sets = {"fast": [3], "slow": [12, 20]}
    found = Study(
        "parts", source, "sma_crossover", sets, seeds=20, paths_per_seed=2, steps=60
    ).run()
    statistics, warnings = found.statistics(), found.warnings()
    budget, costs = found.error_budget(names=["sharpe"]), found.attribution("cost")
    monkeypatch.setattr(read_outcomes, "_MOST_NUMBERS", 1)
    monkeypatch.setattr(steps, "_PART_PATHS", 15)
    monkeypatch.setattr(steps, "_MOST_PATHS", 1)
    read, whole = set(), read_outcomes.read_outcomes

    def counted(*given: Any, **named: Any) -> Any:
        read.add(len(named["paths"]))
        return whole(*given, **named)

    monkeypatch.setattr(steps, "read_outcomes", counted)
    assert_frame_equal(found.statistics(), statistics, rel_tol=1e-12, abs_tol=1e-12)
    assert read == sizes
    assert_frame_equal(found.warnings(), warnings, rel_tol=1e-12, abs_tol=1e-12)
    again = found.error_budget(names=["sharpe"])
    assert_frame_equal(again, budget, rel_tol=1e-12, abs_tol=1e-12)
    assert_frame_equal(found.attribution("cost"), costs, rel_tol=1e-12, abs_tol=1e-12)


def test_the_first_part_tells_the_error_of_a_history(monkeypatch: pytest.MonkeyPatch) -> None:
    block = GBM(mu=0.08, sigma=0.2).paths(seeds=[4], steps=300)
    stamps = np.arange(300) * 86_400_000_000
    values = (block.open[0], block.high[0], block.low[0], block.close[0], block.volume[0])
    source = Bootstrap(Bars("X", stamps, *values), block_length=5)
    found = Study("drawn", source, "buy_and_hold", seeds=600, steps=60).run()
    names = ["mean_net_pnl", "net_pnl_q50", "profit_probability", "sharpe"]
    whole = found.error_budget(names=names)
    monkeypatch.setattr(read_outcomes, "_MOST_NUMBERS", 1)
    monkeypatch.setattr(steps, "_PART_PATHS", 400)
    monkeypatch.setattr(steps, "_MOST_PATHS", 1)
    parted = found.error_budget(names=names)
    alike = ["statistic", "estimate", "monte_carlo"]
    assert_frame_equal(parted.select(alike), whole.select(alike), rel_tol=1e-12, abs_tol=1e-12)
    assert_frame_equal(parted.select("history"), whole.select("history"), rel_tol=0.3)


def test_sets_that_failed_or_are_left_out_change_nothing(
    whole: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = whole.filter("simulation % 7 != 3 and parameter_set != 4")
    expected = some.statistics()
    in_steps(monkeypatch, 1)
    assert_frame_equal(some.statistics(), expected, rel_tol=1e-12, abs_tol=1e-12)


def test_paths_that_depend_on_each_other_stay_together(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = results(seeds=40, paths_per_seed=2)
    expected = pairs.statistics()
    in_steps(monkeypatch, 1)
    assert_frame_equal(pairs.statistics(), expected, rel_tol=1e-12, abs_tol=1e-12)


def test_groups_of_other_columns_are_read_at_once(
    whole: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = whole.group_by("fast").mean_pnl()
    in_steps(monkeypatch, 1)
    assert_frame_equal(whole.group_by("fast").mean_pnl(), expected, rel_tol=1e-12, abs_tol=1e-12)


def test_merged_summaries_of_parts_are_those_of_the_whole(whole: Results) -> None:
    own = whole.frame.sort("parameter_set", "simulation")["net_pnl"].to_numpy().reshape(9, -1)
    parts = [Moments.of(own[:, first : first + 17]) for first in range(0, 70, 17)]
    merged = parts[0]
    for part in parts[1:]:
        merged = merged.merge(part)
    every = Moments.of(own)
    for name in ("mean", "second", "fourth"):
        assert getattr(merged, name) == pytest.approx(getattr(every, name), rel=1e-12)
    table = whole.statistics(names=["mean_net_pnl"])
    assert merged.means().value == pytest.approx(table["estimate"].to_numpy(), rel=1e-12)
    assert merged.means().std_error == pytest.approx(table["std_error"].to_numpy(), rel=1e-12)
