"""Quote ticks: strategies on bid, ask and sizes, over a stream of events of any length."""

from engine.ticks.chunk import ArrayTicks, TickChunk, TickStream
from engine.ticks.files import RawTicks, TickReport
from engine.ticks.merge import MergedTicks
from engine.ticks.sample import sample_ticks
from engine.ticks.stream import FileTicks, normalise_file, read_ticks
from engine.ticks.zero_intelligence import ZeroIntelligence, ZeroIntelligenceTicks

__all__ = [
    "ArrayTicks",
    "FileTicks",
    "MergedTicks",
    "RawTicks",
    "TickChunk",
    "TickReport",
    "TickStream",
    "ZeroIntelligence",
    "ZeroIntelligenceTicks",
    "normalise_file",
    "read_ticks",
    "sample_ticks",
]
