"""Bars relative to the close before them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.bars import Bars
from engine.errors import Refusal

__all__ = ["relative_bars"]

_PRICES = ("open", "high", "low", "close")


def relative_bars(history: tuple[Bars, ...], returns: str) -> NDArray[np.float64]:
    """Open, high, low and close by ratio or difference to the previous close, and the rest.

    Parameters
    ----------
    history : tuple of Bars
        Equally long, on the same timestamps.
    returns : {"relative", "difference"}
        Ratio or difference.

    Returns
    -------
    ndarray of float64, shape (bars - 1, symbols, fields)
        One record per bar, the volume and the user's own columns as they are: drawing a bar at
        random touches one or two cache lines.

    Raises
    ------
    ValueError
        If ratios are wanted of a price that is not positive.
    """
    fields = history[0].fields
    records = np.empty((len(history[0]) - 1, len(history), len(fields)))
    for s, bars in enumerate(history):
        before = bars.close[:-1]
        for f, name in enumerate(_PRICES):
            price = getattr(bars, name)
            if returns == "relative":
                if (price <= 0).any():
                    row = int((price <= 0).argmax())
                    raise Refusal(
                        f"bars: {bars.symbol} {name}",
                        f"{price[row]:g} at bar {row}",
                        "> 0 for returns='relative' (returns='difference' takes negative prices)",
                    )
                records[:, s, f] = price[1:] / before
            else:
                records[:, s, f] = price[1:] - before
        for f, name in enumerate(fields[len(_PRICES) :], len(_PRICES)):
            records[:, s, f] = bars.field(name)[1:]
    return records
