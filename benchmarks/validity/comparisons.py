"""Whether differences between two rules are judged rightly, idle paths and partial overlap too."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from benchmarks.validity.worlds import Sums, generator
from engine.statistics.comparison import Differences, compare
from engine.statistics.estimates import Estimates
from engine.statistics.layout import Layout
from engine.statistics.linearised import Linearised
from engine.statistics.moments import means
from engine.statistics.path_sums import pnl_parts, return_sums
from engine.statistics.pooled import pooled
from engine.statistics.quantiles import quantiles

__all__ = ["STATISTICS", "print_tables", "rules", "statistic"]

Floats = NDArray[np.float64]

STATISTICS = ("net P&L", "Sharpe ratio", "gain to loss", "median P&L")

_BARS = 21
# Share of the paths of a rule that the other ran on as well.
_OVERLAPS = (1.0, 0.5, 0.0)


def rules(
    rng: np.random.Generator, shape: tuple[int, ...], share: float, edge: float
) -> tuple[Sums, Sums]:
    """Draw two rules on the same paths, that trade on a share of them, the first with an edge."""
    market = rng.normal(0.0003, 0.01, (*shape, _BARS))
    found: list[Sums] = []
    for drift in (edge, 0.0):
        held = (rng.random(shape) < share)[..., None]
        changes = 0.7 * market + rng.normal(drift, 0.007, (*shape, _BARS))
        equity = 100.0 * np.cumprod(1.0 + changes * held, axis=-1)
        pnl = np.asarray(equity[..., -1] - 100.0, dtype=np.float64)
        sums = return_sums(equity, 100.0, _BARS / 252.0)
        rule: Sums = {**sums, **pnl_parts(pnl), "net_pnl": pnl}
        found.append(rule)
    return found[0], found[1]


def statistic(name: str, sums: Sums, layout: Layout | None = None) -> Linearised:
    """Linearise one of `STATISTICS`."""
    if name == "net P&L":
        return means(sums["net_pnl"], layout)
    if name == "median P&L":
        return quantiles(sums["net_pnl"], 0.5, layout)
    return pooled("sharpe" if name == "Sharpe ratio" else "gain_to_loss", sums, layout)


def judged(
    name: str, n: int, worlds: int, share: float, edge: float, overlap: float
) -> Differences:
    """Compare two rules of n paths each in many worlds, of which a share are the same paths."""
    own = n - round(overlap * n)
    first, second = rules(generator(7), (worlds, n + own), share, edge)
    sets = np.repeat(np.arange(worlds), n)
    ours = Layout.of(sets, np.tile(np.arange(n), worlds))
    theirs = Layout.of(sets, np.tile(np.arange(own, n + own), worlds))
    return compare(
        statistic(name, {key: part[:, :n] for key, part in first.items()}, ours),
        statistic(name, {key: part[:, own:] for key, part in second.items()}, theirs),
    )


def print_tables(worlds: int = 1000) -> None:
    """Print p-values of equal rules, and coverage of differences of unequal ones."""
    print(
        f"Two rules of equal law on {worlds:,} worlds: share of p-values below 0.05 (of 5 %), and"
    )
    print("the p-value of a Kolmogorov-Smirnov test of their being uniform.")
    print()
    print("| statistic | paths | trades on | all paths common | half of them | none |")
    print("|---|---|---|---|---|---|")
    for name in STATISTICS:
        for n in (50, 200, 1000):
            for share in (0.25, 1.0):
                if name == "median P&L" and share < 1.0:
                    continue
                cells = [_uniform(name, n, worlds, share, overlap) for overlap in _OVERLAPS]
                print(f"| {name} | {n} | {share:.0%} | " + " | ".join(cells) + " |", flush=True)
    print()
    print("A rule with an edge against one without: per cent of the 95 % intervals of their")
    print("difference, and of the percentage, that hold the truth; variance saved by pairing.")
    print()
    print("| statistic | paths | common | difference | percent | variance saved |")
    print("|---|---|---|---|---|---|")
    for name in STATISTICS[:3]:
        truth = _truth(name)
        for n in (50, 200, 1000):
            for overlap in _OVERLAPS:
                found = judged(name, n, worlds, 0.7, 0.001, overlap)
                saved = np.nanmean(found.variance_saved)
                print(
                    f"| {name} | {n} | {overlap:.0%} | {_held(found.difference, truth[0])} | "
                    f"{_held(found.percent, truth[1])} | {saved:.0%} |",
                    flush=True,
                )


def _uniform(name: str, n: int, worlds: int, share: float, overlap: float) -> str:
    p_value = judged(name, n, worlds, share, 0.0, overlap).p_value
    p_value = p_value[~np.isnan(p_value)]
    test = stats.kstest(p_value, "uniform").pvalue
    return f"{100 * (p_value < 0.05).mean():.1f} % ({test:.2f})"


def _truth(name: str) -> tuple[float, float]:
    """Difference and percentage of the two rules over 600,000 paths."""
    rng = generator(8)
    values = []
    for _ in range(10):
        first, second = rules(rng, (1, 60_000), 0.7, 0.001)
        values.append([statistic(name, each).value[0] for each in (first, second)])
    a, b = np.mean(values, axis=0)
    return float(a - b), float(100 * (a - b) / abs(b))


def _held(table: Estimates, truth: float) -> str:
    low, high = table.low, table.high
    stated = ~np.isnan(low)
    if not stated.any():
        return "none"
    held = (stated & (low <= truth) & (truth <= high)).sum() / stated.sum()
    text = f"{100 * held:.1f}"
    return text if stated.mean() > 0.995 else f"{text} ({100 * stated.mean():.0f})"
