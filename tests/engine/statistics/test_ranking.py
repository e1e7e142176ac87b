"""Kim and Nelson's procedure and the allocation of a budget."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from engine.statistics.budget_allocation import BudgetAllocation, ocba_allocation
from engine.statistics.ranking import KimNelson, Request


def systems(seed: int, sets: int, gap: float, correlation: float, paths: int) -> np.ndarray:
    rng = np.random.Generator(np.random.Philox(key=seed))
    common = math.sqrt(correlation) * rng.normal(size=paths)
    own = math.sqrt(1 - correlation) * rng.normal(size=(sets, paths))
    return -gap * np.arange(sets)[:, None] + common + own


def run(plan: KimNelson, outcomes: np.ndarray) -> KimNelson:
    while (request := plan.ask()) is not None:
        plan.tell(outcomes[request.sets, request.first[0] : request.last[0]])
    return plan


def test_simulations_needed_at_high_correlation_are_those_of_the_reference(reference: Path) -> None:
    table = json.loads((reference / "search" / "ranking_selection.json").read_text())["kn"]["0.9"]
    plans = [run(KimNelson(20, 0.05), systems(seed, 20, 0.05, 0.9, 2000)) for seed in range(40)]
    used = np.array([plan.simulations for plan in plans])
    error = math.hypot(used.std(ddof=1) / math.sqrt(40), used.std(ddof=1) / math.sqrt(60))
    assert abs(used.mean() - table["KN_mean_simulations"]) < 4 * error
    assert np.mean([plan.selected == 0 for plan in plans]) >= 0.9
    # Three times fewer than equal allocation needs, at the least.
    assert 3 * used.mean() < table["equal_allocation_for_95%"]


def test_the_best_is_selected_as_often_as_stated() -> None:
    # The least favourable case: all others exactly the indifference behind.
    right = 0
    for seed in range(200):
        outcomes = systems(seed, 5, 0.0, 0.5, 3000)
        outcomes[3] += 0.3
        right += run(KimNelson(5, 0.3), outcomes).selected == 3
    assert right / 200 >= 0.95 - 4 * math.sqrt(0.05 * 0.95 / 200)


def test_batches_select_the_same_set() -> None:
    outcomes = systems(3, 8, 0.1, 0.5, 6000)
    one = run(KimNelson(8, 0.1), outcomes)
    many = run(KimNelson(8, 0.1, batch=50), outcomes)
    assert one.selected == many.selected
    assert one.simulations <= many.simulations <= one.simulations + 8 * 50


def test_less_is_better_where_asked() -> None:
    outcomes = systems(4, 4, 0.5, 0.0, 500)
    assert run(KimNelson(4, 0.3, maximise=False), outcomes).selected == 3


def test_a_set_leaves_at_the_path_that_the_formula_says() -> None:
    # Set 0 goes +1, -1, ...; set 1 stays at 0. Of ten first paths the difference has the variance
    # 10 / 9, and its mean is 1 / r at odd r: (Kim and Nelson, 2001) set 1 leaves at the first odd r
    # with 1 / r > 0.5 / (2 r) (h^2 (10 / 9) / 0.5^2 - r), h^2 = 9 ((2 * 0.05)^(-2 / 9) - 1).
    outcomes = np.zeros((2, 100))
    outcomes[0] = np.where(np.arange(100) % 2 == 0, 1.0, -1.0)
    plan = run(KimNelson(2, 0.5, first=10), outcomes)
    bound = 9 * ((2 * 0.05) ** (-2 / 9) - 1) * (10 / 9) / 0.5**2
    leaves = next(r for r in range(11, 100, 2) if 0.25 * (bound - r) < 1)
    assert (plan.selected, plan.paths) == (0, leaves)
    assert leaves == 23


def test_equal_sets_end_with_one() -> None:
    assert run(KimNelson(3, 0.1), np.zeros((3, 100))).selected == 0


def test_what_a_procedure_cannot_use_is_refused() -> None:
    with pytest.raises(ValueError, match="sets: found 1"):
        KimNelson(1, 0.1)
    with pytest.raises(ValueError, match="indifference: found 0"):
        KimNelson(3, 0.0)
    plan = KimNelson(3, 0.1)
    plan.ask()
    with pytest.raises(ValueError, match="outcomes: found shape"):
        plan.tell(np.zeros((3, 4)))
    with pytest.raises(ValueError, match="budget: found 10, allowed at least 60"):
        BudgetAllocation(3, 10)


def test_allocations_are_those_of_the_reference(reference: Path) -> None:
    table = json.loads((reference / "search" / "ranking_selection.json").read_text())["ocba"]
    for case in table:
        means = -np.array(case["minimise_means"])
        found = ocba_allocation(means, case["variances"], case["budget"])
        np.testing.assert_allclose(found, case["allocation"], rtol=1e-9)


def test_sets_that_do_not_vary_need_no_budget() -> None:
    found = ocba_allocation([1.0, 0.5, 0.2], [1.0, 0.0, 1.0], 100.0)
    assert found[1] == 0.0
    assert found.sum() == pytest.approx(100.0)
    assert ocba_allocation([1.0, 1.0], [2.0, 2.0], 10.0).tolist() == [5.0, 5.0]


def test_a_round_follows_the_sample_variances_of_sets_run_on_different_numbers_of_paths() -> None:
    rng = np.random.Generator(np.random.Philox(3))
    counts, means = np.array([3, 5, 40]), (0.0, 0.3, 0.4)
    seen = [rng.normal(mean, 1.0, count) for mean, count in zip(means, counts, strict=True)]
    plan = BudgetAllocation(3, 90_000, probability=0.999999, first=3, step=10_000)
    plan.tell(Request(np.arange(3), np.zeros(3, dtype=np.int64), counts), seen)
    variances = [float(np.sum((row - row.mean()) ** 2)) / (len(row) - 1) for row in seen]
    target = ocba_allocation([row.mean() for row in seen], variances, 10_048.0)
    lacking = np.maximum(target - counts, 0.0)
    request = plan.ask()
    assert request is not None
    more = np.zeros(3)
    more[request.sets] = request.last - request.first
    assert more.sum() == 10_000
    assert np.abs(more - 10_000 * lacking / lacking.sum()).max() < 1.0


def test_the_probability_counts_the_paths_that_two_sets_share() -> None:
    """Chen and Lee's bound, written out for two sets that ran on 4 and 6 of the same paths."""
    rng = np.random.Generator(np.random.Philox(4))
    path = rng.normal(0.0, 1.0, 6)
    first, second = path[:4] + 0.25 + 0.6 * rng.normal(0.0, 1.0, 4), path
    plan = BudgetAllocation(2, 100, first=2)
    request = Request(np.arange(2), np.zeros(2, dtype=np.int64), np.array([4, 6]))
    plan.tell(request, [first, second])
    shared = np.cov(first, second[:4])[0, 1]
    spread = first.var(ddof=1) / 4 + second.var(ddof=1) / 6 - 2.0 * shared / 6
    expected = 1.0 - stats.norm.cdf(-(first.mean() - second.mean()) / math.sqrt(spread))
    assert plan.best == 0
    assert 0.5 < expected < 0.9999
    assert plan.probability == pytest.approx(expected, abs=1e-7)


