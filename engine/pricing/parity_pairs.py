"""Calls and puts of one strike and expiry, as parity compares them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Pairs", "call_put_pairs"]

Array = NDArray[np.float64]
Rows = NDArray[np.int64]

# Error of a quote that is taken for exact, as a share of its strike.
_FINEST = 1e-5


@dataclass(frozen=True)
class Pairs:
    """Strikes with both rights, by expiry and strike.

    Gap is call less put, unit the size of its likely error.
    """

    expiry: Rows
    strike: Array
    gap: Array
    unit: Array

    def of(self, expiry: int) -> Rows:
        """Return the rows of an expiry."""
        return np.flatnonzero(self.expiry == expiry)


def call_put_pairs(
    of_quote: Rows,
    strikes: Array,
    calls: NDArray[np.bool_],
    prices: Array,
    spreads: Array | None,
) -> Pairs:
    """Return the pairs of a chain, as of `engine.pricing.parity.parity_curve`.

    `of_quote` is the number of each quote's expiry.
    """
    width = np.zeros(len(strikes)) if spreads is None else np.nan_to_num(spreads)
    called = {
        (int(of_quote[i]), float(strikes[i])): (prices[i], width[i]) for i in np.flatnonzero(calls)
    }
    # Of several quotes of one option the last counts.
    rows = {}
    for i in np.flatnonzero(~calls):
        key = int(of_quote[i]), float(strikes[i])
        if key in called:
            price, wide = called[key]
            unit = max(0.05 * (wide + width[i]), _FINEST * key[1])
            rows[key] = (*key, price - prices[i], unit)
    table = np.array(sorted(rows.values()), dtype=np.float64).reshape(len(rows), 4)
    return Pairs(table[:, 0].astype(np.int64), table[:, 1], table[:, 2], table[:, 3])
