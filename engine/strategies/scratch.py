"""Work space of a strategy engine's worker."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from engine.execution.state import Simulation

__all__ = ["Scratch", "identities_of"]


@dataclass
class Scratch:
    """Work space of one worker; grows to the largest call and is reused."""

    simulation: Simulation
    frame: NDArray[np.int64]
    rows: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    failed: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    def rows_for(self, count: int, bar_count: int) -> NDArray[np.float64]:
        """Return space for `count` indicator rows."""
        if self.rows.size < count * bar_count:
            self.rows = np.empty(count * bar_count)
        if self.failed.size < count:
            self.failed = np.zeros(count, dtype=np.int64)
        return self.rows[: count * bar_count].reshape(count, bar_count)


def identities_of(
    count: int, seeds: NDArray[np.uint64] | None, paths: NDArray[np.uint64] | None
) -> NDArray[np.int64]:
    """Return seed and number of each path as the compiled loop takes them, 0 where none is given.

    Returns
    -------
    ndarray of int64, shape (count, 2)
        The bits of unsigned numbers.
    """
    found = np.zeros((count, 2), dtype=np.int64)
    for column, numbers in enumerate((seeds, paths)):
        if numbers is not None:
            found[:, column] = np.asarray(numbers, dtype=np.uint64).view(np.int64)
    return found
