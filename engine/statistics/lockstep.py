"""Statistics of outcomes in parts, of which one at a time is held: the same code runs on each.

Where it needs a sum over all outcomes of the set, a part gives its share and waits; when all have
given theirs the computation begins anew, and goes on from the sum. Nothing is approximate: sums are
exact up to rounding, and so is the order (`engine.statistics.rank_search`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Generic, Protocol, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from engine.statistics.layout import Layout
from engine.statistics.rank_search import RankSearch, RankWindow
from engine.statistics.ranked import Ranked

__all__ = ["Computation", "PartLayout", "Run", "in_lockstep"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Part = TypeVar("Part")
Made = TypeVar("Made")


class _Gathered(Protocol):
    """What every part of the outcomes contributes to."""

    def close(self) -> bool:
        """Say whether the result is known once every part has given its share."""

    @property
    def result(self) -> Any:
        """What all parts then go on from."""


class _Waits(Exception):
    """A part has given its share, and the others have not yet."""


@dataclass
class Run:
    """One computation, on one part after the other.

    Parameters
    ----------
    parts : int
        How many there are.
    """

    parts: int
    _known: list[Any] = field(default_factory=list)
    _open: _Gathered | None = None
    _place: int = 0

    def begin(self) -> None:
        """Begin on a part."""
        self._place = 0

    def gather(self, make: Callable[[], Any], add: Callable[[Any], None]) -> Any:
        """Return what all parts gave, or give this one's share and wait."""
        place, self._place = self._place, self._place + 1
        if place < len(self._known):
            return self._known[place]
        if self._open is None:
            self._open = make()
        add(self._open)
        raise _Waits

    def close(self) -> None:
        """Settle what was gathered, once every part was begun."""
        assert self._open is not None
        if self._open.close():
            self._known.append(self._open.result)
            self._open = None


