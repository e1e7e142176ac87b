"""Outcomes in ascending order, of which single ranks are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["Ranked", "Sorted", "sort_within"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class Ranked(Protocol):
    """Outcomes of every parameter set by their rank."""

    def take(self, places: Integers, of: NDArray[np.bool_] | None = None) -> Floats:
        """Return the outcomes of some ranks.

        Parameters
        ----------
        places : ndarray of int64, shape (chosen, ranks)
            Ranks within each chosen set, counted from 0.
        of : ndarray of bool, shape (sets,), optional
            Which sets are chosen; by default all.

        Returns
        -------
        ndarray of float64, shape (chosen, ranks)
            NaN beyond the outcomes that a set has.
        """

    def consecutive(self, first: int, count: int, of: NDArray[np.bool_]) -> Floats:
        """Return the outcomes of consecutive ranks of some sets.

        Parameters
        ----------
        first, count : int
            The first rank within each chosen set, counted from 0, and how many.
        of : ndarray of bool, shape (sets,)
            Which sets are chosen: all of them have so many outcomes.

        Returns
        -------
        ndarray of float64, shape (chosen, count)
            Ascending in each row.
        """


@dataclass(frozen=True)
class Sorted:
    """Outcomes that are held in order.

    Parameters
    ----------
    ordered : ndarray of float64, shape (rows,)
        Ascending within each set, NaN last.
    starts : ndarray of int64, shape (sets,)
        Where each set begins.
    """

    ordered: Floats
    starts: Integers

    @classmethod
    def of(cls, values: Floats, lengths: Integers) -> Sorted:
        """Sort outcomes of sets that lie one after the other."""
        starts = np.concatenate([[0], np.cumsum(lengths[:-1])])
        return cls(sort_within(values, lengths), starts)

    def take(self, places: Integers, of: NDArray[np.bool_] | None = None) -> Floats:
        """Return the outcomes of some ranks, as `Ranked` says."""
        starts = self.starts if of is None else self.starts[of]
        found: Floats = self.ordered[starts[:, None] + places]
        return found

    def consecutive(self, first: int, count: int, of: NDArray[np.bool_]) -> Floats:
        """Return the outcomes of consecutive ranks, as `Ranked` says."""
        windows = np.lib.stride_tricks.sliding_window_view(self.ordered, count)
        found: Floats = windows[self.starts[of] + first]
        return found


def sort_within(values: Floats, lengths: Integers) -> Floats:
    """Sort consecutive segments; NaN comes last in each.

    Parameters
    ----------
    values : ndarray of float64, shape (rows,)
        Segments, one after the other.
    lengths : ndarray of int64, shape (segments,)
        Rows of each segment.

    Returns
    -------
    ndarray of float64, shape (rows,)
        Each segment in ascending order.

    Examples
    --------
    >>> sort_within(np.array([3.0, 1.0, 2.0, 0.0]), np.array([3, 1])).tolist()
    [1.0, 2.0, 3.0, 0.0]
    """
    if (lengths == lengths[0]).all():
        return np.sort(values.reshape(len(lengths), -1), axis=1).ravel()
    return values[np.lexsort((values, np.repeat(np.arange(len(lengths)), lengths)))]
