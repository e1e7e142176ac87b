"""Compile a strategy for paths of one kind."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.bars import Bars
from engine.execution.metric_groups import ORDER_ENGINE
from engine.execution.settings import Execution
from engine.strategies.engine import StrategyEngine
from engine.strategies.registry import get_strategy
from engine.strategies.strategy import Strategy

__all__ = ["prepare_strategy"]


def prepare_strategy(
    strategy: type[Strategy] | str,
    execution: Execution | None = None,
    *,
    symbols: tuple[str, ...],
    fields: tuple[str, ...],
    steps: int,
    bars_per_year: float,
    bars_per_session: float = 1.0,
    warm_up: int = 0,
    record_equity: int = 0,
    record_trades: bool = False,
    groups: Sequence[str] = (ORDER_ENGINE,),
    timestamps: NDArray[np.int64] | None = None,
    exchange: str | None = None,
    timeframe: str | None = None,
    history: Sequence[Bars] | None = None,
) -> StrategyEngine:
    """Return the engine of a strategy for price blocks of one shape.

    Parameters
    ----------
    strategy : type or str
        A strategy class or its registry name.
    execution : Execution, optional
        Default settings if omitted.
    symbols, fields : tuple of str
        Names along the second and third axis of the price block.
    steps : int
        Bars per path, those to warm up on included.
    bars_per_year : float
        For annualisation; one over it is the length of a mean bar in years.
    bars_per_session : float
        For orders with time in force "day" on bars without timestamps; below 1 counts as 1.
    warm_up : int
        Bars before the first on which the strategy trades.
    record_equity : int
        Points of the sampled equity curve; the last is the end.
    record_trades : bool
        Whether `run` will be asked for trades.
    groups : sequence of str
        Groups of metrics to compute; the order engine's own is always computed, as it says whether
        a simulation came to an end.
    timestamps : ndarray of int64, shape (steps,), optional
        Opening instants of the bars: interest and fees are charged for the time between them.
        Instruments with session hours need them.
    exchange : str, optional
        Whose days end orders with time in force "day", where there are timestamps, and whose
        clock hooks see unless the strategy names its zone. Its sessions begin the longer bars of
        indicators with a timeframe; without it, days in UTC do.
    timeframe : str, optional
        Of the bars; indicators with a timeframe of their own, or of sessions, need it.
    history : sequence of Bars, optional
        Bars of each symbol, the last of which are the path: where several calendars are joined,
        the orders of a symbol end with its own sessions.
    """
    cls = get_strategy(strategy) if isinstance(strategy, str) else strategy
    return StrategyEngine(
        cls,
        execution or Execution(),
        symbols=symbols,
        fields=fields,
        steps=steps,
        bars_per_year=bars_per_year,
        bars_per_session=bars_per_session,
        warm_up=warm_up,
        record_equity=record_equity,
        record_trades=record_trades,
        groups=groups,
        timestamps=timestamps,
        exchange=exchange,
        timeframe=timeframe,
        history=history,
    )
