"""The step of which prices, or sizes, are whole multiples."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.errors import Refusal

__all__ = ["price_step"]

_DECIMALS: Final = 10
# As many different prices as say what the step is.
_MOST: Final = 10_000


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
