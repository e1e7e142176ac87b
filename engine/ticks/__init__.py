"""Quote ticks: strategies on bid, ask and sizes, over a stream of events of any length."""

from engine.ticks.chunk import ArrayTicks, TickChunk, TickStream

__all__ = ["ArrayTicks", "TickChunk", "TickStream"]
