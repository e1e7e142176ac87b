"""Which bars of history a bootstrap draws for a path: a function of the seed alone."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.compiled import exact
from engine.sources.resample import METHODS, resample_bars
from engine.sources.session_clock import SessionClock

__all__ = ["BarDraws"]

# Place of the volume in a record of a bar, and how long one is.
_VOLUME, _FIELDS = 4, 5


@dataclass(frozen=True)
class BarDraws:
    """How bars are drawn.

    Parameters
    ----------
    bar_count : int
        Bars to draw from.
    method : str
        One of `METHODS`.
    length : float
        Length of a block; of the stationary bootstrap the mean.
    clock : SessionClock
        Place of each bar in its session, where that is kept.
    """

    bar_count: int
    method: str
    length: float
    clock: SessionClock

    @property
    def arguments(
        self,
    ) -> tuple[int, int, float, NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Arguments of the kernel `resample_bars` from ``method`` to ``order``."""
        # A geometric length is 1 + floor(ln u / ln(1 - 1/L)).
        inverse_log = 0.0 if self.length <= 1.0 else 1.0 / exact.log(1.0 - 1.0 / self.length)
        whole = math.ceil(self.length)
        clock = self.clock
        return METHODS.index(self.method), whole, inverse_log, clock.slot, clock.first, clock.order

    @staticmethod
    def scratch(steps: int) -> NDArray[np.uint64]:
        """Make room for the bars drawn for one path."""
        return np.empty(-(-steps // 256) * 256, dtype=np.uint64)

    def indices(
        self, seeds: NDArray[np.uint64], path_ids: NDArray[np.uint64], steps: int
    ) -> NDArray[np.int64]:
        """Return the bars that are drawn, without their prices.

        Parameters
        ----------
        seeds, path_ids : ndarray of uint64, shape (paths,)
            Seed and number of each path.
        steps : int
            Bars of a path.

        Returns
        -------
        ndarray of int64, shape (paths, steps)
            From 0 to ``bar_count - 1``, in the order of the path.

        Examples
        --------
        >>> draws = BarDraws(10, "circular_block", 4.0, SessionClock.absent())
        >>> found = draws.indices(np.arange(2, dtype=np.uint64), np.zeros(2, dtype=np.uint64), 4)
        >>> ((found[:, 1:] - found[:, :-1]) % 10).tolist()
        [[1, 1, 1], [1, 1, 1]]
        """
        # The kernel copies the volume of a drawn bar: here that is its number.
        records = np.zeros((self.bar_count, 1, _FIELDS))
        records[:, 0, _VOLUME] = np.arange(self.bar_count)
        out = np.empty((len(seeds), 1, _FIELDS, steps))
        resample_bars(
            seeds,
            path_ids,
            records,
            np.zeros(1),
            *self.arguments,
            False,
            self.scratch(steps),
            out,
        )
        return out[:, 0, _VOLUME].astype(np.int64)
