"""What of an account's movement is rounding.

Prices and sums in float64 are off by 1e-16 of themselves: equal returns differ in their last bits,
and two legs that cancel leave a rest.
"""

from __future__ import annotations

from typing import Final

__all__ = ["ROUNDING"]

#: Share of prices, equity and values traded below which a movement is rounding: 16 last bits.
ROUNDING: Final = 16.0 * 2.0**-52
