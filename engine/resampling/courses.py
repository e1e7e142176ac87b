"""Courses that a record of trades or returns could have taken, drawn a chunk at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.resampling.draws import (
    draw_blocks,
    draw_delayed,
    draw_fitted,
    draw_shuffled,
    draw_skipped,
)

__all__ = ["METHODS", "Courses"]

Floats = NDArray[np.float64]

#: What is varied: which trades come, which returns of bars, in which order the trades come, how
#: large they are by a fitted law, which of them are missed, how late they are filled.
METHODS: Final = ("trades", "returns", "shuffle", "parametric", "skip", "delay")

# Outcomes held at once: 32 MB.
_CHUNK = 1 << 22


@dataclass(frozen=True)
class Courses:
    """How courses are drawn.

    Parameters
    ----------
    method : str
        One of `METHODS`.
    seen : ndarray of float64, shape (steps,)
        Outcomes as they came; of ``delay``, shape (steps, delays).
    steps : int
        Outcomes of a course.
    draws : int
        Courses.
    seed : int
        Key of the Philox generator.
    block_length : float
        Mean length of blocks, in outcomes.
    anew : bool
        Whether each course comes from a record that was itself drawn anew.
    probability : float
        Of missing a trade.
    """

    method: str
    seen: Floats
    steps: int
    draws: int
    seed: int
    block_length: float = 1.0
    anew: bool = False
    probability: float = 0.0

    def chunks(self) -> Iterator[Floats]:
        """Yield outcomes, shape (courses, steps), in the order of the courses.

        Which chunk a course lies in changes none of its numbers.
        """
        size = max(1, _CHUNK // self.steps)
        for first in range(0, self.draws, size):
            out = np.empty((min(size, self.draws - first), self.steps))
            self._draw(first, out)
            yield out

    def _draw(self, first: int, out: Floats) -> None:
        seed = np.uint64(self.seed)
        seen = np.ascontiguousarray(self.seen, dtype=np.float64)
        if self.method in ("trades", "returns"):
            draw_blocks(seed, first, seen, 1.0 / self.block_length, self.anew, out)
        elif self.method == "shuffle":
            draw_shuffled(seed, first, seen, out)
        elif self.method == "parametric":
            draw_fitted(seed, first, seen, self.anew, out)
        elif self.method == "skip":
            draw_skipped(seed, first, seen, self.probability, out)
        else:
            draw_delayed(seed, first, seen, out)
