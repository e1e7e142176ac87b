"""What a search cost is counted in: the figures agree with the functions they come from."""

from __future__ import annotations

import math

import numpy as np
import pytest

from engine.errors import Refusal
from engine.statistics.overfitting import probability_of_backtest_overfitting
from engine.statistics.search_cost import FEWEST_BLOCKS, SearchCost, search_cost
from engine.statistics.sharpe_inference import deflated_sharpe_ratio, expected_maximum


def noise(seed: int, blocks: int = 64, trials: int = 40) -> np.ndarray:
    return np.random.Generator(np.random.Philox(seed)).normal(size=(blocks, trials))


def best_of(outcomes: np.ndarray) -> int:
    return int((outcomes.mean(axis=0) / outcomes.std(axis=0)).argmax())


def cost(outcomes: np.ndarray, tried: int | None = None) -> SearchCost:
    count = outcomes.shape[1] if tried is None else tried
    return search_cost(outcomes, best_of(outcomes), tried=count, block_length=1.0, seed=3)


def test_figures_are_those_of_the_functions_on_the_same_outcomes() -> None:
    x = noise(1)
    found = cost(x)
    own = x[:, best_of(x)]
    z = (own - own.mean()) / own.std()
    deflated = deflated_sharpe_ratio(
        own.mean() / own.std(ddof=1),
        64,
        trials=found.effective_trials,
        variance=1.0 / 63.0,
        skew=(z**3).mean(),
        kurtosis=(z**4).mean(),
    )
    assert found.deflated_sharpe == pytest.approx(float(deflated), rel=1e-12)
    assert found.expected_maximum == expected_maximum(found.effective_trials)
    overfit = probability_of_backtest_overfitting(x, splits=16)
    assert found.overfitting_probability == overfit.probability
    assert found.degradation_slope == overfit.slope
    assert found.loss_probability == overfit.loss_probability


def test_copies_of_a_trial_are_no_more_trials_and_unseen_ones_are() -> None:
    x = noise(2, trials=10)
    ten, copied = cost(x), cost(np.repeat(x, 5, axis=1))
    assert copied.effective_trials == pytest.approx(ten.effective_trials, rel=1e-6)
    assert copied.groups == 10
    more = cost(x, tried=100)
    assert more.effective_trials == pytest.approx(10.0 * ten.effective_trials)
    assert more.deflated_sharpe < ten.deflated_sharpe
    assert more.probabilistic_sharpe == ten.probabilistic_sharpe


@pytest.mark.slow
def test_a_search_without_skill_is_rarely_deflated_into_skill_and_an_edge_is_found() -> None:
    worlds, named, deflated, found = 200, 0, 0, 0
    for world in range(worlds):
        x = noise(100 + world)
        chance = cost(x)
        named += chance.probabilistic_sharpe > 0.95
        deflated += chance.deflated_sharpe > 0.95
        x[:, 7] += 0.7
        found += cost(x).deflated_sharpe > 0.95
    # Of forty worthless trials the best nearly always looks good by itself.
    assert named > 0.8 * worlds
    assert deflated <= worlds * (0.05 + 3.0 * math.sqrt(0.05 * 0.95 / worlds))
    assert found > 0.9 * worlds


def test_one_trial_has_no_choice_to_cross_validate() -> None:
    found = search_cost(noise(4, trials=1), 0, tried=1, block_length=1.0, seed=3)
    assert math.isnan(found.overfitting_probability)
    assert found.effective_trials == 1.0
    assert found.deflated_sharpe == found.probabilistic_sharpe


def test_a_trial_below_nothing_needs_an_infinite_record() -> None:
    outcomes = noise(5, trials=3) - 1.0
    assert math.isinf(cost(outcomes).minimum_record)


@pytest.mark.parametrize(
    ("outcomes", "tried", "what"),
    [
        (np.zeros((FEWEST_BLOCKS - 1, 2)), 2, "outcomes"),
        (noise(1, trials=3), 2, "tried"),
        (np.ones((64, 2)) * [1.0, 2.0] + noise(1, trials=2) * [0.0, 1.0], 2, "best"),
    ],
)
def test_what_cannot_be_told_is_refused(outcomes: np.ndarray, tried: int, what: str) -> None:
    with pytest.raises(Refusal, match=f"^{what}: found"):
        search_cost(outcomes, 0, tried=tried, block_length=1.0, seed=3)
