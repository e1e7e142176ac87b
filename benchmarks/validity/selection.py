"""Whether the best set is in the subset, and what is said of the winner is true."""

from __future__ import annotations

import itertools
import math

import numpy as np
from numpy.typing import NDArray

from benchmarks.validity.worlds import generator
from engine.statistics.budget_allocation import BudgetAllocation
from engine.statistics.moments import means
from engine.statistics.ranking import KimNelson
from engine.statistics.selection import probability_of_best, subset_with_best
from engine.statistics.winner import winner

__all__ = ["print_tables", "world"]

Floats = NDArray[np.float64]

_TRUTHS: dict[str, Floats] = {
    "20 equal": np.zeros(20),
    "one ahead of 19 by 0.3": np.r_[0.3, np.zeros(19)],
    "20 in steps of 0.02": np.linspace(0.0, 0.38, 20),
    "500 equal": np.zeros(500),
}


def world(
    rng: np.random.Generator, truth: Floats, paths: int, correlation: float, skewed: bool = False
) -> Floats:
    """Outcomes of sets with these true means and standard deviation 1 on common paths."""
    common = math.sqrt(correlation) * rng.normal(size=paths)
    shape = (len(truth), paths)
    own = rng.exponential(size=shape) - 1.0 if skewed else rng.normal(size=shape)
    return truth[:, None] + common + math.sqrt(1.0 - correlation) * own


def print_tables(worlds: int = 1000) -> None:
    """Print the tables of subsets, winners and sequential procedures."""
    print(f"{worlds:,} worlds each. Subset: per cent in which the 95 % subset holds the truly best")
    print("set, and its mean size. Winner: mean bias in standard errors and per cent of the 95 %")
    print("intervals that hold its true mean, before and after the correction; share of the")
    print("corrected estimates above the truth (50 % wanted).")
    print()
    print(
        "| sets | paths | correlation | outcomes | subset | bias | corrected | held | corrected |"
        " above |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for name, truth in _TRUTHS.items():
        count = worlds if len(truth) < 100 else worlds // 4
        for paths in (50, 200, 1000):
            for correlation, skewed in ((0.0, False), (0.9, False), (0.5, True)):
                _row(name, truth, paths, correlation, skewed, count)
    print()
    _print_procedures(max(20, worlds // 10))


def _row(
    name: str, truth: Floats, paths: int, correlation: float, skewed: bool, worlds: int
) -> None:
    rng = generator(31)
    rows = []
    for _ in range(worlds):
        outcomes = means(world(rng, truth, paths, correlation, skewed))
        subset = subset_with_best(outcomes)
        found = winner(outcomes)
        true, error = truth[found.index], found.naive.std_error
        rows.append(
            (
                subset[int(np.argmax(truth))],
                subset.sum(),
                (found.naive.value - true) / error,
                (found.corrected.value - true) / error,
                found.naive.low <= true <= found.naive.high,
                found.corrected.low <= true <= found.corrected.high,
                found.corrected.value > true,
            )
        )
    held, size, bias, left, plain, corrected, above = np.array(rows, dtype=float).mean(axis=0)
    law = "skewed" if skewed else "normal"
    print(
        f"| {name} | {paths} | {correlation} | {law} | {100 * held:.1f} ({size:.0f}) | "
        f"{bias:+.2f} | {left:+.2f} | {100 * plain:.1f} | {100 * corrected:.1f} | "
        f"{100 * above:.0f} |",
        flush=True,
    )


def _print_procedures(worlds: int) -> None:
    print(f"Sequential procedures on {worlds} worlds: 20 sets in steps of 0.05 with standard")
    print("deviation 1, 95 % asked; per cent selected rightly, and mean simulations.")
    print()
    print("| correlation | Kim-Nelson, indifference 0.05 | budget allocation (OCBA) |")
    print("|---|---|---|")
    truth: Floats = -0.05 * np.arange(20, dtype=np.float64)
    for correlation in (0.9, 0.5):
        right, used = np.zeros(2), np.zeros(2)
        for seed in range(worlds):
            outcomes = world(generator(500 + seed), truth, 12_000, correlation)
            plan = KimNelson(20, 0.05, batch=10)
            while (request := plan.ask()) is not None:
                plan.tell(outcomes[request.sets, request.first[0] : request.last[0]])
            spent = BudgetAllocation(20, 40_000, step=200)
            while (request := spent.ask()) is not None:
                rows = zip(request.sets, request.first, request.last, strict=True)
                spent.tell(request, [outcomes[s, f:b] for s, f, b in rows])
            right += (plan.selected == 0, spent.best == 0)
            used += (plan.simulations, spent.counts.sum())
        cells = [
            f"{100 * r / worlds:.0f}; {u / worlds:,.0f}" for r, u in zip(right, used, strict=True)
        ]
        print(f"| {correlation} | " + " | ".join(cells) + " |", flush=True)
    print()
    print("Probability of being best, of two sets 0.2 apart on 50 paths: share of the sets that")
    print("are, by what was said.")
    print()
    said, true = [], []
    rng = generator(41)
    for _ in range(40 * worlds):
        better = int(rng.integers(0, 2))
        truth = np.zeros(2)
        truth[better] = 0.2
        found = probability_of_best(
            means(world(rng, truth, 50, 0.5)), seed=int(rng.integers(1 << 30)), draws=400
        )
        said.append(found[0])
        true.append(better == 0)
    table, hits = np.array(said), np.array(true)
    edges = (0.0, 0.1, 0.3, 0.7, 0.9, 1.01)
    print("| said | is best |")
    print("|---|---|")
    for low, high in itertools.pairwise(edges):
        inside = (table >= low) & (table < high)
        share = f"{100 * hits[inside].mean():.0f} % of {inside.sum()}"
        print(f"| {low:.0%} to {min(high, 1):.0%} | {share} |")
