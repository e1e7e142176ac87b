"""Records of simulations that were never run, with outcomes of one's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl
import pytest
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class MadeUp:
    """A simulation as far as resampling reads it."""

    metrics: dict[str, float | None]
    trades: pl.DataFrame
    equity: Floats
    bars: pl.DataFrame


@pytest.fixture(scope="session")
def recorded() -> Callable[[ArrayLike], MadeUp]:
    """Make a simulation of profits of trades, one per bar, from a start of 100."""

    def make(profits: ArrayLike) -> MadeUp:
        pnl = np.asarray(profits, dtype=np.float64)
        bar = np.arange(len(pnl))
        equity = 100.0 + np.cumsum(pnl)
        trades = pl.DataFrame(
            {
                "symbol": pl.Series(["X"] * len(pnl), dtype=pl.String),
                "units": np.ones(len(pnl)),
                "entry_bar": bar,
                "exit_bar": bar,
                "entry_price": np.full(len(pnl), 10.0),
                "exit_price": 10.0 + pnl,
                "pnl": pnl,
                "commission": np.zeros(len(pnl)),
            }
        )
        bars = pl.DataFrame({"bar": bar, "symbol": ["X"] * len(pnl), "open": [10.0] * len(pnl)})
        final = float(equity[-1]) if len(pnl) else 100.0
        return MadeUp({"final_equity": final, "net_pnl": final - 100.0}, trades, equity, bars)

    return make
