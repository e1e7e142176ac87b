"""What random numbers are for: one stream per purpose.

A random number is a function of (seed, stream, path, position). Two purposes never share a
stream, so adding one leaves every number of the others as it was. The values are part of a
path's definition: they may be added to, never changed.
"""

from __future__ import annotations

from enum import IntEnum

__all__ = ["PATH_VERSION", "Stream"]

# Version of the definition of a path: generator, layout of blocks and streams, order of draws.
# It enters every fingerprint. Version 1: see `engine.randomness.normals`.
PATH_VERSION = 2


class Stream(IntEnum):
    """Streams of random numbers; a family with members (one per factor, symbol) adds its index."""

    NORMAL = 0x0000  # + factor: Gaussian shocks of the state
    EXTREME = 0x0100  # + 2 * symbol: maximum of a bar; + 2 * symbol + 1: its minimum
    JUMP_TIME = 0x0200  # + symbol: waiting times between jumps
    JUMP_SIZE = 0x0300  # + symbol: their sizes, and the price at the jump inside its bar
    REGIME = 0x0400  # sojourn times and next regimes
    VARIANCE = 0x0500  # uniforms of the variance step
    BLOCK = 0x0600  # bootstrap blocks: start and length
    VOLUME = 0x0700  # + symbol: volume drawn from history
    JUMP_EXTREME = 0x0800  # + symbol: extremes of the pieces of a bar between jumps
    SCRAMBLE = 0x0900  # seeds of quasi-random scrambles
    WARM_UP = 0x0A00  # seeds of the bars before a path
    RESAMPLE = 0x0B00  # + 0: order of a resampled course of trades; + 1: the record it comes from
    INNOVATION = 0x0C00  # standardised innovations drawn from history
    STRESS = 0x0D00  # bar at which a scenario begins
    EPISODE = 0x0E00  # where an episode of a learning environment begins on its path
    TICKS = 0x0F00  # steps of a zero-intelligence book
    MODEL = 0x1000  # + index: a user's model
    STRATEGY = 0x2000  # + index: a strategy's own randomness
    EXECUTION = 0x3000  # + index: random fills and latencies
    PARAMETER = 0x4000  # source parameters drawn from a calibration
    TICK_BLOCK = 0x5000  # starts of blocks of ticks
