"""How long the statistics of 50,000 parameter sets of 20 seeds take."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.timing import least
from engine.statistics.comparison import compare
from engine.statistics.layout import Layout
from engine.statistics.moments import means, standard_deviations
from engine.statistics.pooled import pooled
from engine.statistics.quantiles import expected_shortfalls, quantiles
from engine.statistics.selection import probability_of_best, subset_with_best
from engine.statistics.shape import skewnesses
from engine.statistics.shares import counts, shares
from engine.statistics.summaries import CoMoments, Moments
from engine.statistics.winner import winner

__all__ = ["print_tables"]

_SETS, _SEEDS = 50_000, 20


def print_tables(rounds: int = 3) -> None:
    """Print processor seconds of each, the least of some rounds."""
    rng = np.random.Generator(np.random.Philox(key=91))
    x = rng.normal(size=(_SETS, _SEEDS))
    sums = {
        "bars": np.full(x.shape, 252.0),
        "years": np.ones(x.shape),
        "return_sum": 0.05 + 0.15 * x,
        "return_squares": 252 * 1e-4 * (1.0 + 0.1 * rng.random(x.shape)),
        "gross_profit": rng.exponential(size=x.shape),
        "gross_loss": rng.exponential(size=x.shape),
    }
    layout = Layout.matrix(_SETS, _SEEDS)
    sets, units = np.repeat(np.arange(_SETS), _SEEDS), np.tile(np.arange(_SEEDS), _SETS)
    baseline = means(x[0])
    linear = means(x, layout)
    events = np.maximum(np.floor(x), 0.0)
    calls: dict[str, Callable[[], object]] = {
        "layout of rows with set and unit": lambda: Layout.of(sets, units),
        "mean": lambda: means(x, layout).estimates(),
        "standard deviation": lambda: standard_deviations(x, layout).estimates(),
        "skewness": lambda: skewnesses(x, layout),
        "median": lambda: quantiles(x, 0.5, layout).estimates(),
        "expected shortfall 75": lambda: expected_shortfalls(x, 0.75, layout).estimates(),
        "share above 0": lambda: shares((x > 0).astype(float), layout).estimates(),
        "rare counts": lambda: counts(events, layout).estimates(),
        "pooled Sharpe ratio": lambda: pooled("sharpe", sums, layout).estimates(),
        "pooled profit factor": lambda: pooled("profit_factor", sums, layout).estimates(),
        "difference from a baseline": lambda: compare(linear, baseline),
        "summary of moments": lambda: Moments.of(x, layout),
        "summary of products, 4 columns": lambda: CoMoments.of(
            {name: sums[name] for name in ("bars", "years", "return_sum", "return_squares")}, layout
        ),
        "subset with the best": lambda: subset_with_best(linear),
        "probability of being best": lambda: probability_of_best(linear, seed=1),
        "winner, corrected": lambda: winner(linear),
    }
    print(f"Processor seconds for {_SETS:,} parameter sets of {_SEEDS} seeds, least of {rounds}:")
    print()
    print("| statistic, with error and interval | seconds |")
    print("|---|---|")
    for name, spent in zip(calls, least(list(calls.values()), rounds), strict=True):
        print(f"| {name} | {spent:.3f} |", flush=True)
