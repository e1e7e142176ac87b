"""How often the ledger's figures find an edge in a search on one history, where there is none."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.execution import Execution
from engine.jobs.ledger import OUTCOME_BLOCKS
from engine.sources import GBM
from engine.statistics.edge import excess_over_market
from engine.statistics.search_cost import search_cost
from engine.strategies import StrategyEngine, prepare_strategy

__all__ = ["print_tables"]

Floats = NDArray[np.float64]

_BARS, _YEARS, _WARM_UP, _CASH = 2_520, 10.0, 300, 100_000.0


def print_tables(worlds: int = 1000) -> None:
    """Print how often each figure calls the best of a worthless search an edge."""
    sets = _sets()
    print(
        f"{len(sets)} crossovers on ten years of daily GBM bars, {worlds:,} worlds each; the best "
        "by"
    )
    print(
        "Sharpe ratio, returns beyond the market in 64 stretches of time, as the trial ledger has"
    )
    print("them: per cent of worlds in which each figure finds an edge at 5 %.")
    print()
    print(
        "| drift of the market | PSR | DSR | Reality Check | SPA | PBO, mean | effective trials |"
    )
    print("|---|---|---|---|---|---|---|")
    engine: StrategyEngine | None = None
    for drift in (0.0, 0.08):
        rows = []
        for world in range(worlds):
            source = GBM(mu=drift, sigma=0.18)
            block = source.paths(seeds=[world], steps=_BARS, warm_up=_WARM_UP)
            engine = engine or prepare_strategy(
                "sma_crossover",
                Execution(),
                symbols=block.symbols,
                fields=block.fields,
                steps=block.bar_count,
                bars_per_year=_BARS / _YEARS,
                warm_up=_WARM_UP,
                record_equity=OUTCOME_BLOCKS,
            )
            metrics = np.empty((1, len(sets), len(engine.metric_names)))
            status = np.empty((1, len(sets)), np.int8)
            equity = np.empty((1, len(sets), OUTCOME_BLOCKS))
            engine.run(block.values, sets, metrics, status, engine.scratch(), equity)
            sharpe = metrics[0, :, list(engine.metric_names).index("sharpe")]
            before = np.concatenate([np.full((len(sets), 1), _CASH), equity[0, :, :-1]], axis=1)
            close = block.close[0, _WARM_UP:][engine.sample_bars]
            start = np.concatenate([[block.open[0, _WARM_UP]], close[:-1]])
            excess = excess_over_market((equity[0] / before - 1.0).T, close / start - 1.0)
            best = int(np.nan_to_num(sharpe, nan=-np.inf).argmax())
            found = search_cost(excess, best, tried=len(sets), block_length=2.0, seed=world)
            rows.append(
                (
                    100.0 * (found.probabilistic_sharpe > 0.95),
                    100.0 * (found.deflated_sharpe > 0.95),
                    100.0 * (found.reality_check <= 0.05),
                    100.0 * (found.superior_ability <= 0.05),
                    100.0 * found.overfitting_probability,
                    found.effective_trials,
                )
            )
        cells = " | ".join(f"{value:.1f}" for value in np.mean(rows, axis=0))
        print(f"| {drift:g} | {cells} |", flush=True)


def _sets() -> Floats:
    rng = np.random.default_rng(1)
    pairs = zip(rng.integers(2, 60, 130), rng.integers(60, 300, 130), strict=True)
    return np.array(list(pairs), dtype=np.float64)
