"""Whether an interval that counts the history and the parameters in holds the truth."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from benchmarks.validity.worlds import generator
from engine.statistics.error_budget import (
    error_budget,
    history_by_influence,
    outer_component,
)
from engine.statistics.estimates import Estimates
from engine.statistics.moments import means
from engine.statistics.nested import nested_variance

__all__ = ["print_tables"]

Floats = NDArray[np.float64]

_DRIFT, _VOLATILITY = 0.0004, 0.01
_BARS = 60


def _strategy(returns: Floats) -> Floats:
    """P&L of paths: long after a rise over five bars, flat after a fall; shape (..., bars)."""
    past = np.cumsum(returns, axis=-1)
    signal = np.zeros_like(returns)
    signal[..., 5:] = (
        past[..., 4:-1] - np.concatenate([np.zeros_like(past[..., :1]), past[..., :-6]], axis=-1)
        > 0.0
    )
    pnl: Floats = np.expm1((returns * signal).sum(axis=-1))
    return pnl


def _truth() -> float:
    rng = generator(2_000_083)
    parts = [_strategy(rng.normal(_DRIFT, _VOLATILITY, (50_000, _BARS))).mean() for _ in range(20)]
    return float(np.mean(parts))


def print_tables(worlds: int = 1000) -> None:
    """Print coverage with Monte Carlo error alone, and with all errors."""
    truth = _truth()
    print(
        f"Per cent of {worlds:,} worlds in which the 95 % interval of the mean P&L of a trend rule"
    )
    print("holds its value under the true law; bootstrap of one history of bars, and a model")
    print("calibrated on it; in brackets with Monte Carlo error alone.")
    print()
    print(
        "| history | paths | bootstrap, by influence | bootstrap, histories resampled |"
        " model, parameters drawn |"
    )
    print("|---|---|---|---|---|")
    for bars in (500, 1250, 2500):
        for paths in (1000, 5000):
            cells = [
                _by_influence(bars, paths, truth, worlds),
                _resampled(bars, paths, truth, worlds),
                _drawn(bars, paths, truth, worlds),
            ]
            print(f"| {bars:,} bars | {paths:,} | " + " | ".join(cells) + " |", flush=True)


def _by_influence(bars: int, paths: int, truth: float, worlds: int) -> str:
    rng, blocks, held = generator(71), 50, []
    for _ in range(worlds):
        history = rng.normal(_DRIFT, _VOLATILITY, bars)
        picked = rng.integers(0, bars, size=(paths, _BARS))
        flat = picked * blocks // bars + blocks * np.arange(paths)[:, None]
        visits = np.bincount(flat.ravel(), minlength=paths * blocks).reshape(paths, blocks)
        outcomes = _strategy(history[picked])
        sample = means(outcomes).estimates()
        budget = error_budget(sample, history=history_by_influence(outcomes, visits))
        held.append(_holds(sample, budget.estimates, truth, "history" not in budget.missing))
    return _cell(held)


def _resampled(bars: int, paths: int, truth: float, worlds: int) -> str:
    """Fifty histories resampled from the one, with a fiftieth of the paths each, and all on it."""
    rng, outer, held = generator(72), 50, []
    for _ in range(worlds):
        history = rng.normal(_DRIFT, _VOLATILITY, bars)
        outcomes = _strategy(history[rng.integers(0, bars, size=(paths, _BARS))])
        again = history[rng.integers(0, bars, size=(outer, bars))]
        chosen = rng.integers(0, bars, size=(outer, paths // outer, _BARS))
        nested = _strategy(again[np.arange(outer)[:, None, None], chosen])
        sample = means(outcomes).estimates()
        budget = error_budget(sample, history=outer_component(nested_variance(nested)))
        held.append(_holds(sample, budget.estimates, truth, True))
    return _cell(held)


def _drawn(bars: int, paths: int, truth: float, worlds: int) -> str:
    """Drift and volatility drawn fifty times by their standard errors."""
    rng, outer, held = generator(73), 50, []
    for _ in range(worlds):
        history = rng.normal(_DRIFT, _VOLATILITY, bars)
        deviation = float(history.std(ddof=1))
        drift = rng.normal(history.mean(), deviation / math.sqrt(bars), (outer, 1, 1))
        spread = rng.normal(deviation, deviation / math.sqrt(2 * bars), (outer, 1, 1))
        noise = rng.normal(size=(outer, paths // outer, _BARS))
        outcomes = _strategy(drift + np.abs(spread) * noise)
        sample = means(outcomes.ravel()).estimates()
        budget = error_budget(sample, parameters=outer_component(nested_variance(outcomes)))
        held.append(_holds(sample, budget.estimates, truth, True))
    return _cell(held)


def _holds(
    sample: Estimates, total: Estimates, truth: float, told: bool
) -> tuple[bool, bool, bool]:
    return (
        bool(sample.low[0] <= truth <= sample.high[0]),
        bool(total.low[0] <= truth <= total.high[0]),
        told,
    )


def _cell(held: list[tuple[bool, bool, bool]]) -> str:
    table = np.array(held)
    told = table[:, 2]
    text = f"{100 * table[told, 1].mean():.1f} ({100 * table[:, 0].mean():.0f})"
    return text if told.mean() > 0.995 else f"{text}, told in {100 * told.mean():.0f}"
