"""Whether a limit that a bar reaches fills: by chance, the same in every run.

An order in a queue may be passed over although its price was traded. With a probability below 1 a
limit that the range of a bar reaches fills in that bar with this probability, else it waits. One
that the open has passed fills there for sure, if the price came to it between the bars; one that
was passed over before can be filled at its limit, never better.

Draws are a function of seed, path, symbol, bar and number of the order: Philox under a key that
Philox makes of the first three, so that they come out the same in any chunk, thread or replay.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from engine.compiled.intrinsics import keep_apart
from engine.execution.calling import rare
from engine.execution.layout import (
    FILL_PROBABILITY,
    ORDER_ID,
    ORDER_SYMBOL,
    PATH,
    SEED,
)
from engine.execution.state import Simulation
from engine.randomness.normals import uniform, words
from engine.randomness.philox import philox
from engine.randomness.streams import Stream

__all__ = ["fills_by_chance"]

_STREAM: Final = np.uint64(Stream.EXECUTION)
_LOW: Final = np.uint64(0xFFFFFFFF)
_32: Final = np.uint64(32)
_NOTHING: Final = np.uint64(0)


@rare
def fills_by_chance(s: Simulation, slot: int, bar: int) -> bool:
    """Whether the order in `slot` is among those that fill in `bar`."""
    keep_apart()
    order = s.orders[slot]
    symbol = int(order[ORDER_SYMBOL])
    seed, path = np.uint64(s.counts[SEED]), np.uint64(s.counts[PATH])
    first, second, _, _ = words(seed, _STREAM, path, np.uint64(symbol))
    key = (first & _LOW) | (second << _32)
    drawn, _, _, _ = philox(
        np.uint64(bar), np.uint64(int(order[ORDER_ID])), _NOTHING, _NOTHING, key
    )
    return bool(uniform(drawn) < s.rules[symbol, FILL_PROBABILITY])