@dataclass(frozen=True)
class PartLayout(Layout):
    """Rows of one parameter set that are a part of it: sums are those of all parts.

    Made by `of_part`.

    Parameters
    ----------
    run : Run
        The computation.
    known : tuple of int, optional
        Outcomes and units of all parts; by default they are counted.
    """

    run: Run = field(default_factory=lambda: Run(1))
    known: tuple[int, int] | None = None

    @classmethod
    def of_part(cls, part: Layout, run: Run, known: tuple[int, int] | None = None) -> PartLayout:
        """Lay out a part of one parameter set, which holds whole units."""
        laid = (part.keys, part.units, part.rows, part.cells, part.order, part.cell_rows)
        return cls(*laid, run, known)

    def alone(self) -> PartLayout:
        """Return the layout of the same rows in which each is a unit of its own."""
        known = None if self.known is None else (self.known[0], self.known[0])
        return PartLayout.of_part(super().alone(), self.run, known)

    def tally(self, rows: Floats) -> tuple[Integers, Floats]:
        """Count the rows of all parts that are numbers, and add these up."""
        known, total = super().tally(rows)
        count, whole = self._totals(known.astype(np.float64), total)
        return count.astype(np.int64), whole

    def sum_rows(self, rows: Floats) -> Floats:
        """Sum of rows of all parts."""
        (found,) = self._totals(super().sum_rows(rows))
        return found

    def sum_cells(self, cells: Floats) -> Floats:
        """Sum of cells of all parts."""
        (found,) = self._totals(super().sum_cells(cells))
        return found

    def sum_each(self, *cells: Floats) -> tuple[Floats, ...]:
        """Add up several arrays of cells of all parts."""
        return self._totals(*super().sum_each(*cells))

    def power_sums(self, cells: Floats) -> tuple[Floats, Floats, Floats]:
        """Add up the squares, cubes and fourth powers of cells of all parts."""
        second, third, fourth = self._totals(*super().power_sums(cells))
        return second, third, fourth

    @cached_property
    def _counts(self) -> tuple[Integers, Integers]:
        if self.known is not None:
            return np.array([self.known[0]]), np.array([self.known[1]])
        rows, cells = self._totals(self.rows.astype(np.float64), self.cells.astype(np.float64))
        return rows.astype(np.int64), cells.astype(np.int64)

    @property
    def row_counts(self) -> Integers:
        """Outcomes of the set in all parts."""
        return self._counts[0]

    @property
    def cell_counts(self) -> Integers:
        """Units of the set in all parts."""
        return self._counts[1]

    def rank(self, rows: Floats) -> Ranked:
        """Rank the rows among those of all parts."""
        return _RankedParts(rows, self.run)

    def count_at_median(self, cells: Floats, of: NDArray[np.bool_], reach: Floats) -> Integers:
        """Count the cells of all parts that lie within reach of their upper median."""
        usual = self.rank(cells).take((self.cell_counts // 2)[:, None])[:, 0]
        near = np.abs(cells - usual) <= reach
        return self.sum_cells(near.astype(np.float64)).astype(np.int64)

    def of_first_part(self, make: Callable[[], Made]) -> Made:
        """Return what is made of the first part."""
        found = self.run.gather(_First, lambda first: first.add(make))
        return cast("Made", found)

    def _totals(self, *sums: Floats) -> tuple[Floats, ...]:
        found = self.run.gather(_Sums, lambda total: total.add(np.stack(sums)))
        return tuple(found.copy())


@dataclass
class _Sums:
    shares: list[Floats] = field(default_factory=list)

    def add(self, share: Floats) -> None:
        self.shares.append(share)

    def close(self) -> bool:
        return True

    @property
    def result(self) -> Floats:
        found: Floats = np.sum(self.shares, axis=0)
        return found


@dataclass
class _First:
    result: Any = None
    known: bool = False

    def add(self, make: Callable[[], Any]) -> None:
        if not self.known:
            self.result, self.known = make(), True

    def close(self) -> bool:
        return True


@dataclass
class _RankedParts:
    """Values of a part, ranked among those of all parts."""

    values: Floats
    run: Run
    window: RankWindow | None = None

    def take(self, places: Integers, of: NDArray[np.bool_] | None = None) -> Floats:
        """Return the outcomes of some ranks, as `Ranked` says."""
        low, high = int(places.min()), int(places.max())
        if self.window is None or not self.window.holds(low, high):
            found = self.run.gather(
                lambda: RankSearch(low, high, self.run.parts),
                lambda search: search.add(self.values),
            )
            self.window = cast("RankWindow", found)
        return self.window.take(places)

    def consecutive(self, first: int, count: int, of: NDArray[np.bool_]) -> Floats:
        """Return the outcomes of consecutive ranks, as `Ranked` says."""
        return self.take(np.arange(first, first + count)[None])


class Computation(Generic[Part, Made]):
    """Something that is computed of parts.

    Parameters
    ----------
    of : callable
        Computes it of a part and the run that joins the parts; alike on every part but for the
        numbers.
    parts : int
        How many there are.
    """

    def __init__(self, of: Callable[[Part, Run], Made], parts: int) -> None:
        self._of, self._run = of, Run(parts)
        self.done = False
        self.made: Made | None = None

    def on(self, part: Part) -> None:
        """Go on with a part as far as it goes."""
        if self.done:
            return
        self._run.begin()
        try:
            self.made = self._of(part, self._run)
        except _Waits:
            return
        # All sums are known: any part leads to the same.
        self.done = True

    def close(self) -> None:
        """Settle what the parts gave."""
        if not self.done:
            self._run.close()


def in_lockstep(
    computations: Mapping[str, Computation[Part, Made]],
    parts: Callable[[set[str]], Iterable[Part]],
    pool: Executor | None = None,
) -> dict[str, Made]:
    """Compute several things of the same parts.

    Parameters
    ----------
    computations : mapping of str to Computation
        By name.
    parts : callable
        Yields the parts, one after the other and in the same order each time; is told the names of
        what is not yet computed, from which those drop out that a part has completed.
    pool : Executor, optional
        Computes several at once.

    Returns
    -------
    dict of str to what is computed

    Examples
    --------
    >>> from engine.statistics.moments import means
    >>> values = [np.array([1.0, 2.0]), np.array([6.0])]
    >>> def mean(part, run):
    ...     layout = PartLayout.of_part(Layout.matrix(1, len(part)), run)
    ...     return means(part, layout).estimates()[0].value
    >>> in_lockstep({"mean": Computation(mean, 2)}, lambda left: values)
    {'mean': 3.0}
    """
    while True:
        left = [one for one in computations.values() if not one.done]
        if not left:
            return {name: cast("Made", one.made) for name, one in computations.items()}
        waiting = {name for name, one in computations.items() if not one.done}
        for part in parts(waiting):
            if pool is None:
                for name in waiting:
                    computations[name].on(part)
            else:
                list(pool.map(lambda name, held=part: computations[name].on(held), waiting))
            waiting -= {name for name in waiting if computations[name].done}
            if not waiting:
                break
        for one in left:
            one.close()
