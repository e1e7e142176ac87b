"""Quote ticks: strategies on bid, ask and sizes, over a stream of events of any length."""

from engine.ticks.backtest import TickBacktest, backtest_ticks
from engine.ticks.bar_indicators import OnBars
from engine.ticks.block_bootstrap import BootstrappedTicks, TickBootstrap
from engine.ticks.chunk import ArrayTicks, TickChunk, TickStream
from engine.ticks.days import StoredDay, stored_days, stored_ticks, write_days
from engine.ticks.files import RawTicks, TickReport
from engine.ticks.indicators import EWMA, OFI, VWAP, Imbalance, RealisedVolatility
from engine.ticks.merge import MergedTicks
from engine.ticks.realism import TickRealism, TickSource, tick_realism
from engine.ticks.sample import sample_ticks
from engine.ticks.settings import TickSettings
from engine.ticks.stream import FileTicks, normalise_file, read_ticks
from engine.ticks.subsets import (
    TickSubset,
    TickWindow,
    tick_days,
    ticks_between,
    ticks_on_days,
    walk_forward_ticks,
    window_measures,
    windows_by,
)
from engine.ticks.zero_intelligence import ZeroIntelligence, ZeroIntelligenceTicks

__all__ = [
    "EWMA",
    "OFI",
    "VWAP",
    "ArrayTicks",
    "BootstrappedTicks",
    "FileTicks",
    "Imbalance",
    "MergedTicks",
    "OnBars",
    "RawTicks",
    "RealisedVolatility",
    "StoredDay",
    "TickBacktest",
    "TickBootstrap",
    "TickChunk",
    "TickRealism",
    "TickReport",
    "TickSettings",
    "TickSource",
    "TickStream",
    "TickSubset",
    "TickWindow",
    "ZeroIntelligence",
    "ZeroIntelligenceTicks",
    "backtest_ticks",
    "normalise_file",
    "read_ticks",
    "sample_ticks",
    "stored_days",
    "stored_ticks",
    "tick_days",
    "tick_realism",
    "ticks_between",
    "ticks_on_days",
    "walk_forward_ticks",
    "window_measures",
    "windows_by",
    "write_days",
]
