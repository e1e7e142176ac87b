"""Order statistics of values that come in parts, exact, with few of the values held."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["RankSearch", "RankWindow"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

# Values in the sample that tells about where a rank is, and of every part at least.
_SAMPLE, _LEAST = 400_000, 64


@dataclass(frozen=True)
class RankWindow:
    """The values of consecutive ranks.

    Parameters
    ----------
    values : ndarray of float64, shape (distinct,)
        Ascending, each once.
    ends : ndarray of int64, shape (distinct,)
        How many values are at or below each.
    first : int
        The first rank that is held, counted from 0.
    """

    values: Floats
    ends: Integers
    first: int

    def holds(self, low: int, high: int) -> bool:
        """Whether ranks from `low` to `high` are among those that are held."""
        return not len(self.ends) or (self.first <= low and high < int(self.ends[-1]))

    def take(self, places: Integers) -> Floats:
        """Return the values of some ranks; NaN where there are no values at all."""
        if not len(self.ends):
            return np.full(places.shape, math.nan)
        return self.values[np.searchsorted(self.ends, places, side="right")]


class RankSearch:
    """Finds the values of some ranks: by a sample of every part, and then by what lies near.

    Parameters
    ----------
    low, high : int
        First and last rank, counted from 0.
    parts : int
        How many parts there are.

    Notes
    -----
    The sample bounds the values of the ranks; a second look at every part counts what is below and
    keeps what is within (Floyd and Rivest 1975, "Expected time bounds for selection"). Bounds that
    fail, of parts that differ, are widened. Equal values are kept as one with their count, so that
    what is held does not grow with ties.

    Examples
    --------
    >>> search = RankSearch(1, 2, parts=2)
    >>> for _ in range(2):
    ...     for part in (np.array([5.0, 1.0]), np.array([3.0, np.nan, 3.0])):
    ...         search.add(part)
    ...     known = search.close()
    >>> known, search.result.take(np.array([1, 2])).tolist()
    (True, [3.0, 3.0])
    """

    def __init__(self, low: int, high: int, parts: int) -> None:
        self._low, self._high = low, high
        self._each = max(_SAMPLE // parts, _LEAST)
        self._count = 0
        self._sampled: list[Floats] = []
        self._sample: Floats | None = None
        self._margin = 3.0
        self._bounds = (-math.inf, math.inf)
        self._restart()
        self.result = RankWindow(np.empty(0), np.empty(0, dtype=np.int64), 0)

    def _restart(self) -> None:
        self._below = 0
        self._within: list[tuple[Floats, Integers]] = []

    def add(self, values: Floats) -> None:
        """Look at a part; NaN is no value."""
        if self._sample is None:
            known = values[~np.isnan(values)]
            self._count += len(known)
            # A copy, else every part is held for its sample.
            self._sampled.append(known[:: max(1, len(known) // self._each)].copy())
            return
        low, high = self._bounds
        self._below += int(np.count_nonzero(values < low))
        within = values[(values >= low) & (values <= high)]
        found, counts = np.unique(within, return_counts=True)
        self._within.append((found, counts.astype(np.int64)))

    def close(self) -> bool:
        """Say whether the values are known after every part was looked at."""
        if self._sample is None:
            self._sample = np.sort(np.concatenate(self._sampled))
            self._sampled = []
            self._bound()
            return self._count == 0
        values = np.concatenate([found for found, _ in self._within])
        counts = np.concatenate([many for _, many in self._within])
        distinct, place = np.unique(values, return_inverse=True)
        ends = np.zeros(len(distinct), dtype=np.int64)
        np.add.at(ends, place, counts)
        ends = self._below + np.cumsum(ends)
        # No set has more ranks than values.
        high = min(self._high, self._count - 1)
        if self._below <= self._low and len(ends) and high < int(ends[-1]):
            self.result = RankWindow(distinct, ends, self._below)
            return True
        self._margin *= 8.0
        self._bound()
        self._restart()
        return False

    def _bound(self) -> None:
        """Bound the values of the ranks by those of the sample, some standard errors away."""
        assert self._sample is not None
        size = len(self._sample)
        if not size:
            return
        reach = self._margin * math.sqrt(size) + 2.0
        low = math.floor(self._low / self._count * size - reach)
        high = math.ceil(self._high / self._count * size + reach)
        self._bounds = (
            -math.inf if low < 0 else float(self._sample[low]),
            math.inf if high >= size else float(self._sample[high]),
        )
