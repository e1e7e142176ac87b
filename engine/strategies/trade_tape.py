"""The trades of many simulations, one after the other, as the loop over them writes them."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.execution.layout import TRADE_WIDTH

__all__ = ["TradeTape"]

_FIRST_ROWS: Final = 1024


class TradeTape:
    """Trades of all simulations of a call of `StrategyEngine.run`; grows, and is used again.

    Attributes
    ----------
    columns : ndarray of float64, shape (columns, capacity)
        Trades in the order of simulations, paths before sets, a row per column of
        `engine.execution.layout.TRADE_COLUMNS`, so that tables take them as they are.
    ends : ndarray of int64, shape (simulations,)
        Trades up to the end of each simulation.

    Examples
    --------
    >>> tape = TradeTape()
    >>> tape.begin(2)
    >>> tape.ends[:] = [0, 3]  # what a run of two simulations would write
    >>> tape.of(0).shape, tape.of(1).shape
    ((0, 12), (3, 12))
    """

    def __init__(self) -> None:
        self.columns: NDArray[np.float64] = np.empty((TRADE_WIDTH, _FIRST_ROWS))
        self.ends: NDArray[np.int64] = np.zeros(0, dtype=np.int64)

    def begin(self, simulations: int) -> None:
        """Make ready for a number of simulations."""
        if len(self.ends) != simulations:
            self.ends = np.zeros(simulations, dtype=np.int64)

    def grow(self, used: int, needed: int) -> None:
        """Make room for `needed` more trades behind the `used` ones, and as many again."""
        columns = np.empty((len(self.columns), 2 * (used + needed)))
        columns[:, :used] = self.columns[:, :used]
        self.columns = columns

    @property
    def count(self) -> int:
        """Trades of all simulations."""
        return int(self.ends[-1]) if len(self.ends) else 0

    def of(self, simulation: int) -> NDArray[np.float64]:
        """Return the trades of a simulation, shape (trades, columns)."""
        first = self.ends[simulation - 1] if simulation > 0 else 0
        return self.columns[:, first : self.ends[simulation]].T
