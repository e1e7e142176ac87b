"""Seeds that nobody has looked at yet."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["fresh_seeds"]


def fresh_seeds(seeds: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return as many seeds as given, none of them among them.

    Examples
    --------
    >>> fresh_seeds(np.array([0, 1, 7], dtype=np.uint64)).tolist()
    [8, 9, 10]
    """
    used = {int(seed) for seed in seeds.tolist()}
    first = max(used) + 1
    if first + len(seeds) > 2**64:
        first = 0
    found: list[int] = []
    while len(found) < len(seeds):
        if first not in used:
            found.append(first)
        first += 1
    return np.array(found, dtype=np.uint64)
