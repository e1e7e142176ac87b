"""A futures panel made ready for the filter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from engine.calibration.futures_panel import FuturesPanel
from engine.calibration.window import Window
from engine.errors import Refusal

__all__ = ["CurveData", "Initial", "Measurement", "year_fraction"]

Array = NDArray[np.float64]
Measurement = Literal["per_contract", "common"] | Sequence[float]
Initial = Literal["diffuse", "first_price"] | tuple[Sequence[float], Sequence[Sequence[float]]]


@dataclass(frozen=True, eq=False)
class CurveData:
    """A panel made ready for the filter.

    Parameters
    ----------
    panel : FuturesPanel
        The rows of the window.
    y : ndarray, shape (rows, contracts)
        Log prices, NaN where missing.
    years : ndarray, shape (rows, contracts)
        Years to expiry, 0 where missing.
    elapsed_years : ndarray, shape (rows,)
        Years since the row before.
    groups : ndarray of int64, shape (rows, contracts)
        Measurement error group of each price.
    group_count : int
        Number of groups.
    initial : Initial
        State before the first row.
    phases : ndarray, shape (rows, contracts)
        Calendar time of each expiry in years.
    """

    panel: FuturesPanel
    y: Array
    years: Array
    elapsed_years: Array
    groups: NDArray[np.int64]
    group_count: int
    initial: Initial
    phases: Array

    @classmethod
    def of(
        cls,
        panel: FuturesPanel,
        *,
        as_of: date | None = None,
        window: str | Window = "full",
        non_positive: Literal["error", "exclude"] = "error",
        measurement: Measurement = "per_contract",
        initial: Initial = "diffuse",
        minimum: int = 1,
        contracts: int = 1,
    ) -> CurveData:
        """Restrict a panel to the rows of a window that ends at `as_of`.

        Raises
        ------
        ValueError
            If fewer than `minimum` rows or `contracts` distinct maturities are left.
        """
        if len(panel) == 0:
            raise Refusal(f"{panel.symbol} panel", "has no rows")
        if as_of is not None:
            panel = panel.up_to(as_of)
        span = Window.parse(window)
        span.require_equal_weights("a futures panel")
        if span.kind == "rolling" and len(panel):
            age = np.array([(panel.last_date - day).days for day in panel.dates])
            panel = panel.rows(slice(int(np.sum(age >= span.years * 365.25)), None))
        panel = _priced(panel, non_positive, leading=isinstance(initial, str))
        y = panel.log_prices(non_positive)
        seen = ~np.isnan(y)
        filled = int(seen.any(axis=1).sum()) if y.size else 0
        if filled < minimum:
            raise Refusal(f"{panel.symbol} panel", f"{filled} rows with prices", f">= {minimum}")
        several = int((_distinct(panel.maturities, seen) >= contracts).sum()) if y.size else 0
        if 2 * several < filled:
            raise Refusal(
                f"{panel.symbol} panel",
                f"{several} of {filled} rows with at least {contracts} maturities",
                "at least half",
            )
        years = np.where(seen, panel.maturities, 0.0)
        groups, count = _groups(panel, years, measurement)
        elapsed = panel.elapsed_years.copy()
        if len(elapsed):
            elapsed[0] = elapsed[1] if len(elapsed) > 1 else 0.0
        rows = np.array([year_fraction(day) + day.year for day in panel.dates])
        phases = rows.reshape(-1, 1) + years
        return cls(panel, y, years, elapsed, groups, count, initial, phases)

    @property
    def filled(self) -> int:
        """Number of rows with prices."""
        return int((~np.isnan(self.y)).any(axis=1).sum())

    def packed(self) -> CurveData:
        """Move each row's prices to the left and drop empty columns; the likelihood is the same."""
        seen = ~np.isnan(self.y)
        width = int(seen.sum(axis=1).max(initial=0))
        if width == self.y.shape[1]:
            return self
        order = np.argsort(~seen, axis=1, kind="stable")[:, :width]

        def take(values: NDArray[Any]) -> NDArray[Any]:
            return np.ascontiguousarray(np.take_along_axis(values, order, axis=1))

        return replace(
            self,
            y=take(self.y),
            years=take(self.years),
            groups=take(self.groups),
            phases=take(self.phases),
        )

    def thinned(self, most: int) -> CurveData:
        """Keep every k-th row, so that about `most` prices are left; the model is the same."""
        count = int((~np.isnan(self.y)).sum())
        stride = -(-count // most)
        if stride <= 1:
            return self
        total = np.cumsum(self.elapsed_years)[::stride]
        return replace(
            self,
            y=np.ascontiguousarray(self.y[::stride]),
            years=np.ascontiguousarray(self.years[::stride]),
            groups=np.ascontiguousarray(self.groups[::stride]),
            phases=np.ascontiguousarray(self.phases[::stride]),
            elapsed_years=np.diff(total, prepend=0.0),
        )

    def start(
        self, mean: Sequence[float], covariance: Sequence[float], one_step: Sequence[float]
    ) -> tuple[Array, Array, bool]:
        """Mean and covariance of the states at the first row, and whether the model decides them.

        `mean` and `covariance` are those of a diffuse start; `one_step` is the covariance of one
        step's noise, with which a start at the first price begins.
        """
        if isinstance(self.initial, str):
            if self.initial == "diffuse":
                return np.array(mean), np.array(covariance), True
            if self.initial == "first_price":
                first = self.y[0][~np.isnan(self.y[0])]
                return np.array([0.0, float(first[0])]), np.array(one_step), False
            raise Refusal(
                "initial", repr(self.initial), "diffuse, first_price or (mean, covariance)"
            )
        given = np.atleast_2d(np.asarray(self.initial[1], dtype=np.float64))
        centre = np.atleast_1d(np.asarray(self.initial[0], dtype=np.float64))
        if len(centre) == 1:
            return np.array([centre[0], 0.0]), np.array([given[0, 0], 0.0, 0.0]), False
        return centre, np.array([given[0, 0], given[0, 1], given[1, 1]]), False


def year_fraction(day: date) -> float:
    """Time of a date within its year, 0 to 1."""
    first, following = date(day.year, 1, 1), date(day.year + 1, 1, 1)
    return (day - first).days / (following - first).days


def _distinct(maturities: Array, seen: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Count the different maturities of each row's prices."""
    ordered = np.sort(np.where(seen, maturities, np.inf), axis=1)
    with np.errstate(invalid="ignore"):
        further = np.diff(ordered, axis=1) > 1e-6
    return np.asarray(seen.any(axis=1) + np.sum(further & np.isfinite(ordered[:, 1:]), axis=1))


def _priced(
    panel: FuturesPanel, non_positive: Literal["error", "exclude"], *, leading: bool
) -> FuturesPanel:
    """Leave out columns without any price, and with `leading` the rows before the first price.

    A contract that is not listed yet has no measurement error, and the filter cannot start before
    there are prices.
    """
    seen = ~np.isnan(panel.log_prices(non_positive))
    if not seen.any():
        return panel
    columns = np.flatnonzero(seen.any(axis=0))
    panel = replace(
        panel,
        prices=panel.prices[:, columns],
        maturities=panel.maturities[:, columns],
        labels=tuple(panel.labels[j] for j in columns),
    )
    return panel.rows(slice(int(seen.any(axis=1).argmax()) if leading else 0, None))


def _groups(
    panel: FuturesPanel, years: Array, measurement: Measurement
) -> tuple[NDArray[np.int64], int]:
    shape = panel.prices.shape
    if isinstance(measurement, str):
        if measurement == "per_contract":
            columns = np.arange(shape[1], dtype=np.int64)
            return np.ascontiguousarray(np.broadcast_to(columns, shape)), shape[1]
        if measurement == "common":
            return np.zeros(shape, dtype=np.int64), 1
        raise Refusal(
            "measurement",
            repr(measurement),
            "per_contract, common or upper bounds of maturity groups in years",
        )
    bounds = np.asarray(measurement, dtype=np.float64)
    if len(bounds) == 0 or not np.all(np.diff(bounds) > 0.0) or years.max() >= bounds[-1]:
        raise Refusal(
            "measurement",
            f"bounds {bounds.tolist()}",
            f"increasing, the last beyond the longest maturity {years.max():.4g}",
        )
    return np.searchsorted(bounds, years, side="right").astype(np.int64), len(bounds)
