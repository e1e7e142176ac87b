"""Control variates and antithetic pairs, with the variance they saved."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import Refusal
from engine.statistics.layout import Layout, laid_out
from engine.statistics.linearised import Linearised
from engine.statistics.moments import linear_mean

__all__ = ["Controlled", "control_variates", "saved_by_units", "saved_variance"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Controlled:
    """Means adjusted by a control variate.

    Parameters
    ----------
    mean : Linearised
        The means with their smaller errors; unbiased up to 1 / paths.
    saved : ndarray of float64, shape (sets,)
        Share of the variance that the control removed.
    slope : ndarray of float64, shape (sets,)
        Regression coefficient of the outcomes on the control.
    """

    mean: Linearised
    saved: Floats
    slope: Floats


def control_variates(
    outcomes: ArrayLike,
    control: ArrayLike,
    expected: float,
    layout: Layout | None = None,
) -> Controlled:
    """Return means of outcomes, less what a control with a known mean explains.

    Parameters
    ----------
    outcomes : array_like, shape (paths,), (sets, paths), or as `layout` says
        No NaN.
    control : array_like, shaped as the outcomes, or (paths,) for all sets
        A number of each path whose expectation is known exactly: the discounted price at its
        end under a model, the P&L of buy and hold.
    expected : float
        Its expectation.
    layout : Layout, optional
        As in `moments.means`.

    Returns
    -------
    Controlled
        One mean per set.

    Raises
    ------
    ValueError
        If an outcome or a control is not finite.

    Notes
    -----
    y - b (c - expected) with b the regression of y on c over the units (Glasserman 2004, "Monte
    Carlo methods in financial engineering", section 4.1).

    Examples
    --------
    >>> found = control_variates([1.0, 2.1, 2.9, 4.2], [1.0, 2.0, 3.0, 4.0], expected=2.4)
    >>> round(float(found.mean.value[0]), 3), round(float(found.saved[0]), 3)
    (2.446, 0.992)
    """
    values, beside = np.asarray(outcomes, dtype=np.float64), np.asarray(control, dtype=np.float64)
    if layout is None:
        beside = np.broadcast_to(beside, values.shape)
    y, layout = laid_out(values, layout)
    c = layout.arrange(beside)
    if not (np.isfinite(y).all() and np.isfinite(c).all()):
        raise Refusal("outcomes, control", "a value that is not finite", "finite ones")
    plain, other = linear_mean(y, layout), linear_mean(c, layout)
    products = layout.sum_cells(plain.influence * other.influence)
    squares = layout.sum_cells(other.influence * other.influence)
    slope = np.divide(products, squares, out=np.zeros(len(products)), where=squares > 0.0)
    adjusted = replace(
        plain,
        value=plain.value - slope * (other.value - expected),
        contribution=plain.influence - layout.spread_cells(slope) * other.influence,
    )
    return Controlled(adjusted, saved_variance(adjusted.variances(), plain.variances()), slope)


def saved_by_units(outcomes: ArrayLike, layout: Layout) -> Floats:
    """Share of a mean's variance that dependent outcomes saved, such as antithetic pairs.

    Parameters
    ----------
    outcomes : array_like, as `layout` says
    layout : Layout
        Its units are the pairs.

    Returns
    -------
    ndarray of float64, shape (sets,)
        One less the variance of the mean, by units, over what as many independent outcomes would
        have; below 0 where outcomes of a unit move together.

    Examples
    --------
    >>> pairs = Layout.of([0, 0, 0, 0, 0, 0], [0, 0, 1, 1, 2, 2])
    >>> saved_by_units([1.0, -0.9, 2.0, -2.1, 0.5, -0.4], pairs).round(2).tolist()
    [1.0]
    """
    x = layout.arrange(outcomes)
    found = linear_mean(x, layout)
    alone = Layout.of(np.repeat(layout.keys, layout.rows))
    return saved_variance(found.variances(), linear_mean(x, alone).variances())


def saved_variance(variance: Floats, plain: Floats) -> Floats:
    """Share of a variance that was saved; NaN where there was none.

    Parameters
    ----------
    variance : ndarray of float64
        What is left.
    plain : ndarray of float64, shaped as `variance`
        What there would be of as many independent paths.

    Returns
    -------
    ndarray of float64
        At most 1; below 0 where there is more than there would be.

    Examples
    --------
    >>> saved_variance(np.array([1.0, 3.0]), np.array([4.0, 2.0])).tolist()
    [0.75, -0.5]
    """
    return np.where(plain > 0.0, 1.0 - variance / np.where(plain > 0.0, plain, 1.0), math.nan)
