"""Batches of independent units: what a choice among sets needs of many paths, in little memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.errors import Refusal
from engine.statistics.estimates import Estimates, joined_estimates, together
from engine.statistics.layout import Layout
from engine.statistics.linearised import Linearised, count_carriers

__all__ = ["batch_size", "batched", "joined"]

Floats = NDArray[np.float64]

# Influences of all sets that are held, 64 MB, and between how many units of a set that leaves.
_MOST_INFLUENCES: Final = 8_000_000
_MOST_UNITS, _LEAST_UNITS = 10_000, 200


def batch_size(sets: int, units: int) -> int:
    """Return how many units to put into a batch, so that influences of all sets fit into memory.

    Parameters
    ----------
    sets, units : int
        Parameter sets, and independent units of each.

    Returns
    -------
    int
        1 up to 10,000 units and 8 million influences; never fewer than 100 batches are left.

    Examples
    --------
    >>> batch_size(20, 10_000), batch_size(20, 500_000), batch_size(50_000, 20)
    (1, 50, 1)
    """
    most = min(max(_MOST_INFLUENCES // max(sets, 1), _LEAST_UNITS), _MOST_UNITS)
    return max(1, -(-units // most))


def batched(of: Linearised, size: int) -> Linearised:
    """Put units in a row together, whose mean influence is that of one unit from then on.

    Parameters
    ----------
    of : Linearised
        One statistic of several sets.
    size : int
        Units of a batch: those numbered from 0 to size - 1 are the first.

    Returns
    -------
    Linearised
        With the same values, and carriers counted before.

    Raises
    ------
    Refusal
        If the size is below 1.

    Notes
    -----
    Influences are independent between units, so their means over batches have the covariance of
    the estimates as well: it is estimated from as many numbers as there are batches, b of them, and
    a standard error is off by a share of 1 / sqrt(2 b), 1 % of 5,000 [1]_. Intervals with b - 1
    degrees of freedom keep their coverage.

    References
    ----------
    .. [1] Schmeiser (1982), "Batch size effects in the analysis of simulation output".

    Examples
    --------
    >>> from engine.statistics.moments import means
    >>> found = batched(means([[1.0, 3.0, 5.0, 7.0]]), 2)
    >>> found.value.tolist(), found.influence.tolist(), found.units.tolist()
    ([4.0], [-2.0, 2.0], [2])
    """
    if size < 1:
        raise Refusal("size", str(size), "1 or more")
    if size == 1:
        return of
    layout = of.layout
    present = ~_absent(of)
    of_set = np.repeat(np.arange(layout.sets), layout.cells)
    marks = layout.units // size
    first = np.ones(len(marks), dtype=np.bool_)
    first[1:] = (of_set[1:] != of_set[:-1]) | (marks[1:] != marks[:-1])
    starts = np.flatnonzero(first)
    cells = np.bincount(of_set[starts], minlength=layout.sets)
    whole = Layout(layout.keys, marks[starts], cells, cells)
    known = np.add.reduceat(present, starts, dtype=np.int64)
    absent = known == 0
    units = np.rint(whole.sum_cells((~absent).astype(np.float64))).astype(np.int64)
    scale = np.divide(units, of.units, out=np.zeros(layout.sets), where=of.units > 0)
    influence = np.add.reduceat(of.influence, starts) * whole.spread_cells(scale)
    carriers = of.carriers
    if carriers is None and of.own is None:
        carriers = count_carriers(of.influence, layout, of.units, of.moment(2), of.moment(4))
    return replace(
        of,
        contribution=influence,
        layout=whole,
        units=units,
        carriers=carriers,
        absent=absent if absent.any() else None,
    )


def joined(parts: Sequence[Linearised]) -> Linearised:
    """Put the sets of several parts one after the other.

    Parameters
    ----------
    parts : sequence of Linearised
        Of the same statistic, one or more.

    Returns
    -------
    Linearised
        Of all sets, numbered anew from 0.

    Examples
    --------
    >>> from engine.statistics.moments import means
    >>> joined([means([1.0, 2.0]), means([3.0, 5.0])]).value.tolist()
    [1.5, 4.0]
    """
    if len(parts) == 1:
        return parts[0]
    cells = np.concatenate([part.layout.cells for part in parts])
    units = np.concatenate([part.layout.units for part in parts])
    absent = np.concatenate([_absent(part) for part in parts])
    return Linearised(
        np.concatenate([part.value for part in parts]),
        np.concatenate([part.influence for part in parts]),
        Layout(np.arange(len(cells), dtype=np.int64), units, cells, cells),
        np.concatenate([part.n for part in parts]),
        np.concatenate([part.units for part in parts]),
        shape=parts[0].shape,
        carriers=together([part.carriers for part in parts]),
        idle=together([part.idle for part in parts]),
        own=_own(parts),
        absent=absent if absent.any() else None,
    )


def _absent(part: Linearised) -> NDArray[np.bool_]:
    none = np.zeros(len(part.influence), dtype=np.bool_)
    return none if part.absent is None else part.absent


def _own(parts: Sequence[Linearised]) -> Callable[[float], Estimates] | None:
    laws = [part.own for part in parts if part.own is not None]
    if len(laws) < len(parts):
        return None
    return lambda confidence: joined_estimates([law(confidence) for law in laws])
