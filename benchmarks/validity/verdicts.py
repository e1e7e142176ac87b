"""How often a search on one history is said to have found an edge, where there is none or one."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from engine.execution import Execution
from engine.sources import GBM
from engine.statistics.edge import excess_over_market, find_edge
from engine.strategies import prepare_strategy

__all__ = ["print_tables"]

Floats = NDArray[np.float64]

_BARS, _YEARS, _PERIODS = 2_520, 10.0, 504


def print_tables(worlds: int = 1000) -> None:
    """Print findings, intervals and the corrected estimate by the true Sharpe ratio."""
    sets = _sets()
    print(
        f"{len(sets)} crossovers on ten years of daily GBM bars, without costs; a quarter "
        f"of them has the true Sharpe ratio beyond the market, {worlds:,} worlds each. Upper: the"
    )
    print("upper 95 % bound of the share of worlds with an edge found.")
    print()
    print(
        "| true Sharpe ratio | edge found | upper | no edge | not to be told | interval covers |"
        " best looks like | corrected, median less truth |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for sharpe in (0.0, 0.5, 1.0):
        print(_row(sets, sharpe, worlds), flush=True)


def _row(sets: Floats, sharpe: float, worlds: int) -> str:
    planted = (sets[:, 0] < 30) & (sets[:, 1] < 150)
    findings = {"edge": 0, "no edge": 0, "not to be told": 0}
    covered, looks, errors = 0, [], []
    for world in range(worlds):
        excess = _excess(sets, world)
        drift = sharpe * excess.std(axis=0, ddof=1) * math.sqrt(_YEARS / _PERIODS)
        excess = excess + np.where(planted, drift, 0.0)
        found = find_edge(excess, years=_YEARS, block_length=2.0, seed=world, draws=500)
        truth = sharpe if planted[found.best] else 0.0
        findings[found.finding] += 1
        covered += found.low <= truth <= found.high
        looks.append(found.sharpe)
        errors.append(found.corrected - truth)
    share = findings["edge"] / worlds
    upper = share + 1.96 * math.sqrt(max(share * (1.0 - share), 1.0 / worlds) / worlds)
    cells = [
        f"{sharpe:g}",
        f"{100 * share:.1f} %",
        f"{100 * upper:.1f} %",
        f"{100 * findings['no edge'] / worlds:.1f} %",
        f"{100 * findings['not to be told'] / worlds:.1f} %",
        f"{100 * covered / worlds:.1f} %",
        f"{np.mean(looks):.2f}",
        f"{np.median(errors):+.2f}",
    ]
    return "| " + " | ".join(cells) + " |"


def _sets() -> Floats:
    rng = np.random.default_rng(1)
    return np.array(
        [[fast, slow] for fast in rng.integers(2, 60, 40) for slow in rng.integers(60, 300, 13)],
        dtype=np.float64,
    )


def _excess(sets: Floats, seed: int) -> Floats:
    """Excess of every crossover over its exposure to a driftless market."""
    block = GBM(mu=0.0, sigma=0.18).paths(seeds=[seed], steps=_BARS, warm_up=300)
    engine = prepare_strategy(
        "sma_crossover",
        Execution(),
        symbols=block.symbols,
        fields=block.fields,
        steps=block.bar_count,
        bars_per_year=_BARS / _YEARS,
        warm_up=300,
        record_equity=_PERIODS,
    )
    metrics = np.empty((1, len(sets), len(engine.metric_names)))
    status, equity = np.empty((1, len(sets)), np.int8), np.empty((1, len(sets), _PERIODS))
    engine.run(block.values, sets, metrics, status, engine.scratch(), equity)
    before = np.concatenate([np.full((len(sets), 1), 100_000.0), equity[0, :, :-1]], axis=1)
    close = block.close[0, 300:][engine.sample_bars]
    start = np.concatenate([[block.open[0, 300]], close[:-1]])
    return excess_over_market((equity[0] / before - 1.0).T, close / start - 1.0)
