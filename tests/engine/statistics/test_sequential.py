"""Stopping when an interval is narrow enough."""

from __future__ import annotations

import math

import numpy as np
import pytest

from engine.statistics.moments import means
from engine.statistics.sequential import SequentialPrecision


def test_two_looks_must_agree() -> None:
    plan = SequentialPrecision(half_width=1.0, most=10_000)
    assert plan.ask() == 200
    plan = plan.tell(200, [0.4])
    assert not plan.done
    assert plan.ask() == 250
    assert plan.tell(250, [0.9]).done
    # A second look that is wider than the first foretold goes on.
    wide = plan.tell(250, [1.3])
    assert not wide.done
    assert wide.ask() == math.ceil(250 * 1.3**2 * 1.1)


def test_a_first_look_that_foretold_no_such_width_needs_a_third() -> None:
    plan = SequentialPrecision(half_width=1.0, most=10_000).tell(200, [5.0])
    assert plan.ask() == 800
    lucky = plan.tell(800, [0.9])
    assert not lucky.done
    assert lucky.tell(1000, [0.85]).done


def test_what_has_no_width_is_wider_than_any_goal() -> None:
    plan = SequentialPrecision(half_width=1.0, most=1000)
    for widths in ([math.nan, 0.1], [math.inf], []):
        assert plan.tell(200, widths).widest == math.inf


def test_all_paths_used_is_the_end_whether_or_not_the_goal_is_reached() -> None:
    plan = SequentialPrecision(half_width=0.01, most=300).tell(200, [5.0])
    assert plan.ask() == 300
    end = plan.tell(300, [4.0])
    assert (end.done, end.reached, end.ask()) == (True, False, None)
    assert SequentialPrecision(half_width=1.0, most=50).ask() == 50


def test_plans_are_values() -> None:
    plan = SequentialPrecision(half_width=1.0, most=1000)
    plan.tell(200, [0.5])
    assert plan.looks == ()
    assert plan.tell(200, [0.5]) == plan.tell(200, [0.5])
    with pytest.raises(ValueError, match="paths: found 200, allowed above 200"):
        plan.tell(200, [0.5]).tell(200, [0.5])
    with pytest.raises(ValueError, match="half_width: found 0"):
        SequentialPrecision(half_width=0.0, most=10)


def lottery(rng: np.random.Generator, n: int) -> np.ndarray:
    """Lose a little mostly, win much once in fifty paths: mean 0."""
    return np.where(rng.random(n) < 0.02, 49.0, -1.0) + 0.1 * rng.normal(size=n)


def normal(rng: np.random.Generator, n: int) -> np.ndarray:
    return 7.0 * rng.normal(size=n)


@pytest.mark.parametrize("law", [lottery, normal])
@pytest.mark.parametrize("goal", [2.5, 0.8])
def test_stopping_does_not_spoil_the_interval(law, goal: float) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.Generator(np.random.Philox(11))
    held, worlds = 0, 400
    for _ in range(worlds):
        outcomes = law(rng, 4000)
        plan = SequentialPrecision(half_width=goal, most=4000)
        while (count := plan.ask()) is not None:
            found = means(outcomes[:count]).estimates(plan.interval_confidence)[0]
            plan = plan.tell(count, [found.half_width])
        held += found.low <= 0.0 <= found.high
    assert held / worlds >= 0.95 - 3.5 * math.sqrt(0.05 * 0.95 / worlds)