def test_a_budget_is_spent_where_sets_are_close_and_stops_when_told() -> None:
    outcomes = systems(5, 10, 0.1, 0.5, 9000)
    plan = BudgetAllocation(10, 20_000)
    while (request := plan.ask()) is not None:
        plan.tell(
            request,
            [
                outcomes[s, f:b]
                for s, f, b in zip(request.sets, request.first, request.last, strict=True)
            ],
        )
    assert plan.best == 0
    assert plan.probability >= 0.95
    assert plan.counts.sum() < 20_000
    assert plan.counts[0] > 4 * plan.counts[9]


def test_an_indifference_makes_the_stop_sooner_and_the_budget_bounds_it() -> None:
    outcomes = systems(6, 4, 0.01, 0.0, 5000)

    def spend(plan: BudgetAllocation) -> BudgetAllocation:
        while (request := plan.ask()) is not None:
            rows = zip(request.sets, request.first, request.last, strict=True)
            plan.tell(request, [outcomes[s, f:b] for s, f, b in rows])
        return plan

    exact, indifferent = (
        spend(BudgetAllocation(4, 2000)),
        spend(BudgetAllocation(4, 2000, indifference=0.5)),
    )
    assert exact.counts.sum() == 2000
    assert exact.probability < 0.95
    assert indifferent.counts.sum() < 400
