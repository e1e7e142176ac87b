"""The step of which prices, or sizes, are whole multiples."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.errors import Refusal
from engine.ticks.chunk import TickStream

__all__ = ["check_tick", "price_step"]

_DECIMALS: Final = 10
# As many different prices as say what the step is.
_MOST: Final = 10_000
# Events whose prices say whether a tick is theirs, and what part of it they may be beside it.
_LOOKED_AT: Final = 1_000
_NEAR: Final = 1e-6


def price_step(prices: NDArray[np.float64]) -> float:
    """Return the largest step of which all prices, or sizes, are multiples from one another.

    Parameters
    ----------
    prices : ndarray of float64, shape (n,)
        NaN is passed over.

    Raises
    ------
    Refusal
        If fewer than two values differ.

    Examples
    --------
    >>> import numpy as np
    >>> price_step(np.array([61837.63, 61837.64, 61839.0])), price_step(np.array([4.25, 5.0]))
    (0.01, 0.75)
    """
    values = np.unique(prices[np.isfinite(prices)])[:_MOST]
    if len(values) < 2:
        raise Refusal("step", "no two values that differ", "a step, such as 0.01, that is given")
    for decimals in range(_DECIMALS + 1):
        scale = 10.0**decimals
        whole = np.rint(values * scale)
        if np.allclose(whole / scale, values, rtol=1e-12, atol=0.0):
            break
    differences = np.diff(whole.astype(np.int64))
    return float(math.gcd(*differences[differences > 0].tolist()) / scale)


def check_tick(stream: TickStream, tick: float) -> None:
    """Refuse a tick on which the prices of a stream do not lie: orders could not rest with them.

    Parameters
    ----------
    stream : TickStream
        Its first thousand events are looked at.
    tick : float
        Price step; 0 allows any price.

    Raises
    ------
    Refusal
        If more than half of the prices are no multiples of it.

    Examples
    --------
    >>> import engine as mc
    >>> ticks = mc.ArrayTicks([1, 2], [9.9, 9.8], [10.0, 10.0], [5, 5], [5, 5])
    >>> check_tick(ticks, 0.1)
    """
    if tick == 0.0:
        return
    left, found = _LOOKED_AT, []
    for chunk in stream.chunks():
        found += [chunk.bid_price[:left], chunk.ask_price[:left]]
        left -= min(left, len(chunk))
        if left == 0:
            break
    prices = np.concatenate(found) if found else np.empty(0)
    prices = prices[np.isfinite(prices)]
    counts = prices / tick
    off = np.abs(counts - np.rint(counts)) > _NEAR
    if 2 * np.count_nonzero(off) > len(prices):
        raise Refusal(
            "ticks.tick",
            f"{tick:g} beside prices such as {prices[off][0]:.10g}, which are no multiples of it",
            "the price step of the instrument, or 0 for any price",
        )
