"""Samplers: what they ask, that they repeat, that they find what is there."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.errors import Refusal
from engine.search import METHODS, SearchSpace, make_sampler
from engine.studies.values import choice, integer, log_integer, uniform

Floats = NDArray[np.float64]

SPACE = SearchSpace.of(
    {"x": uniform(-5.0, 10.0), "n": integer(1, 30), "k": log_integer(1, 100), "w": choice("abc")}
)


def _ask_and_tell(method: str, seed: int, rounds: int = 4) -> list[Floats]:
    sampler = make_sampler(method, SPACE, seed=seed)
    asked = []
    for _ in range(rounds):
        points = sampler.ask(16)
        asked.append(points)
        scores = -((points[:, :1] - 0.3) ** 2)
        scores[0] = np.nan  # a trial that does not count
        sampler.tell(points, scores)
    return asked


@pytest.mark.parametrize("method", sorted({*METHODS} - {"grid"}))
def test_the_same_seed_asks_the_same_and_another_something_else(method: str) -> None:
    first, again, other = (_ask_and_tell(method, seed) for seed in (7, 7, 8))
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert any((a != b).any() for a, b in zip(first, other, strict=True))
    for points in first:
        assert points.shape == (16, 4)
        settled = SPACE.settle(points)
        assert SPACE.sets(settled) == SPACE.sets(points)


def test_a_grid_asks_for_every_combination_once_the_last_parameter_fastest() -> None:
    space = SearchSpace.of({"a": [1, 2], "b": integer(3, 5), "c": ["x", "y"]})
    sampler = make_sampler("grid", space)
    asked = [*space.sets(sampler.ask(5)), *space.sets(sampler.ask(100))]
    assert [tuple(one.values()) for one in asked] == list(
        itertools.product([1, 2], [3, 4, 5], ["x", "y"])
    )
    assert len(sampler.ask(10)) == 0


def test_a_grid_of_real_numbers_is_refused_by_name() -> None:
    with pytest.raises(Refusal, match=r"real numbers to search \(x\)"):
        make_sampler("grid", SPACE)


def test_sobols_points_do_not_depend_on_how_many_are_asked_at_a_time() -> None:
    space = SearchSpace.of({"x": uniform(0.0, 1.0), "y": uniform(0.0, 1.0)})
    whole = make_sampler("sobol", space, seed=3).ask(64)
    sampler = make_sampler("sobol", space, seed=3)
    parts = np.concatenate([sampler.ask(count) for count in (1, 20, 43)])
    assert (whole == parts).all()
    # Balanced: sixteen in each quarter of the square.
    quarters = (whole > 0.5) @ np.array([1, 2])
    assert np.bincount(quarters).tolist() == [16, 16, 16, 16]


def _branin(points: Floats) -> Floats:
    """Branin's function with the sign turned: its largest value is -0.397887."""
    x, y = points[:, 0] * 15.0 - 5.0, points[:, 1] * 15.0
    b, c, t = 5.1 / (4 * np.pi**2), 5 / np.pi, 1 / (8 * np.pi)
    return np.asarray(-((y - b * x**2 + c * x - 6.0) ** 2 + 10 * (1 - t) * np.cos(x) + 10.0))


@pytest.mark.parametrize(
    ("method", "trials", "worst"), [("genetic", 400, 0.05), ("tpe", 96, 1.0), ("cma_es", 192, 0.3)]
)
def test_branins_optimum_is_found_within_some_hundred_trials(
    method: str, trials: int, worst: float
) -> None:
    space = SearchSpace.of({"x": uniform(0.0, 1.0), "y": uniform(0.0, 1.0)})
    missed = []
    for seed in range(3):
        sampler, best = make_sampler(method, space, seed=seed), -np.inf
        for _ in range(trials // 16):
            points = sampler.ask(16)
            values = _branin(points)
            best = max(best, float(values.max()))
            sampler.tell(points, values[:, None])
        missed.append(-0.397887 - best)
    assert np.median(missed) < worst


def test_a_genetic_search_beats_random_points_on_a_noisy_sphere_of_six_parameters() -> None:
    space = SearchSpace.of({f"x{i}": uniform(0.0, 1.0) for i in range(6)})
    rng = np.random.Generator(np.random.Philox(5))
    distance = {}
    for method in ("genetic", "random"):
        found = []
        for seed in range(5):
            sampler, best, at = make_sampler(method, space, seed=seed), -np.inf, np.zeros(6)
            for _ in range(20):
                points = sampler.ask(32)
                noisy = -((points - 0.7) ** 2).sum(axis=1) + rng.normal(size=32) * 0.02
                if noisy.max() > best:
                    best, at = noisy.max(), points[noisy.argmax()]
                sampler.tell(points, noisy[:, None])
            found.append(float(np.abs(at - 0.7).max()))
        distance[method] = np.median(found)
    assert distance["genetic"] < 0.15
    assert distance["genetic"] < 0.6 * distance["random"]


def test_trials_that_do_not_count_leave_no_descendants() -> None:
    space = SearchSpace.of({"x": uniform(0.0, 1.0)})
    sampler = make_sampler("genetic", space, seed=1)
    for _ in range(15):
        points = sampler.ask(16)
        # The larger the better, but above a half nothing counts.
        sampler.tell(points, np.where(points > 0.5, np.nan, points))
    assert 0.45 < sampler.best[0] <= 0.5  # type: ignore[attr-defined]


def test_methods_that_take_one_objective_say_so() -> None:
    with pytest.raises(Refusal, match="genetic with several objectives"):
        make_sampler("genetic", SPACE, objectives=2)
    with pytest.raises(Refusal, match="cma_es with several objectives"):
        make_sampler("cma_es", SPACE, objectives=2)
    with pytest.raises(Refusal, match="grid, random, sobol"):
        make_sampler("annealing", SPACE)
