"""Selecting the best set look by look: how often it is the right one, and what it costs."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from engine.errors import Refusal
from engine.statistics.linearised import Linearised
from engine.statistics.moments import means
from engine.statistics.path_sums import return_sums
from engine.statistics.pooled import pooled
from engine.statistics.ranking import KimNelson
from engine.statistics.sequential_selection import SequentialSelection


def systems(seed: int, gaps: list[float], correlation: float, paths: int) -> np.ndarray:
    """Draw normal outcomes of sets on common paths, each that far behind the first."""
    rng = np.random.Generator(np.random.Philox(seed))
    common = rng.normal(size=paths)
    own = rng.normal(size=(len(gaps), paths))
    shared = math.sqrt(correlation) * common + math.sqrt(1.0 - correlation) * own
    return shared - np.array(gaps)[:, None]


def run(plan: SequentialSelection, outcomes: np.ndarray, first: int = 50) -> tuple[int, int]:
    """Return which set is selected, and how many simulations it took."""
    paths, ran = first, first * plan.sets
    plan = plan.tell(means(outcomes[:, :first]))
    while not plan.done:
        last, paths = paths, plan.ask()
        ran += (paths - last) * len(plan.alive)
        plan = plan.tell(means(outcomes[list(plan.alive), :paths]))
    assert plan.selected is not None
    return plan.selected, ran


@pytest.mark.parametrize("correlation", [0.0, 0.8])
def test_the_best_is_selected_as_often_as_promised(correlation: float) -> None:
    worlds, gap = 400, 0.3
    right = sum(
        run(SequentialSelection(5, gap), systems(seed, [0.0] + [gap] * 4, correlation, 4000))[0]
        == 0
        for seed in range(worlds)
    )
    error = math.sqrt(0.05 * 0.95 / worlds)
    # All others exactly as far behind as is worth telling: the hardest case there is.
    assert right / worlds >= 0.95 - 2.0 * error


def test_a_promise_of_less_is_kept_with_less_work() -> None:
    gaps = [0.0, 0.2, 0.2, 0.2]
    work = {}
    for probability in (0.80, 0.99):
        found = [
            run(SequentialSelection(4, 0.2, probability), systems(seed, gaps, 0.3, 20_000))
            for seed in range(150)
        ]
        share = np.mean([chosen == 0 for chosen, _ in found])
        assert share >= probability - 2.0 * math.sqrt(probability * (1 - probability) / 150)
        work[probability] = np.mean([ran for _, ran in found])
    assert work[0.80] < 0.7 * work[0.99]


def test_it_costs_what_the_procedure_of_single_paths_costs(reference: Path) -> None:
    oracle = json.loads((reference / "search" / "ranking_selection.json").read_text())["kn"]
    gaps = [0.05 * place for place in range(20)]
    for correlation in (0.5, 0.9):
        plans = [
            run(SequentialSelection(20, 0.05), systems(seed, gaps, correlation, 12_000), 25)
            for seed in range(40)
        ]
        spent = np.mean([ran for _, ran in plans])
        expected = oracle[str(correlation)]["KN_mean_simulations"]
        # Looks are a quarter apart: sets leave up to that much later.
        assert 0.85 * expected < spent < 1.35 * expected
        assert np.mean([chosen == 0 for chosen, _ in plans]) >= 0.9


def test_the_first_look_is_that_of_kim_and_nelson() -> None:
    outcomes = systems(3, [0.0, 0.4, 1.0, 1.5, 3.0], 0.2, 60)
    single = KimNelson(5, 0.3, first=60)
    single.tell(outcomes)
    assert SequentialSelection(5, 0.3).tell(means(outcomes)).alive == tuple(single.alive)


def test_a_pooled_ratio_is_selected_by_as_often_as_promised() -> None:
    worlds = 100
    right = 0
    for seed in range(worlds):
        plan, paths = SequentialSelection(3, 1.0), 50
        while not plan.done:
            plan = plan.tell(_sharpe_ratios(seed, paths, plan.alive))
            paths = plan.ask()
            assert paths <= 1500
        right += plan.selected == 0
    assert right / worlds >= 0.95 - 2.0 * math.sqrt(0.05 * 0.95 / worlds)


def _sharpe_ratios(seed: int, paths: int, alive: tuple[int, ...]) -> Linearised:
    """Pool the first paths of sets of which the first has a Sharpe ratio 1 above the others'."""
    rng = np.random.Generator(np.random.Philox(seed))
    common = rng.normal(0.0, 0.008, (1500, 60))[:paths]
    own = rng.normal(0.0, 0.006, (3, 1500, 60))[list(alive), :paths]
    worth = np.array([1.0, 0.0, 0.0])[list(alive)]
    returns = common + own + worth[:, None, None] * 0.01 / math.sqrt(252.0)
    equity = 100.0 * np.cumprod(1.0 + returns, axis=-1)
    return pooled("sharpe", return_sums(equity, 100.0, 60 / 252.0))


def test_equal_sets_end_with_the_first_and_one_without_a_value_leaves_at_once() -> None:
    same = np.tile(systems(1, [0.0], 0.0, 80), (3, 1))
    assert SequentialSelection(3, 0.1).tell(means(same)).selected == 0
    found = means(systems(2, [0.0, 0.0, 0.0], 0.0, 80))
    found.value[1] = math.nan
    assert 1 not in SequentialSelection(3, 0.1).tell(found).alive


def test_what_cannot_be_promised_is_refused() -> None:
    with pytest.raises(Refusal, match="sets: found 1"):
        SequentialSelection(1, 0.1)
    with pytest.raises(Refusal, match="indifference: found 0"):
        SequentialSelection(3, 0.0)
    with pytest.raises(Refusal, match=r"probability: found 0\.2"):
        SequentialSelection(4, 0.1, 0.2)
    plan = SequentialSelection(3, 0.01).tell(means(systems(1, [0.0] * 3, 0.0, 60)))
    with pytest.raises(Refusal, match="paths: found 60, allowed above 60"):
        plan.tell(means(systems(1, [0.0] * 3, 0.0, 60)))
    with pytest.raises(Refusal, match="found 2 sets, allowed 3 on the same paths"):
        plan.tell(means(systems(1, [0.0] * 2, 0.0, 90)))
