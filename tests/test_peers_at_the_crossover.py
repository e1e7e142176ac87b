"""The programs beside ours in the benchmarks do the same task, or their figures say nothing."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.execution import PAIRS, SETS, Work, random_walks
from benchmarks.peers.crossover import numpy_sets, vectorbt_sets

WALKS = random_walks(2, 700)
FIGURES = ("net_pnl", "trades", "win_rate", "sharpe", "max_drawdown")


@pytest.fixture(scope="module")
def ours() -> dict[str, np.ndarray]:
    work = Work("sma_crossover", WALKS, SETS)
    names = work.engine.metric_names
    return {name: work.metrics[:, :, names.index(name)] for name in FIGURES}


def test_numpy_trades_as_the_engine_does(ours: dict[str, np.ndarray]) -> None:
    found = dict(zip(FIGURES, numpy_sets(WALKS[0, 0], PAIRS), strict=True))
    np.testing.assert_array_equal(found["trades"], ours["trades"][0])
    np.testing.assert_array_equal(found["win_rate"], ours["win_rate"][0])
    # Whole shares, and costs that are multiplied: 1e-4 of a million at most.
    np.testing.assert_allclose(found["net_pnl"], ours["net_pnl"][0], atol=200.0)
    np.testing.assert_allclose(found["sharpe"], ours["sharpe"][0], atol=1e-3)
    np.testing.assert_allclose(found["max_drawdown"], ours["max_drawdown"][0], atol=2e-4)


@pytest.mark.slow
def test_vectorbt_trades_as_the_engine_does(ours: dict[str, np.ndarray]) -> None:
    pytest.importorskip("vectorbt")
    found = vectorbt_sets(WALKS[:, 0], PAIRS, metrics=False)
    profit = np.asarray(found.total_profit()).reshape(len(SETS), len(WALKS)).T
    np.testing.assert_allclose(profit, ours["net_pnl"], atol=200.0)
