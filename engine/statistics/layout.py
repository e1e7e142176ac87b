"""Which parameter set, and which independent unit, every outcome belongs to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import Refusal
from engine.statistics.ranked import Ranked, Sorted

__all__ = ["Layout", "laid_out"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Made = TypeVar("Made")

# Outcomes of a set that are few.
_SHORT = 64


@dataclass(frozen=True)
class Layout:
    """Rows of outcomes, sorted by parameter set and, within one, by independent unit.

    Paths are the independent units, or what several paths depend on together (antithetic pairs).
    A *cell* is a unit of a parameter set; where several outcomes lie in one cell, their sum is
    what the error is measured by. Made by `of` or `matrix`.

    Parameters
    ----------
    keys : ndarray of int64, shape (sets,)
        The codes of the parameter sets, ascending.
    units : ndarray of int64, shape (cells,)
        The unit of each cell, ascending within a set.
    rows : ndarray of int64, shape (sets,)
        Outcomes per set.
    cells : ndarray of int64, shape (sets,)
        Units per set.
    order : ndarray of int64, shape (outcomes,), optional
        Sorts the outcomes; None if they are sorted already.
    cell_rows : ndarray of int64, shape (cells,), optional
        Outcomes per cell; None if each has one.
    """

    keys: Integers
    units: Integers
    rows: Integers
    cells: Integers
    order: Integers | None = None
    cell_rows: Integers | None = None

    @classmethod
    def of(cls, sets: ArrayLike, units: ArrayLike | None = None) -> Layout:
        """Lay out outcomes that come one per row, in any order.

        Parameters
        ----------
        sets : array_like of int, shape (outcomes,)
            The parameter set of each outcome.
        units : array_like of int, shape (outcomes,), optional
            The independent unit of each, the same number in every set for the same path; by
            default each outcome is a unit of its own, numbered from 0 within its set.

        Raises
        ------
        ValueError
            If there is no outcome or the lengths differ.

        Examples
        --------
        >>> layout = Layout.of([7, 7, 9], units=[0, 1, 0])
        >>> layout.keys.tolist(), layout.rows.tolist()
        ([7, 9], [2, 1])
        """
        codes = np.asarray(sets, dtype=np.int64)
        if codes.ndim != 1 or len(codes) == 0:
            raise Refusal("sets", f"shape {codes.shape}", "(outcomes,), at least one")
        if units is None:
            order = None if _ascending(codes) else np.argsort(codes, kind="stable")
            codes = codes if order is None else codes[order]
            starts = _starts(codes)
            rows = np.diff(np.append(starts, len(codes)))
            own = np.arange(len(codes)) - np.repeat(starts, rows)
            return cls(codes[starts], own, rows, rows, order)
        marks = np.asarray(units, dtype=np.int64)
        if marks.shape != codes.shape:
            raise Refusal("units", str(marks.shape), f"{codes.shape} as the sets")
        order = None
        if not _sorted_pairs(codes, marks):
            order = np.lexsort((marks, codes)).astype(np.int64)
            codes, marks = codes[order], marks[order]
        starts = _starts(codes)
        rows = np.diff(np.append(starts, len(codes)))
        first = np.ones(len(codes), dtype=bool)
        first[1:] = (codes[1:] != codes[:-1]) | (marks[1:] != marks[:-1])
        cell_starts = np.flatnonzero(first)
        cells = np.add.reduceat(first, starts, dtype=np.int64)
        cell_rows = np.diff(np.append(cell_starts, len(codes)))
        single = len(cell_starts) == len(codes)
        return cls(
            codes[starts], marks[cell_starts], rows, cells, order, None if single else cell_rows
        )

    @classmethod
    def matrix(cls, sets: int, paths: int, units: ArrayLike | None = None) -> Layout:
        """Lay out outcomes of shape (sets, paths), where every set ran on the same paths.

        `units`, of shape (paths,), are the independent units of the paths; by default each path
        is its own.
        """
        if sets < 1 or paths < 1:
            raise Refusal("outcomes", f"shape ({sets}, {paths})", "at least one")
        if units is None:
            rows = np.full(sets, paths, dtype=np.int64)
            own = np.tile(np.arange(paths, dtype=np.int64), sets)
            return cls(np.arange(sets, dtype=np.int64), own, rows, rows)
        marks = np.asarray(units, dtype=np.int64)
        if marks.shape != (paths,):
            raise Refusal("units", str(marks.shape), f"({paths},) as the paths")
        return cls.of(np.repeat(np.arange(sets), paths), np.tile(marks, sets))

    @property
    def sets(self) -> int:
        """How many parameter sets there are."""
        return len(self.keys)

    @property
    def row_counts(self) -> Integers:
        """Outcomes of each set, those of other parts too (`engine.statistics.lockstep`)."""
        return self.rows

    @property
    def cell_counts(self) -> Integers:
        """Units of each set, those of other parts too."""
        return self.cells

    def alone(self) -> Layout:
        """Return the layout of the same rows, sorted, in which each is a unit of its own."""
        units = np.arange(int(self.rows.sum()), dtype=np.int64)
        return Layout(self.keys, units, self.rows, self.rows)

    def arrange(self, outcomes: ArrayLike) -> Floats:
        """Return the outcomes in this order, one per row.

        Raises
        ------
        ValueError
            If their number is another.
        """
        flat = np.asarray(outcomes, dtype=np.float64).ravel()
        total = int(self.rows.sum())
        if len(flat) != total:
            raise Refusal("outcomes", str(len(flat)), f"{total} as in the layout")
        return flat if self.order is None else flat[self.order]

    def tally(self, rows: Floats) -> tuple[Integers, Floats]:
        """Count the rows of each set that are numbers, and add these up."""
        missing = np.isnan(rows)
        if not missing.any():
            return self.rows, _segments(rows, self.rows)
        known = _segments((~missing).astype(np.float64), self.rows).astype(np.int64)
        return known, _segments(np.where(missing, 0.0, rows), self.rows)

    def sum_rows(self, rows: Floats) -> Floats:
        """Sum of rows per set."""
        return _segments(rows, self.rows)

    def sum_cells(self, cells: Floats) -> Floats:
        """Sum of cells per set."""
        return _segments(cells, self.cells)

    def sum_each(self, *cells: Floats) -> tuple[Floats, ...]:
        """Add up several arrays of cells per set."""
        return tuple(_segments(one, self.cells) for one in cells)

    def power_sums(self, cells: Floats) -> tuple[Floats, Floats, Floats]:
        """Add up the squares, cubes and fourth powers of cells per set."""
        square = cells * cells
        if self._alike_cells and self.cells[0] <= _SHORT:
            own, squares = cells.reshape(self.sets, -1), square.reshape(self.sets, -1)
            third: Floats = np.einsum("ij,ij->i", squares, own)
            fourth: Floats = np.einsum("ij,ij->i", squares, squares)
            return _segments(square, self.cells), third, fourth
        second, third = _segments(square, self.cells), _segments(square * cells, self.cells)
        return second, third, _segments(square * square, self.cells)

    def rank(self, rows: Floats) -> Ranked:
        """Put the rows of each set in order."""
        return Sorted.of(rows, self.rows)

    def count_at_median(self, cells: Floats, of: NDArray[np.bool_], reach: Floats) -> Integers:
        """Count the cells of some sets that lie within reach of their upper median.

        Parameters
        ----------
        cells : ndarray of float64, shape (cells,)
            Of every set.
        of : ndarray of bool, shape (sets,)
            Which sets are chosen; at least one.
        reach : ndarray of float64, shape (chosen,)
            0 or more.

        Returns
        -------
        ndarray of int64, shape (chosen,)
            At least 1, or 0 of what is not finite.
        """
        lengths = self.cells[of]
        ranked = Sorted.of(cells[np.repeat(of, self.cells)], lengths)
        middle = lengths // 2
        beside = np.stack([middle - 1, middle, np.minimum(middle + 1, lengths - 1)], axis=1)
        below, usual, above = ranked.take(np.maximum(beside, 0)).T
        near = np.minimum(usual - below, above - usual) <= reach
        found: Integers = (np.abs(usual) < np.inf).astype(np.int64)
        if near.any():
            # Where no two outcomes are the same there is nothing to count.
            some = lengths[near]
            apart = np.abs(ranked.ordered[np.repeat(near, lengths)] - np.repeat(usual[near], some))
            same = apart <= np.repeat(reach[near], some)
            found[near] = _segments(same.astype(np.float64), some).astype(np.int64)
        return found

    def of_first_part(self, make: Callable[[], Made]) -> Made:
        """Return what is made of the first part of the outcomes, which here are all."""
        return make()

    def to_cells(self, rows: Floats) -> Floats:
        """Sum of rows per cell."""
        return rows if self.cell_rows is None else _segments(rows, self.cell_rows)

    def take(self, sets: ArrayLike) -> Layout:
        """Return the layout of some sets' cells, each cell one outcome, in the order given.

        The sets are numbered anew from 0.
        """
        chosen = np.asarray(sets, dtype=np.int64)
        counts = self.cells[chosen]
        return Layout(
            np.arange(len(chosen), dtype=np.int64),
            self.units[self.cells_of(chosen)],
            counts,
            counts,
        )

    def cells_of(self, sets: Integers) -> Integers:
        """Positions of the cells of some sets."""
        first = np.concatenate([[0], np.cumsum(self.cells)])
        parts = [np.arange(first[one], first[one + 1]) for one in sets.tolist()]
        return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)

    def spread_rows(self, values: Floats) -> Floats:
        """Repeat a number per set for each of its rows."""
        # One number of repeats takes a fraction of the time of many.
        return np.repeat(values, self.rows[0] if self._alike_rows else self.rows)

    def spread_cells(self, values: Floats) -> Floats:
        """Repeat a number per set for each of its cells."""
        return np.repeat(values, self.cells[0] if self._alike_cells else self.cells)

    @cached_property
    def _alike_rows(self) -> bool:
        return bool((self.rows == self.rows[0]).all())

    @cached_property
    def _alike_cells(self) -> bool:
        return bool((self.cells == self.cells[0]).all())


def laid_out(outcomes: ArrayLike, layout: Layout | None) -> tuple[Floats, Layout]:
    """Return outcomes one per row, and their layout.

    Without a layout, outcomes of shape (paths,) are of one parameter set, and those of shape
    (sets, paths) of several on the same paths.

    Parameters
    ----------
    outcomes : array_like
        One number per simulation.
    layout : Layout, optional
        The set and the unit of each.

    Returns
    -------
    values : ndarray of float64, shape (rows,)
        The outcomes, one per row.
    layout : Layout
        Of these rows.

    Raises
    ------
    ValueError
        If the shape is another, or does not fit the layout.
    """
    if layout is not None:
        return layout.arrange(outcomes), layout
    values = np.asarray(outcomes, dtype=np.float64)
    if values.ndim not in (1, 2) or values.size == 0:
        raise Refusal("outcomes", f"shape {values.shape}", "(paths,) or (sets, paths)")
    rows = np.atleast_2d(values)
    return rows.ravel(), Layout.matrix(*rows.shape)


def _segments(values: Floats, lengths: Integers) -> Floats:
    """Sum of consecutive segments, each of at least one element."""
    count = len(lengths)
    if count * int(lengths[0]) == len(values) and (lengths == lengths[0]).all():
        rows = values.reshape(count, -1)
        # Of short rows a plain sum is as exact as a pairwise one, and several times as fast.
        short = rows.shape[1] <= _SHORT
        summed: Floats = np.einsum("ij->i", rows) if short else rows.sum(axis=1)
        return summed
    starts = np.concatenate([[0], np.cumsum(lengths[:-1])])
    found: Floats = np.add.reduceat(values, starts)
    return found


def _starts(codes: Integers) -> Integers:
    return np.concatenate([[0], np.flatnonzero(codes[1:] != codes[:-1]) + 1])


def _ascending(codes: Integers) -> bool:
    return bool((codes[1:] >= codes[:-1]).all())


def _sorted_pairs(codes: Integers, marks: Integers) -> bool:
    later = codes[1:] > codes[:-1]
    return bool((later | ((codes[1:] == codes[:-1]) & (marks[1:] >= marks[:-1]))).all())
