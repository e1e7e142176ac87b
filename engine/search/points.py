"""Searches that do not look at what came out: every point, random points, Sobol's."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from engine.errors import Refusal
from engine.search.space import SearchSpace
from engine.studies.values import SET_LIMIT

__all__ = ["Grid", "RandomPoints", "SobolPoints"]

Floats = NDArray[np.float64]

# Large enough that what a call costs is not felt, small enough to report progress.
_GENERATION = 1_024


class Grid:
    """Every combination of values, the last parameter fastest.

    Raises
    ------
    Refusal
        If a parameter has too many values to count.
    """

    generation = _GENERATION

    def __init__(self, space: SearchSpace) -> None:
        endless = [item.name for item in space.dimensions if item.count is None]
        if endless:
            raise Refusal(
                "search.method",
                f"grid with real numbers to search ({', '.join(endless)})",
                "a list or a range for each, such as {linspace: [0, 1, 11]}, or another method",
            )
        if space.count is None or space.count > SET_LIMIT:
            raise Refusal("parameters", f"{space.count:,} combinations", f"at most {SET_LIMIT:,}")
        values = [[item.at(index) for index in range(item.count or 0)] for item in space.dimensions]
        self._left: Iterator[tuple[float, ...]] = itertools.product(*values)
        self._dimensions = len(space)

    def ask(self, count: int) -> Floats:
        """Return the next points."""
        found = list(itertools.islice(self._left, count))
        return np.array(found, dtype=np.float64).reshape(len(found), self._dimensions)

    def tell(self, points: Floats, scores: Floats) -> None:
        """Change nothing: what comes next does not depend on it."""


class RandomPoints:
    """Independent uniform points of the unit cube, by Philox."""

    generation = _GENERATION

    def __init__(self, space: SearchSpace, seed: int) -> None:
        self._space, self._rng = space, np.random.Generator(np.random.Philox(seed))

    def ask(self, count: int) -> Floats:
        """Return the next points."""
        return self._space.settle(self._rng.random((count, len(self._space))))

    def tell(self, points: Floats, scores: Floats) -> None:
        """Change nothing: what comes next does not depend on it."""


class SobolPoints:
    """Sobol's points, scrambled by the seed: they fill the cube more evenly than random ones."""

    generation = _GENERATION

    def __init__(self, space: SearchSpace, seed: int) -> None:
        from scipy.stats import qmc

        rng = np.random.Generator(np.random.Philox(seed))
        self._space, self._sobol = space, qmc.Sobol(len(space), scramble=True, rng=rng)
        self._drawn = np.empty((0, len(space)))

    def ask(self, count: int) -> Floats:
        """Return the next points."""
        while len(self._drawn) < count:
            # They balance in powers of two; a whole power each time keeps them so.
            more = self._sobol.random(_GENERATION)
            self._drawn = np.concatenate([self._drawn, more])
        found, self._drawn = self._drawn[:count], self._drawn[count:]
        return self._space.settle(found)

    def tell(self, points: Floats, scores: Floats) -> None:
        """Change nothing: what comes next does not depend on it."""
