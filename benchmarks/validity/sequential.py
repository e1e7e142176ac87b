"""Whether stopping as soon as an interval is narrow enough leaves it right."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from benchmarks.validity.worlds import OUTCOMES, generator
from engine.statistics.moments import means
from engine.statistics.sequential import SequentialPrecision

__all__ = ["print_tables", "stopped"]

Floats = NDArray[np.float64]
Law = Callable[[np.random.Generator, int], Floats]

_MOST = 6000


def _lottery(share: float) -> Law:
    """Lose a little mostly, win much on a share of the paths."""

    def draw(rng: np.random.Generator, n: int) -> Floats:
        return np.where(rng.random(n) < share, 1 / share - 1, -1.0) + 0.05 * rng.normal(size=n)

    return draw


def _of(name: str) -> Law:
    return lambda rng, n: OUTCOMES[name].draw(rng, (n,))


LAWS: dict[str, Law] = {
    **{
        name: _of(name)
        for name in ("normal", "exponential", "Student, 4", "premium seller", "90 % idle")
    },
    "wins on 1 of 20 paths": _lottery(0.05),
    "wins on 1 of 50 paths": _lottery(0.02),
    "wins on 1 of 100 paths": _lottery(0.01),
}


def stopped(law: Law, needed: int, worlds: int, seed: int) -> tuple[float, float, float]:
    """Run until precise in many worlds.

    Returns
    -------
    covered : float
        Share of the intervals at the stop that hold the true mean.
    naive : float
        The same of stopping at the first interval of 20 paths or more that looks narrow enough.
    paths : float
        Mean number of paths used.
    """
    population = law(generator(2_000_003), 4_000_000)
    truth, goal = float(population.mean()), 1.96 * float(population.std()) / needed**0.5
    rng = generator(seed)
    held = naive = paths = 0
    for _ in range(worlds):
        outcomes = law(rng, _MOST)
        plan = SequentialPrecision(half_width=goal, most=_MOST)
        while (count := plan.ask()) is not None:
            found = means(outcomes[:count]).estimates(plan.interval_confidence)[0]
            plan = plan.tell(count, [found.half_width])
        held += found.low <= truth <= found.high
        paths += plan.looks[-1][0]
        naive += _naive(outcomes, goal, truth)
    return held / worlds, naive / worlds, paths / worlds


def _naive(outcomes: Floats, goal: float, truth: float) -> bool:
    count = 20
    while True:
        part = outcomes[:count]
        reach = 1.96 * part.std(ddof=1) / count**0.5
        if reach <= goal or count == len(outcomes):
            return bool(abs(part.mean() - truth) <= reach)
        growth = min(max((reach / goal) ** 2 * 1.1, 1.05), 4.0)
        count = min(len(outcomes), int(count * growth) + 1)


def print_tables(worlds: int = 1000) -> None:
    """Print coverage at the stop, for goals that need few paths and many."""
    print(
        f"Per cent of {worlds:,} worlds in which the 95 % interval at the stop holds the mean; in"
    )
    print("brackets the coverage of stopping at the first look that seems narrow enough, from 20")
    print("paths on; mean paths used. The goal is what about so many paths have.")
    print()
    goals = (50, 300, 1000)
    print("| outcomes | " + " | ".join(f"goal of {n:,} paths" for n in goals) + " |")
    print("|---|" + "---|" * len(goals))
    for name, law in LAWS.items():
        cells = []
        for place, needed in enumerate(goals):
            covered, naive, paths = stopped(law, needed, worlds, seed=20 + place)
            cells.append(f"{100 * covered:.1f} ({100 * naive:.0f}); {paths:,.0f}")
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)
