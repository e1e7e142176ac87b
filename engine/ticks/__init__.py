"""Quote ticks: strategies on bid, ask and sizes, over a stream of events of any length."""

from engine.ticks.backtest import TickBacktest, backtest_ticks
from engine.ticks.chunk import ArrayTicks, TickChunk, TickStream
from engine.ticks.settings import TickSettings

__all__ = [
    "ArrayTicks",
    "TickBacktest",
    "TickChunk",
    "TickSettings",
    "TickStream",
    "backtest_ticks",
]
