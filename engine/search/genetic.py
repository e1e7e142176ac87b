"""A genetic search: islands of parameter sets that compete, mix and change."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.search.space import SearchSpace

__all__ = ["Genetic"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

# How children are made: as many contenders per parent; parents are mixed with this probability;
# a parameter changes with probability 1 / dimensions, by steps that become finer.
_CONTENDERS = 3
_MIXED = 0.9
_FIRST_STEP, _LAST_STEP = 0.25, 0.02
_STEP_DECAY = 0.81
# Words have no near values: they are drawn anew.
_ISLANDS = 2
_MIGRATES_EVERY = 4
# Small populations learn sooner, large ones keep more kinds alive: they grow by the smallest with
# each so many points. Two children for each place: sets that run together share their indicators.
_SMALLEST, _LARGEST = 16, 64
_GROWS_EVERY = 512
_CHILDREN = 2


class Genetic:
    """Tournament selection, blended crossover, mutation by finer and finer steps, elitism, islands.

    The best of parents and children survive on each island (Eiben and Smith, 2015, Introduction to
    Evolutionary Computing). Every few generations the best of one island replaces the worst of the
    next. All of it is one operation on arrays, so that a point costs microseconds.

    Parameters
    ----------
    space : SearchSpace
        Where it looks.
    seed : int
        Of its random choices.

    Examples
    --------
    >>> from engine.studies import uniform
    >>> space = SearchSpace.of({"x": uniform(-1.0, 1.0), "y": uniform(-1.0, 1.0)})
    >>> search = Genetic(space, seed=3)
    >>> for _ in range(40):
    ...     points = search.ask(search.generation)
    ...     search.tell(points, -((points - 0.3) ** 2).sum(axis=1, keepdims=True))
    >>> bool(np.abs(search.best - 0.3).max() < 0.01)
    True
    """

    def __init__(self, space: SearchSpace, seed: int) -> None:
        self._space, self._rng = space, np.random.Generator(np.random.Philox(seed))
        self._first_places = int(np.clip(8 * len(space), _SMALLEST, _LARGEST))
        self._ordered = np.array([item.is_ordered for item in space.dimensions])
        # A step of a whole number or a choice is at least to the next value.
        self._least = np.array([1.0 / (item.count or 1e9) for item in space.dimensions])
        self._points = [np.empty((0, len(space))) for _ in range(_ISLANDS)]
        self._scores = [np.empty(0) for _ in range(_ISLANDS)]
        self._asked: list[Integers] = []
        self._tried: set[bytes] = set()
        self._told = self._points_told = 0

    @property
    def generation(self) -> int:
        """How many points the next generation has."""
        return _CHILDREN * self._places

    @property
    def _places(self) -> int:
        """How many points live on all islands."""
        grown = _SMALLEST * (self._points_told // _GROWS_EVERY)
        return min(self._first_places + grown, _LARGEST)

    @property
    def best(self) -> Floats:
        """The point with the best score so far, shape (dimensions,)."""
        tops = [scores[0] if len(scores) else -np.inf for scores in self._scores]
        best: Floats = self._points[int(np.argmax(tops))][0]
        return best

    def ask(self, count: int) -> Floats:
        """Return the children of every island, at first random points."""
        island_of = np.arange(count) % _ISLANDS
        found = self._rng.random((count, len(self._space)))
        for island in range(_ISLANDS):
            own = np.flatnonzero(island_of == island)
            if len(self._points[island]) >= 2:
                found[own] = self._children(island, len(own))
        self._asked = [np.flatnonzero(island_of == island) for island in range(_ISLANDS)]
        return self._fresh(self._space.settle(found))

    def tell(self, points: Floats, scores: Floats) -> None:
        """Let children and parents compete for the places of their island."""
        capacity = self._places // _ISLANDS
        for island, own in enumerate(self._asked):
            defined = own[~np.isnan(scores[own, 0])]
            every = np.concatenate([self._points[island], points[defined]])
            worth = np.concatenate([self._scores[island], scores[defined, 0]])
            # One of each kind: a population of copies has nothing left to mix. Of equals the
            # earlier survives, so that the order of arrival in memory plays no part.
            _, first = np.unique(every, axis=0, return_index=True)
            kept = np.sort(first)
            order = kept[np.argsort(-worth[kept], kind="stable")][:capacity]
            self._points[island], self._scores[island] = every[order], worth[order]
        self._told += 1
        self._points_told += len(points)
        if self._told % _MIGRATES_EVERY == 0:
            self._migrate()

    def _fresh(self, points: Floats) -> Floats:
        """Let immigrants from anywhere take the places of children that were tried before."""
        anew = self._space.settle(self._rng.random(points.shape))
        for row, point in enumerate(points):
            if point.tobytes() in self._tried:
                points[row] = anew[row]
            self._tried.add(points[row].tobytes())
        return points

    def _migrate(self) -> None:
        """Send the best of each island to the next, in a ring."""
        best = [
            (points[:1], scores[:1])
            for points, scores in zip(self._points, self._scores, strict=True)
        ]
        for island in range(_ISLANDS):
            points, scores = best[island - 1]
            if not len(points) or (self._points[island] == points).all(axis=1).any():
                continue
            every = np.concatenate([self._points[island], points])
            worth = np.concatenate([self._scores[island], scores])
            order = np.argsort(-worth, kind="stable")[: self._places // _ISLANDS]
            self._points[island], self._scores[island] = every[order], worth[order]

    def _children(self, island: int, count: int) -> Floats:
        parents = self._points[island]
        first, second = (parents[self._tournament(len(parents), count)] for _ in range(2))
        width = len(self._space)
        # Blend: somewhere on the line through both, up to a quarter beyond either.
        share = self._rng.uniform(-0.25, 1.25, size=(count, width))
        blended = first + share * (second - first)
        taken = np.where(self._rng.random((count, width)) < 0.5, first, second)
        mixed = np.where(self._ordered, blended, taken)
        children = np.where(self._rng.random((count, 1)) < _MIXED, mixed, first)
        return self._mutated(children)

    def _tournament(self, size: int, count: int) -> Integers:
        """Return the best of a few drawn at random, `count` times; parents are sorted by score."""
        drawn = self._rng.integers(0, size, size=(count, _CONTENDERS))
        return np.asarray(drawn.min(axis=1))

    def _mutated(self, children: Floats) -> Floats:
        count, width = children.shape
        step = max(_FIRST_STEP * _STEP_DECAY**self._told, _LAST_STEP)
        moved = children + self._rng.normal(size=children.shape) * np.maximum(step, self._least)
        # Back from the wall, so that bounds draw no more than the rest.
        moved = np.abs(moved)
        moved = 1.0 - np.abs(1.0 - moved)
        anew = self._rng.random(children.shape)
        changed = np.where(self._ordered, moved, anew)
        chosen = self._rng.random(children.shape) < 1.0 / width
        # At least one parameter of each: a child that is its parent teaches nothing.
        chosen[np.arange(count), self._rng.integers(0, width, size=count)] = True
        return np.where(chosen, changed, children)
