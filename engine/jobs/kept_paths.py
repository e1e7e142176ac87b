"""Paths that stay in memory from batch to batch, so that a search does not make them anew."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.jobs.prepared import Prepared

__all__ = ["KeptPaths"]

# What the paths of one search may take; of more, every batch makes them anew.
_MOST_BYTES: Final = 64_000_000


class KeptPaths:
    """The paths of the seeds of the latest batch, each filled once.

    A batch of few sets spends as much on its paths as on its simulations. Chunks of one batch are
    apart, and batches run one after the other: nobody writes what another reads.

    Parameters
    ----------
    prepared : Prepared
        The world; its source has no swept parameter.
    """

    def __init__(self, prepared: Prepared) -> None:
        world = prepared.world
        self._shape = (len(prepared.symbols), len(prepared.fields), world.window.bar_count)
        self._each = world.paths_per_seed
        self._seeds = b""
        self._values: NDArray[np.float64] | None = None
        self._filled: NDArray[np.bool_] = np.zeros(0, dtype=bool)
        self._bad: NDArray[np.bool_] = np.zeros(0, dtype=bool)

    def open(self, seeds: NDArray[np.uint64]) -> None:
        """Make room for the paths of a batch, before its chunks are handed out to threads.

        The same memory, with what is in it, as long as the seeds are the same.
        """
        asked = seeds.tobytes()
        if asked == self._seeds:
            return
        count = len(seeds) * self._each
        fits = 8 * count * int(np.prod(self._shape)) <= _MOST_BYTES
        self._values = np.empty((count, *self._shape)) if fits else None
        self._filled, self._bad = np.zeros(count, dtype=bool), np.zeros(count, dtype=bool)
        self._seeds = asked

    def room(self, first: int, count: int) -> NDArray[np.float64] | None:
        """Return where some paths of the batch lie; None if all of them together take too much.

        Returns
        -------
        ndarray of float64, shape (count, symbols, fields, bars)
            Filled where `holds` says so.
        """
        return None if self._values is None else self._values[first : first + count]

    def holds(self, first: int, count: int) -> bool:
        """Whether paths are filled."""
        return bool(self._filled[first : first + count].all())

    def not_finite(self, first: int, count: int) -> NDArray[np.int64]:
        """Return which of some paths that are filled hold a price that is not finite."""
        return np.flatnonzero(self._bad[first : first + count])

    def mark(self, first: int, count: int, not_finite: NDArray[np.int64]) -> None:
        """Note that paths are filled, and which of them hold a price that is not finite."""
        self._bad[first + not_finite] = True
        self._filled[first : first + count] = True
