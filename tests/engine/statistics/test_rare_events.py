"""Rare events from paths that were made to meet them more often."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

import engine as mc
from engine.errors import Refusal
from engine.sources.variance_start import VarianceStart
from engine.statistics.rare_events import rare_event

WORLD = mc.GBM(mu=0.05, sigma=0.2)


def first_passage(barrier: float, years: float) -> float:
    """Probability that a GBM that starts at 100 falls to a barrier (Harrison 1985)."""
    drift, level = WORLD.mu - 0.5 * WORLD.sigma**2, math.log(barrier / 100.0)
    scale = WORLD.sigma * math.sqrt(years)
    below = stats.norm.cdf((level - drift * years) / scale)
    mirrored = math.exp(2.0 * drift * level / WORLD.sigma**2)
    return float(below + mirrored * stats.norm.cdf((level + drift * years) / scale))


def fall(
    barrier: float, mu: float, paths: int, first_seed: int = 0, *, steps: int = 50
) -> tuple[np.ndarray, np.ndarray]:
    sampled = mc.GBM(mu=mu, sigma=WORLD.sigma)
    seeds = range(first_seed, first_seed + paths)
    block = sampled.paths(s0=100.0, steps=steps, dt=1.0 / steps, seeds=seeds)
    fell = block.low <= barrier
    return fell.any(axis=1), WORLD.log_weights(block, sampled=sampled, at=fell.argmax(axis=1))


@pytest.mark.parametrize(
    ("barrier", "mu", "least_saved"), [(50.0, -0.7, 20.0), (40.0, -0.9, 500.0)]
)
def test_the_chance_to_fall_below_a_barrier_is_that_of_the_closed_form(
    barrier: float, mu: float, least_saved: float
) -> None:
    found = rare_event(*fall(barrier, mu, 4000))
    truth, made = first_passage(barrier, 1.0), found.probability
    assert truth < 1e-3
    assert abs(made.value - truth) < 4.0 * made.std_error
    assert made.std_error < 0.1 * truth
    assert found.work_saved > least_saved
    assert found.plain_paths == pytest.approx(found.work_saved * 4000)
    assert made.low < truth < made.high


def test_intervals_of_a_rare_event_hold_the_truth_as_often_as_they_say() -> None:
    met, weights = fall(50.0, -0.7, 40_000, steps=10)
    truth, held, worlds = first_passage(50.0, 1.0), 0, 200
    for first in range(0, 40_000, 200):
        part = slice(first, first + 200)
        made = rare_event(met[part], weights[part]).probability
        held += made.low <= truth <= made.high
    assert abs(held / worlds - 0.95) < 3.0 * math.sqrt(0.05 * 0.95 / worlds)


def test_the_work_saved_is_what_plain_simulation_would_have_taken_more() -> None:
    plain, ones = fall(80.0, WORLD.mu, 4000)
    assert np.abs(ones).max() == 0.0
    found = rare_event(plain, ones)
    assert found.work_saved == pytest.approx(1.0, rel=1e-3)
    assert found.probability.value == plain.mean()


def test_ruin_of_a_strategy_is_told_from_a_study_of_another_drift() -> None:
    sampled = mc.GBM(mu=-0.7, sigma=0.2)
    study = mc.Study("fall", sampled, "buy_and_hold", seeds=3000, steps=50, s0=100.0, warm_up=0)
    rows = study.run().frame
    block = sampled.paths(
        s0=100.0, steps=50, dt=1.0 / 252.0, seeds=rows["seed"].to_numpy(), bars="close"
    )
    weights = WORLD.log_weights(block, sampled=sampled)
    lost = rows["total_return"].to_numpy() <= -0.25
    found = rare_event(lost, weights)
    # Units are bought at the first open with all of the cash, so the loss is that of the
    # price, but for the cash that whole units leave over: a tenth of the probability at most.
    at = 100.0 * 0.75
    drift, years = WORLD.mu - 0.02, 50.0 / 252.0
    z = (math.log(at / 100.0) - drift * years) / (0.2 * math.sqrt(years))
    truth = float(stats.norm.cdf(z))
    assert found.seen >= 100
    assert abs(found.probability.value - truth) < 4.0 * found.probability.std_error + 0.1 * truth
    assert abs(found.mean_weight - 1.0) < 4.0 * found.mean_weight_error


def test_an_event_that_is_hardly_met_has_no_interval() -> None:
    met = np.zeros(1000, dtype=bool)
    met[:3] = True
    found = rare_event(met, np.zeros(1000)).probability
    assert (found.value, found.method) == (0.003, "too few")
    assert math.isnan(found.low)
    assert rare_event(np.zeros(9, bool), np.zeros(9)).probability.value == 0.0


@pytest.mark.parametrize(
    ("met", "weights", "unit", "says"),
    [
        ([True, False], [0.0], 1, "log_weights"),
        ([True, False], [0.0, math.nan], 1, "not a number"),
        ([True, False, True], [0.0, 0.0, 0.0], 2, "divisor of 3"),
        ([True, False], ["likely", "not"], 1, "log_weights: found no array of numbers"),
        ([True, False], [0.0, 1e6], 1, r"log_weights: found 1e\+06, allowed at most 300"),
        ([0, 2], [0.0, 0.0], 1, "met: found values other than true and false"),
        ([math.nan, 1.0], [0.0, 0.0], 1, "met: found values other than true and false"),
    ],
)
def test_wrong_input_is_refused_in_a_sentence(
    met: list[Any], weights: list[Any], unit: int, says: str
) -> None:
    with pytest.raises(Refusal, match=says):
        rare_event(met, weights, unit=unit)


def test_weights_need_the_same_volatility_and_bars_that_are_there() -> None:
    block = WORLD.paths(s0=1.0, steps=5, dt=0.1, seeds=range(3))
    with pytest.raises(Refusal, match="sigma"):
        mc.GBM(sigma=0.3).log_weights(block, sampled=WORLD)
    with pytest.raises(Refusal, match="0 to 4"):
        WORLD.log_weights(block, sampled=WORLD, at=[0, 5, 1])


def test_weights_need_a_variance_that_stands_still() -> None:
    block = WORLD.paths(s0=1.0, steps=5, dt=0.1, seeds=range(3))
    start = VarianceStart(0.1, 0.95, 1.0 / 252.0)
    with pytest.raises(Refusal, match="start_variance: found a variance that moves"):
        mc.GBM(mu=0.1, sigma=0.2, start_variance=start).log_weights(block, sampled=WORLD)
