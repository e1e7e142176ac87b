"""Whether tests of a search find edges where there are some, and none where there are none."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from benchmarks.validity.worlds import generator
from engine.statistics.haircuts import sharpe_haircuts
from engine.statistics.overfitting import probability_of_backtest_overfitting
from engine.statistics.sharpe_inference import deflated_sharpe_ratio, probabilistic_sharpe_ratio
from engine.statistics.superior import (
    model_confidence_set,
    reality_check,
    step_m,
    superior_predictive_ability,
)
from engine.statistics.trials import effective_trials

__all__ = ["print_tables", "search"]

Floats = NDArray[np.float64]


def search(
    rng: np.random.Generator, trials: int, bars: int, correlation: float, edge: float
) -> Floats:
    """Daily returns of a search, shape (trials, bars); the first trial has the edge."""
    common = math.sqrt(correlation) * rng.standard_t(5, bars)
    own = math.sqrt(1.0 - correlation) * rng.standard_t(5, (trials, bars))
    found: Floats = 0.01 * (common + own) / math.sqrt(5.0 / 3.0)
    found[0] += edge * 0.01 / math.sqrt(252.0)
    return found


def print_tables(worlds: int = 1000) -> None:
    """Print how often each test finds an edge at 5 %, in searches without and with one."""
    print(
        f"Searches on ten years of daily returns with fat tails, {worlds:,} worlds each: per cent"
    )
    print("in which a test at 5 % finds an edge (true Sharpe ratio of the first trial: edge).")
    print()
    print(
        "| trials | correlation | edge | best PSR | DSR | Holm haircut | Reality Check | SPA |"
        " StepM, false | confidence set holds best | effective trials | PBO |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|---|")
    for trials, correlation in ((20, 0.0), (20, 0.8), (100, 0.5)):
        for edge in (0.0, 1.0, 1.5):
            _row(trials, correlation, edge, worlds if trials < 100 else worlds // 4)


def _row(trials: int, correlation: float, edge: float, worlds: int) -> None:
    rng, rows, bars = generator(61), [], 2520
    for number in range(worlds):
        returns = search(rng, trials, bars, correlation, edge)
        ratios = returns.mean(axis=1) / returns.std(axis=1, ddof=1)
        best = int(np.argmax(ratios))
        z = (returns[best] - returns[best].mean()) / returns[best].std()
        skew, kurtosis = float((z**3).mean()), float((z**4).mean())
        # Outcomes per month are what a ledger keeps.
        blocks = returns.reshape(trials, 120, -1).sum(axis=2)
        counted = effective_trials(blocks, seed=number, draws=300)
        deflated = deflated_sharpe_ratio(
            ratios[best],
            bars,
            trials=counted.count,
            variance=1.0 / (bars - 1),
            skew=skew,
            kurtosis=kurtosis,
        )
        arguments = {"block_length": 1.0, "seed": number, "draws": 300}
        found = step_m(blocks.T, **arguments)  # type: ignore[arg-type]
        kept = model_confidence_set(blocks.T, **arguments)  # type: ignore[arg-type]
        overfit = probability_of_backtest_overfitting(blocks.T, splits=6)
        rows.append(
            (
                probabilistic_sharpe_ratio(ratios[best], 0.0, bars, skew=skew, kurtosis=kurtosis)
                > 0.95,
                deflated > 0.95,
                sharpe_haircuts(ratios * math.sqrt(252), 10.0, bars).adjusted[best] < 0.1,
                reality_check(blocks.T, **arguments) <= 0.05,  # type: ignore[arg-type]
                superior_predictive_ability(blocks.T, **arguments).consistent <= 0.05,  # type: ignore[arg-type]
                found[1 if edge > 0.0 else 0 :].any(),
                kept.included[0],
                counted.count / 100.0,
                overfit.probability,
            )
        )
    table = 100 * np.array(rows, dtype=float).mean(axis=0)
    cells = " | ".join(f"{value:.1f}" for value in table)
    print(f"| {trials} | {correlation} | {edge} | {cells} |", flush=True)
