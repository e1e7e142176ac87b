"""How often the intervals of statistics hold the truth."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.validity.worlds import OUTCOMES, PATHS, Outcomes, Paths, Sums, generator
from engine.statistics.linearised import Linearised
from engine.statistics.moments import means, standard_deviations
from engine.statistics.pooled import pooled
from engine.statistics.quantiles import quantiles
from engine.statistics.shares import counts, shares
from engine.statistics.tail_risk import expected_shortfall_of, value_at_risk_of

__all__ = [
    "POOLED_WORLDS",
    "STATISTICS",
    "Coverage",
    "measure",
    "measure_pooled",
    "print_ratios",
    "print_tables",
]

Floats = NDArray[np.float64]

SIZES = (50, 200, 1000)


@dataclass(frozen=True)
class Coverage:
    """How the intervals of one statistic fared.

    Parameters
    ----------
    covered : float
        Share of the stated intervals that held the truth; NaN if none was stated.
    stated : float
        Share of worlds in which an interval was stated.
    worlds : int
        Worlds drawn.
    """

    covered: float
    stated: float
    worlds: int


@dataclass(frozen=True)
class Statistic:
    """A statistic of outcomes and its true value in a population of them, sorted."""

    linear: Callable[[Floats], Linearised]
    truth: Callable[[Floats], float]


def _tail_mean(population: Floats, level: float) -> float:
    return float(-population[: round((1.0 - level) * len(population))].mean())


STATISTICS: dict[str, Statistic] = {
    "mean": Statistic(means, lambda p: float(p.mean())),
    "standard deviation": Statistic(standard_deviations, lambda p: float(p.std())),
    "median": Statistic(lambda x: quantiles(x, 0.5), lambda p: float(np.quantile(p, 0.5))),
    "5 % quantile": Statistic(lambda x: quantiles(x, 0.05), lambda p: float(np.quantile(p, 0.05))),
    "share above 0": Statistic(
        lambda x: shares((x > 0).astype(float)), lambda p: float((p > 0).mean())
    ),
    "share below -1": Statistic(
        lambda x: shares((x < -1).astype(float)), lambda p: float((p < -1).mean())
    ),
    "value at risk 95, normal": Statistic(
        lambda x: value_at_risk_of(-x, 0.95, "normal"),
        lambda p: float(-p.mean() + 1.6448536269514722 * p.std()),
    ),
    "value at risk 99, normal": Statistic(
        lambda x: value_at_risk_of(-x, 0.99, "normal"),
        lambda p: float(-p.mean() + 2.3263478740408408 * p.std()),
    ),
    "expected shortfall 95, normal": Statistic(
        lambda x: expected_shortfall_of(-x, 0.95, "normal"),
        lambda p: float(-p.mean() + 2.0627128075074257 * p.std()),
    ),
    "1 % quantile": Statistic(lambda x: quantiles(x, 0.01), lambda p: float(np.quantile(p, 0.01))),
    "expected shortfall 90": Statistic(
        lambda x: expected_shortfall_of(-x, 0.90), lambda p: _tail_mean(p, 0.90)
    ),
    "expected shortfall 95": Statistic(
        lambda x: expected_shortfall_of(-x, 0.95), lambda p: _tail_mean(p, 0.95)
    ),
    "count of losses below -1": Statistic(
        lambda x: counts((x < -1).astype(float)), lambda p: float((p < -1).mean())
    ),
}

_OF_RETURNS = ("sharpe", "sortino", "omega", "gain_to_loss", "information_ratio", "alpha", "beta")
_OF_TRADES = ("profit_factor", "expectancy", "payoff", "sqn", "win_rate")

#: Pooled ratios, and the worlds that have them.
POOLED_WORLDS: dict[str, tuple[str, ...]] = {
    **{
        name: tuple(world for world in PATHS if "trade" not in world)
        for name in (*_OF_RETURNS, "sharpe_by_path", "sharpe_autocorrelated")
    },
    **{name: tuple(world for world in PATHS if "trade" in world) for name in _OF_TRADES},
}


def measure(statistic: str, law: Outcomes, n: int, worlds: int, seed: int = 1) -> Coverage:
    """Measure the coverage of a statistic's 95 % interval over worlds of n paths."""
    chosen = STATISTICS[statistic]
    truth = chosen.truth(law.population())
    parts = [
        _held(chosen.linear(law.draw(generator(seed + part), (count, n))), truth)
        for part, count in _portions(worlds, n)
    ]
    return _total(parts)


def measure_pooled(ratio: str, law: Paths, n: int, worlds: int, seed: int = 1) -> Coverage:
    """Measure the coverage of a pooled ratio's 95 % interval over worlds of n paths."""
    truth = _true_ratio(ratio, law)
    parts = []
    for part, count in _portions(worlds, n * 60):
        sums: Sums = law.draw(generator(seed + part), (count, n))
        parts.append(_held(pooled(ratio, sums), truth))
    return _total(parts)


def _true_ratio(ratio: str, law: Paths) -> float:
    totals: Mapping[str, Floats] = law.totals()
    found = pooled(ratio, totals)
    return float(found.value[0])


def _held(found: Linearised, truth: float) -> tuple[int, int, int]:
    table = found.estimates(0.95)
    stated = ~(np.isnan(table.low) | np.isnan(table.high))
    held = stated & (table.low <= truth) & (truth <= table.high)
    return int(held.sum()), int(stated.sum()), len(table)


def _total(parts: list[tuple[int, int, int]]) -> Coverage:
    held, stated, worlds = (sum(column) for column in zip(*parts, strict=True))
    return Coverage(held / stated if stated else float("nan"), stated / worlds, worlds)


def _portions(worlds: int, size: int) -> Iterator[tuple[int, int]]:
    """Cut the worlds into portions that fit into memory."""
    step = max(1, 4_000_000 // size)
    for part, first in enumerate(range(0, worlds, step)):
        yield part, min(step, worlds - first)


def print_tables(worlds: int = 2000) -> None:
    """Print coverage of every statistic in every world, at 50, 200 and 1,000 paths."""
    print(f"Coverage of 95 % intervals, per cent of {worlds:,} worlds; in brackets the share of")
    print("worlds in which an interval is stated, where that is not all.")
    _print(
        {name: tuple(OUTCOMES) for name in STATISTICS},
        lambda name, law, n: measure(name, OUTCOMES[law], n, worlds),
    )


def print_ratios(worlds: int = 2000) -> None:
    """Print coverage of every ratio pooled over paths, at 50, 200 and 1,000 paths."""
    print(f"Coverage of 95 % intervals of ratios pooled over paths, per cent of {worlds:,} worlds;")
    print("in brackets the share of worlds in which an interval is stated, where that is not all.")
    _print(POOLED_WORLDS, lambda name, law, n: measure_pooled(name, PATHS[law], n, worlds))


def _print(
    rows: Mapping[str, tuple[str, ...]], measured: Callable[[str, str, int], Coverage]
) -> None:
    print()
    print("| statistic | world | " + " | ".join(f"{n:,} paths" for n in SIZES) + " |")
    print("|---|---|" + "---|" * len(SIZES))
    for name, laws in rows.items():
        for law in laws:
            cells = [_cell(measured(name, law, n)) for n in SIZES]
            print(f"| {name} | {law} | " + " | ".join(cells) + " |", flush=True)


def _cell(found: Coverage) -> str:
    if found.stated == 0.0:
        return "none"
    text = f"{100 * found.covered:.1f}"
    return text if found.stated > 0.995 else f"{text} ({100 * found.stated:.0f})"
