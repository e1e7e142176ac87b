"""Work space of a thread that runs a strategy."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from engine.execution.state import Simulation

__all__ = ["Scratch"]


@dataclass
class Scratch:
    """Work space of one worker; grows to the largest call and is reused."""

    simulation: Simulation
    frame: NDArray[np.int64]
    rows: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    failed: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    def rows_for(self, count: int, bars: int) -> NDArray[np.float64]:
        """Return space for `count` indicator rows."""
        if self.rows.size < count * bars:
            self.rows = np.empty(count * bars)
        if self.failed.size < count:
            self.failed = np.zeros(count, dtype=np.int64)
        return self.rows[: count * bars].reshape(count, bars)
