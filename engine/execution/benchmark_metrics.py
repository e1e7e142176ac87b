"""The path of one simulation bought and held, beside what the account earned on it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from engine.execution.calling import called, part
from engine.execution.curve_metrics import return_at
from engine.execution.excess import risk_free_return
from engine.execution.layout import CLOSE, OPEN, START_CASH
from engine.execution.state import Simulation, first_trading_bar

__all__ = ["measure"]


@part
def measure(s: Simulation, out: NDArray[np.float64]) -> None:
    """Write the metrics, in the order of the group ``benchmark``, into `out`."""
    bars = s.curve.shape[0]
    total = squares = products = 0.0
    before = value = 1.0
    for place in range(bars):
        value = _value(s, place)
        change = value / before - 1.0 - risk_free_return(s, place)
        before = value
        total += change
        squares += change * change
        products += change * return_at(s, place)
    start = s.account[START_CASH]
    out[0] = value - 1.0
    out[1] = (s.curve[bars - 1] - start) / start - (value - 1.0)
    out[2], out[3], out[4] = total, squares, products
    if not math.isfinite(products):
        # A price at or below 0 leaves nothing to hold.
        for index in range(5):
            out[index] = np.nan


@called
def _value(s: Simulation, place: int) -> float:
    """Worth at a close of 1 that was put into the symbols in equal parts at the first open."""
    symbols = s.path.shape[0]
    first = first_trading_bar(s)
    found = 0.0
    for symbol in range(symbols):
        paid, now = s.path[symbol, OPEN, first], s.path[symbol, CLOSE, first + place]
        if not (paid > 0.0 and now > 0.0):
            return np.nan
        found += now / paid
    return found / symbols
