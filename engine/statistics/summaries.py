"""Summaries of outcomes that merge over parts, where the outcomes themselves need not be held."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import Refusal
from engine.statistics.estimates import Estimates
from engine.statistics.layout import Layout
from engine.statistics.linearised import FEWEST_CARRIERS, intervals, whole_power

__all__ = ["CoMoments", "Moments"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Moments:
    """Count, mean and the sums of powers two to four of the deviations, per parameter set.

    Parameters
    ----------
    keys : ndarray of int64, shape (sets,)
        Codes of the sets, ascending.
    count : ndarray of int64, shape (sets,)
        Outcomes, one per independent unit.
    mean, second, third, fourth : ndarray of float64, shape (sets,)
        The mean, and the sums of (x - mean)^k.
    lowest, highest : ndarray of float64, shape (sets,)

    Notes
    -----
    Merging is exact up to rounding, whatever the cut (Pébay 2008, "Formulas for robust, one-pass
    parallel computation of covariances and arbitrary-order statistical moments").

    Examples
    --------
    >>> whole = Moments.of([[1.0, 2.0, 6.0]])
    >>> parts = Moments.of([[1.0]]).merge(Moments.of([[2.0, 6.0]]))
    >>> float(whole.second[0]), float(parts.second[0])
    (14.0, 14.0)
    """

    keys: Integers
    count: Integers
    mean: Floats
    second: Floats
    third: Floats
    fourth: Floats
    lowest: Floats
    highest: Floats

    @classmethod
    def of(cls, outcomes: ArrayLike, layout: Layout | None = None) -> Moments:
        """Summarise outcomes; NaN marks missing ones. Several in one unit count as their mean.

        Shapes as in `moments.means`.
        """
        if layout is None:
            values = np.atleast_2d(np.asarray(outcomes, dtype=np.float64))
            layout = Layout.matrix(*values.shape)
            x = values.ravel()
        else:
            x = layout.arrange(outcomes)
        held = layout.to_cells((~np.isnan(x)).astype(np.float64))
        total = layout.to_cells(np.where(np.isnan(x), 0.0, x))
        valid = held > 0
        value = np.divide(total, held, out=np.zeros(len(held)), where=valid)
        count = layout.sum_cells(valid.astype(np.float64))
        mean = np.divide(layout.sum_cells(value), count, out=np.zeros(len(count)), where=count > 0)
        centred = np.where(valid, value - layout.spread_cells(mean), 0.0)
        # What rounding leaves in the mean.
        rest = np.divide(
            layout.sum_cells(centred), count, out=np.zeros(len(count)), where=count > 0
        )
        centred = np.where(valid, centred - layout.spread_cells(rest), 0.0)
        sums = [layout.sum_cells(whole_power(centred, power)) for power in (2, 3, 4)]
        ends = [
            _extreme(np.where(valid, value, sign * np.inf), layout, sign) for sign in (1.0, -1.0)
        ]
        return cls(
            layout.keys,
            count.astype(np.int64),
            mean + rest,
            sums[0],
            sums[1],
            sums[2],
            ends[0],
            ends[1],
        )

    def merge(self, other: Moments) -> Moments:
        """Return the summary of both parts; sets of either are kept."""
        keys = np.union1d(self.keys, other.keys)
        a, b = self._at(keys), other._at(keys)
        n = (a.count + b.count).astype(np.float64)
        n_a, n_b = a.count.astype(np.float64), b.count.astype(np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            d = np.where(a.count == 0, 0.0, np.where(b.count == 0, 0.0, b.mean - a.mean))
            r_a, r_b = np.where(n > 0, n_a / n, 0.0), np.where(n > 0, n_b / n, 0.0)
        mean = np.where(a.count == 0, b.mean, a.mean + d * r_b)
        second = a.second + b.second + d**2 * n_a * r_b
        third = (
            a.third
            + b.third
            + d**3 * n_a * r_b * (r_a - r_b)
            + 3.0 * d * (r_a * b.second - r_b * a.second)
        )
        fourth = (
            a.fourth
            + b.fourth
            + d**4 * n_a * r_b * (r_a**2 - r_a * r_b + r_b**2)
            + 6.0 * d**2 * (r_a**2 * b.second + r_b**2 * a.second)
            + 4.0 * d * (r_a * b.third - r_b * a.third)
        )
        return Moments(
            keys,
            a.count + b.count,
            mean,
            second,
            third,
            fourth,
            np.minimum(a.lowest, b.lowest),
            np.maximum(a.highest, b.highest),
        )

    def means(self, confidence: float = 0.95) -> Estimates:
        """Estimate the means, with the intervals that `moments.means` has."""
        n = np.maximum(self.count, 1).astype(np.float64)
        value = np.where(self.count > 0, self.mean, np.nan)
        powers = (self.second / n, self.third / n, self.fourth / n)
        enough = np.full(len(n), FEWEST_CARRIERS)
        return intervals(
            value,
            powers,
            self.count,
            self.count,
            shape="skewed",
            carriers=enough,
            confidence=confidence,
        )

    def _at(self, keys: Integers) -> Moments:
        """Return these moments at the sets `keys`, empty where there are none."""
        if len(keys) == len(self.keys):
            return self
        place = np.searchsorted(keys, self.keys)

        def spread(values: NDArray[np.float64], empty: float) -> Floats:
            found = np.full(len(keys), empty)
            found[place] = values
            return found

        count = np.zeros(len(keys), dtype=np.int64)
        count[place] = self.count
        return Moments(
            keys,
            count,
            spread(self.mean, 0.0),
            spread(self.second, 0.0),
            spread(self.third, 0.0),
            spread(self.fourth, 0.0),
            spread(self.lowest, np.inf),
            spread(self.highest, -np.inf),
        )


@dataclass(frozen=True)
class CoMoments:
    """Means and sums of products of the deviations of several columns, per parameter set.

    What pooled ratios (`pooled.pooled`) follow from, without the rows they were summed over.

    Parameters
    ----------
    columns : tuple of str
        Names of the columns, sorted.
    keys : ndarray of int64, shape (sets,)
    count : ndarray of int64, shape (sets,)
        Independent units.
    mean : ndarray of float64, shape (sets, columns)
        Mean over the units of each column's sum.
    products : ndarray of float64, shape (sets, columns, columns)
        Sums of products of deviations.
    """

    columns: tuple[str, ...]
    keys: Integers
    count: Integers
    mean: Floats
    products: Floats

    @classmethod
    def of(cls, sums: Mapping[str, ArrayLike], layout: Layout | None = None) -> CoMoments:
        """Summarise columns of per-path sums; shapes as in `pooled.pooled`."""
        columns = tuple(sorted(sums))
        cells, layout = unit_sums(sums, columns, layout)
        count = layout.cells
        mean = np.stack([layout.sum_cells(cell) / count for cell in cells], axis=1)
        centred = [cell - layout.spread_cells(mean[:, place]) for place, cell in enumerate(cells)]
        size = len(columns)
        products = np.empty((layout.sets, size, size))
        for row in range(size):
            for column in range(row + 1):
                both = layout.sum_cells(centred[row] * centred[column])
                products[:, row, column] = products[:, column, row] = both
        return cls(columns, layout.keys, count, mean, products)

    def merge(self, other: CoMoments) -> CoMoments:
        """Return the summary of both parts; sets of either are kept.

        Raises
        ------
        ValueError
            If the columns differ.
        """
        if self.columns != other.columns:
            raise Refusal("columns", str(other.columns), str(self.columns))
        keys = np.union1d(self.keys, other.keys)
        a, b = self._at(keys), other._at(keys)
        count = a.count + b.count
        share = np.divide(b.count, count, out=np.zeros(len(keys)), where=count > 0)
        apart = b.mean - a.mean
        apart[(a.count == 0) | (b.count == 0)] = 0.0
        mean = np.where((a.count == 0)[:, None], b.mean, a.mean + apart * share[:, None])
        weight = (a.count * share)[:, None, None]
        products = a.products + b.products + weight * apart[:, :, None] * apart[:, None, :]
        return CoMoments(self.columns, keys, count, mean, products)

    def _at(self, keys: Integers) -> CoMoments:
        if len(keys) == len(self.keys):
            return self
        place, size = np.searchsorted(keys, self.keys), len(self.columns)
        count = np.zeros(len(keys), dtype=np.int64)
        mean, products = np.zeros((len(keys), size)), np.zeros((len(keys), size, size))
        count[place], mean[place], products[place] = self.count, self.mean, self.products
        return CoMoments(self.columns, keys, count, mean, products)


def unit_sums(
    sums: Mapping[str, ArrayLike], columns: tuple[str, ...], layout: Layout | None
) -> tuple[list[Floats], Layout]:
    """Return each column summed per unit, and the layout.

    Parameters
    ----------
    sums : mapping of str to array_like
        Per outcome.
    columns : tuple of str
        Which of them, in what order.
    layout : Layout, optional
        As in `moments.means`.

    Returns
    -------
    cells : list of ndarray of float64, shape (cells,)
        Sums per unit and set, one array per column.
    layout : Layout
        Of the outcomes.

    Raises
    ------
    ValueError
        If a column is missing, holds NaN or an infinity, or has another shape.
    """
    missing = [name for name in columns if name not in sums]
    if missing:
        raise Refusal("sums", f"no column {', '.join(missing)}", f"all of {columns}")
    found = []
    for name in columns:
        values = np.asarray(sums[name], dtype=np.float64)
        if layout is None:
            layout = Layout.matrix(*np.atleast_2d(values).shape)
        rows = layout.arrange(values)
        if not np.isfinite(rows).all():
            raise Refusal(
                f"sums[{name!r}]",
                "a value that is not finite",
                "finite sums: an idle path adds zeros, a failed one is left out of the layout",
            )
        found.append(layout.to_cells(rows))
    assert layout is not None
    return found, layout


def _extreme(values: Floats, layout: Layout, sign: float) -> Floats:
    starts = np.concatenate([[0], np.cumsum(layout.cells[:-1])])
    found: Floats = (np.minimum if sign > 0 else np.maximum).reduceat(values, starts)
    return found
