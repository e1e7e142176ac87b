"""Bars with a path inside them: each is made of a number of finer bars of the same source.

A bar's range does not say in which order its prices came, so a bar that touches both sides of a
bracket is worked by a pessimistic rule. With sub-bars the order engine works resting orders on
the finer path instead, while the strategy still decides at the close of whole bars. The law of
the bars stays that of the source where the source is exact, and comes closer to it where it is
a discretisation.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.bars import BAR_FIELDS, SUB_BAR_FIELDS, sub_bar_fields
from engine.compiled import kernel
from engine.sources.generator import Generator

__all__ = ["SubBarGenerator"]


class SubBarGenerator(Generator):
    """Joins every `count` bars of a finer generator into one and keeps what lies inside.

    The fields of its blocks are those of a bar, the states at its close, and then open, high and
    low of every sub-bar, ``open.0 high.0 low.0 open.1 ...``.

    Parameters
    ----------
    fine : Generator
        Of bars a `count`-th as long, and `count` times as many.
    count : int
        Sub-bars of a bar, at least 2.
    """

    def __init__(self, fine: Generator, count: int) -> None:
        self._fine = fine
        self._count = count
        self._own = len(fine.states)
        self.symbols = fine.symbols
        self.states = fine.states + sub_bar_fields(count)
        self.steps = fine.steps // count
        self.dt = fine.dt * count
        self.lanes = fine.lanes

    def scratch(self, paths: int) -> tuple[Any, NDArray[np.float64]]:
        """Make the finer generator's buffers and room for its bars."""
        shape = (paths, len(self.symbols), len(self._fine.fields), self._fine.steps)
        return self._fine.scratch(paths), np.empty(shape)

    def fill(
        self,
        seeds: NDArray[np.uint64],
        path_ids: NDArray[np.uint64],
        out: NDArray[np.float64],
        scratch: tuple[Any, NDArray[np.float64]],
    ) -> None:
        """Write the bars of the given paths, and what lies inside them."""
        own, room = scratch
        fine = room[: len(out)]
        self._fine.fill(seeds, path_ids, fine, own)
        _join(fine, self._count, self._own, out)


@kernel
def _join(fine: NDArray[np.float64], count: int, states: int, out: NDArray[np.float64]) -> None:
    """Write bars of `count` fine bars each, states at their close, and the fine bars."""
    width = len(SUB_BAR_FIELDS)
    first = len(BAR_FIELDS) + states
    for path in range(out.shape[0]):
        for symbol in range(out.shape[1]):
            parts, bars = fine[path, symbol], out[path, symbol]
            for bar in range(out.shape[3]):
                start = bar * count
                high, low = parts[1, start], parts[2, start]
                for k in range(count):
                    high = max(high, parts[1, start + k])
                    low = min(low, parts[2, start + k])
                    for field in range(width):
                        bars[first + width * k + field, bar] = parts[field, start + k]
                end = start + count - 1
                bars[0, bar] = parts[0, start]
                bars[1, bar] = high
                bars[2, bar] = low
                bars[3, bar] = parts[3, end]
                # A source gives every bar, however fine, the volume of a bar.
                bars[4, bar] = parts[4, start]
                for state in range(states):
                    bars[5 + state, bar] = parts[5 + state, end]
