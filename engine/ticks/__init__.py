"""Quote ticks: strategies on bid, ask and sizes, over a stream of events of any length."""

from engine.ticks.chunk import ArrayTicks, TickChunk, TickStream
from engine.ticks.files import RawTicks, TickReport
from engine.ticks.merge import MergedTicks
from engine.ticks.stream import FileTicks, normalise_file, read_ticks

__all__ = [
    "ArrayTicks",
    "FileTicks",
    "MergedTicks",
    "RawTicks",
    "TickChunk",
    "TickReport",
    "TickStream",
    "normalise_file",
    "read_ticks",
]
