"""Whole lots: sizes are counted in them, so that sums of fractions leave no dust.

A size that is a whole number of lots to within rounding is that number; only real fractions are
cut. Where any fraction trades, what is left of a fill is nothing if it is below the rounding of
what was traded.
"""

from __future__ import annotations

import math

import numpy as np

from engine.execution.calling import part
from engine.execution.layout import LARGEST_FILL, LOT_DENOMINATOR, LOT_NUMERATOR, UNITS
from engine.execution.state import Simulation

__all__ = ["dust", "lots_between", "position_after", "round_to_lot", "settled"]

# Of a lot, and of the number of lots: a quotient of two decimals is off by a few bits.
_NEAR = 1e-9
_NEAR_SHARE = 1e-15
# Of two sizes, by which their difference may be off.
_LAST_BITS = 1e-15
# Of the units traded, where any fraction is a size.
_DUST = 1e-12


@part
def round_to_lot(s: Simulation, symbol: int, units: float) -> float:
    """Round towards zero to a whole number of lots; NaN and infinity stay what they are.

    Within 1e-9 of a lot of a whole number it is that number: 0.3 is three lots of 0.1, although
    ``0.3 / 0.1`` is 2.9999999999999996.
    """
    numerator, denominator = s.rules[symbol, LOT_NUMERATOR], s.rules[symbol, LOT_DENOMINATOR]
    if denominator == 0.0:
        return units
    count = abs(units) * denominator
    if numerator != 1.0:
        count /= numerator
    # Not math.floor, which makes an integer of it: an undefined size must not become a number.
    whole = np.rint(count)
    if whole - count > _NEAR + _NEAR_SHARE * count:
        whole -= 1.0
    whole *= numerator
    if denominator != 1.0:
        whole /= denominator
    return math.copysign(whole, units)


@part
def lots_between(s: Simulation, symbol: int, held: float, wanted: float) -> float:
    """Whole lots from one size to another, towards zero.

    The difference of two sizes is off by the last bits of these, however small it is.
    """
    change = wanted - held
    numerator, denominator = s.rules[symbol, LOT_NUMERATOR], s.rules[symbol, LOT_DENOMINATOR]
    if denominator > 1.0:
        nearest = np.rint(change * denominator / numerator) * numerator / denominator
        if abs(nearest - change) <= _LAST_BITS * (abs(wanted) + abs(held)):
            return nearest
    return round_to_lot(s, symbol, change)


@part
def settled(s: Simulation, symbol: int, units: float, traded: float) -> float:
    """Units that are left of sizes of a symbol, without the rounding of their sum.

    Parameters
    ----------
    units : float
        A sum or difference of sizes in whole lots, or in fractions.
    traded : float
        Units that the fill trades.
    """
    rules = s.rules[symbol]
    if rules[LOT_DENOMINATOR] == 1.0:
        return units  # lots of whole units: sums are exact
    if rules[LOT_DENOMINATOR] == 0.0:
        return 0.0 if abs(units) <= dust(s, symbol, traded) else units
    count = np.rint(units * rules[LOT_DENOMINATOR] / rules[LOT_NUMERATOR])
    return count * rules[LOT_NUMERATOR] / rules[LOT_DENOMINATOR]


@part
def dust(s: Simulation, symbol: int, traded: float) -> float:
    """Units that are nothing beside those traded, now or since the symbol was last not held."""
    return _DUST * max(abs(traded), s.positions[symbol, LARGEST_FILL])


@part
def position_after(s: Simulation, symbol: int, units: float) -> float:
    """Position of the symbol after a fill of signed `units`."""
    return settled(s, symbol, s.positions[symbol, UNITS] + units, units)
