"""Means and spreads of outcomes, for every parameter set at once."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.statistics.layout import Layout, laid_out
from engine.statistics.linearised import Linearised

__all__ = ["means", "standard_deviations"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def means(outcomes: ArrayLike, layout: Layout | None = None) -> Linearised:
    """Mean of the outcomes of every parameter set.

    Parameters
    ----------
    outcomes : array_like, shape (paths,), (sets, paths), or as `layout` says
        NaN marks missing ones, which are left out.
    layout : Layout, optional
        Which set and which independent unit each outcome belongs to; by default every path is a
        unit and all sets ran on the same paths.

    Returns
    -------
    Linearised
        With the influence x - mean, summed per unit. Its intervals are Student's, widened on the
        side to which outcomes are skewed (Hall 1992).

    Examples
    --------
    >>> found = means([[1.0, 2.0, 3.0, 4.0], [2.0, 2.0, 2.0, 2.0]]).estimates()
    >>> found[0].value, round(found[0].half_width, 4), found[1].method
    (2.5, 2.0543, 'no variance seen')
    """
    x, layout = laid_out(outcomes, layout)
    return linear_mean(x, layout)


def standard_deviations(outcomes: ArrayLike, layout: Layout | None = None) -> Linearised:
    """Sample standard deviation (ddof 1) of every parameter set.

    Parameters
    ----------
    outcomes : array_like, shape (paths,), (sets, paths), or as `layout` says
        NaN marks missing ones, which are left out.
    layout : Layout, optional
        As in `means`.

    Returns
    -------
    Linearised
        0 where outcomes do not vary, NaN where there are fewer than two.

    Notes
    -----
    The influence of a unit is its jackknife one [1]_: (u - 1) (mean of d - d), d the standard
    deviation without the unit, u the units. The interval is that of the logarithm, where the
    statistic is nearly symmetric, widened to the side to which the influences are skewed.

    References
    ----------
    .. [1] Miller (1968), "Jackknifing variances".

    Examples
    --------
    >>> found = standard_deviations([1.0, 2.0, 3.0, 4.0, 6.0]).estimates()[0]
    >>> round(found.value, 4)
    1.9235
    """
    x, layout = laid_out(outcomes, layout)
    valid = ~np.isnan(x)
    n, centre, centred = _centred(x, valid, layout)
    total = layout.sum_rows(centred * centred)
    found = _per_unit(total, centred, valid, layout, n)
    own, sums = layout.to_cells(centred * centred), layout.to_cells(centred)
    rest = layout.spread_cells(n.astype(np.float64)) - layout.to_cells(valid.astype(np.float64))
    with np.errstate(divide="ignore", invalid="ignore"):
        deviation = np.sqrt(np.where(n > 1, total / (n - 1.0), math.nan))
        left = layout.spread_cells(total) - own - sums * sums / rest
        without = np.sqrt(np.maximum(left, 0.0) / (rest - 1.0))
        present = np.ones(len(without), bool) if found.absent is None else ~found.absent
        without = np.where(present, without, 0.0)
        average = layout.spread_cells(layout.sum_cells(without) / found.units)
        units = layout.spread_cells(found.units.astype(np.float64))
        influence = np.where(present, (units - 1.0) * (average - without), 0.0)
    constant = deviation <= 1e-14 * np.abs(centre)
    # Leaving out one of two units leaves no spread to tell the error by.
    known = layout.spread_cells(np.where(constant, 0.0, 1.0)) * np.isfinite(influence)
    return replace(
        found,
        value=np.where(constant, 0.0, deviation),
        contribution=np.where(known > 0, influence, 0.0),
        shape="skewed logarithm",
    )


def linear_mean(x: Floats, layout: Layout) -> Linearised:
    """Mean of outcomes that are laid out already.

    Parameters
    ----------
    x : ndarray of float64, shape (rows,)
        Outcomes; NaN marks missing ones.
    layout : Layout
        Of the rows.

    Returns
    -------
    Linearised
        As of `means`.
    """
    valid = ~np.isnan(x)
    n, centre, centred = _centred(x, valid, layout)
    return _per_unit(centre, centred, valid, layout, n)


def _per_unit(
    value: Floats, each: Floats, valid: NDArray[np.bool_], layout: Layout, n: Integers
) -> Linearised:
    """Sum the influences of outcomes per unit: the statistic is a ratio of sums over units."""
    if layout.cell_rows is None:
        return Linearised(value, each, layout, n, n, absent=None if valid.all() else ~valid)
    held = layout.to_cells(valid.astype(np.float64)) > 0
    absent = None if held.all() else ~held
    units = layout.sum_cells(held.astype(np.float64))
    share = np.divide(units, n, out=np.zeros(len(n)), where=n > 0)
    summed = layout.to_cells(each) * layout.spread_cells(share)
    return Linearised(value, summed, layout, n, units.astype(np.int64), absent=absent)


def _centred(
    x: Floats, valid: NDArray[np.bool_], layout: Layout
) -> tuple[Integers, Floats, Floats]:
    """Count the outcomes of every set, and take the mean off; missing ones become 0."""
    n, total = layout.tally(x)
    centre = np.divide(total, n, out=np.full(len(n), math.nan), where=n > 0)
    centred = x - layout.spread_rows(centre)
    centred[~valid] = 0.0
    return n, centre, centred
