"""Where seeds stand in a study, without an object for each of millions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["SeedPositions"]


class SeedPositions:
    """The positions of a study's seeds.

    Parameters
    ----------
    seeds : ndarray of uint64, shape (seeds,)
        Its seeds, in its order. Of consecutive ones the first says where each stands.

    Examples
    --------
    >>> SeedPositions(np.array([9, 4, 7], dtype=np.uint64)).of(np.array([4, 9], dtype=np.uint64))
    array([1, 0])
    """

    def __init__(self, seeds: NDArray[np.uint64]) -> None:
        #: How many there are.
        self.count = len(seeds)
        self._first: int | None = None
        self._ascending, self._order = seeds, None
        if (seeds[1:] > seeds[:-1]).all():
            if len(seeds) and int(seeds[-1] - seeds[0]) == len(seeds) - 1:
                self._first = int(seeds[0])
        else:
            self._order = np.argsort(seeds)
            self._ascending = seeds[self._order]

    def of(self, seeds: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Return the positions of some of its seeds, counted from 0.

        Parameters
        ----------
        seeds : ndarray of uint64, shape (some,)
            Of the study, in any order.

        Returns
        -------
        ndarray of int64, shape (some,)
        """
        if self._first is not None:
            return (seeds - np.uint64(self._first)).astype(np.int64)
        found = np.searchsorted(self._ascending, seeds)
        return found if self._order is None else self._order[found]
