"""The engine of bars on a record of fills: what studies run where fills are given."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.bars import Bars
from engine.execution.settings import Execution
from engine.strategies.bar_engine import BarEngine
from engine.strategies.engine import StrategyEngine
from engine.strategies.fill_tape import FillTape, not_taken
from engine.strategies.scratch import Scratch
from engine.strategies.strategy import Strategy
from engine.strategies.trade_tape import TradeTape

__all__ = ["RecordedBarEngine", "recorded_engine"]


@dataclass(frozen=True, eq=False)
class RecordedBarEngine(BarEngine):
    """Takes recorded fills as long as the record lasts, and models what follows.

    Parameters
    ----------
    rows : ndarray of float64, shape (fills, TAPE_WIDTH)
        Of `FillTape.rows`.
    covered : int
        Bars that they cover.
    """

    rows: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 0)))
    covered: int = 0

    @property
    def version(self) -> str:
        """That of the engine of bars with a hash of the record: another record, another world."""
        said = self.rows.tobytes() + str(self.covered).encode()
        return f"{super().version}+{hashlib.sha256(said).hexdigest()[:16]}"

    def prepare(
        self, strategy: type[Strategy], execution: Execution, **shape: Any
    ) -> StrategyEngine:
        """Return an engine whose work spaces hold the record."""
        return _Recorded(self, strategy, execution, **shape)


def recorded_engine(
    fills: Any, series: Sequence[Bars], first_trading_bar: int
) -> RecordedBarEngine:
    """Return the engine of a record on bars.

    Parameters
    ----------
    fills : FillTape or DataFrame
        The record.
    series : sequence of Bars
        What is replayed, those to warm up on included.
    first_trading_bar : int
        The bar that is number 0.

    Raises
    ------
    Refusal
        If the record is not of these bars.
    """
    record = fills if isinstance(fills, FillTape) else FillTape(fills)
    rows, covered = record.rows(series, first_trading_bar)
    return RecordedBarEngine(rows=rows, covered=covered)


class _Recorded(StrategyEngine):
    def __init__(
        self,
        engine: RecordedBarEngine,
        strategy: type[Strategy],
        execution: Execution,
        **shape: Any,
    ) -> None:
        super().__init__(strategy, execution, **shape)
        self._record = engine

    def scratch(self, *, record_orders: bool = False, **_: Any) -> Scratch:
        """Return work space that holds the record."""
        rows, covered = self._record.rows.copy(), self._record.covered
        return super().scratch(record_orders=record_orders, fills=rows, recorded_bars=covered)

    def run(
        self,
        values: NDArray[np.float64],
        parameters: NDArray[np.float64],
        metrics: NDArray[np.float64],
        status: NDArray[np.int8],
        scratch: Scratch,
        equity: NDArray[np.float64] | None = None,
        trades: TradeTape | None = None,
        **identity: Any,
    ) -> None:
        """Run every set; one of which a fill finds no order is refused, not passed over."""
        super().run(values, parameters, metrics, status, scratch, equity, trades, **identity)
        if len(parameters) > 1:
            alone = (
                np.empty((len(values), 1, metrics.shape[2])),
                np.empty((len(values), 1), np.int8),
            )
            for row in range(len(parameters) - 1):
                super().run(values, parameters[row : row + 1], *alone, scratch, **identity)
                self._check_taken(scratch)
            super().run(values, parameters[-1:], *alone, scratch, **identity)
        self._check_taken(scratch)

    def _check_taken(self, scratch: Scratch) -> None:
        refusal = not_taken(scratch.simulation.tape, self.window.first_trading_bar)
        if refusal is not None:
            raise refusal
