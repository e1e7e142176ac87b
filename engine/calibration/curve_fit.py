"""Maximum likelihood of a factor model on a futures panel: the part common to all models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from engine.calibration.futures_panel import FuturesPanel
from engine.calibration.kalman import CurveModel, FilterResult, Gradient, filter_curve, score_curve
from engine.calibration.optimise import Optimum, covariance_of, maximise, search_all
from engine.calibration.transforms import Transforms
from engine.calibration.window import Window
from engine.errors import Refusal

__all__ = ["CurveData", "CurveFit", "FactorModel", "Initial", "Measurement", "fit_curve"]

Array = NDArray[np.float64]
Measurement = Literal["per_contract", "common"] | Sequence[float]
Initial = Literal["diffuse", "first_price"] | tuple[Sequence[float], Sequence[Sequence[float]]]

# Below this a measurement error no longer changes the likelihood of prices quoted to a cent.
_SMALLEST_SD = 1e-6
_LARGEST_SD = 2.0
# Panel subsample size for the multi-start stage, and how many optima are refined on all prices.
_COARSE_PRICES = 8_000
_COARSE_KEPT = 4


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
    """

    panel: FuturesPanel
    y: Array
    years: Array
    elapsed_years: Array
    groups: NDArray[np.int64]
    group_count: int
    initial: Initial

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
        return cls(panel, y, years, elapsed, groups, count, initial)

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

        return replace(self, y=take(self.y), years=take(self.years), groups=take(self.groups))

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


class FactorModel(Protocol):
    """A factor model of the futures curve, as the optimiser needs it."""

    names: tuple[str, ...]
    transforms: Transforms
    lower: Array
    upper: Array

    def build(self, natural: Array, h: Array, data: CurveData) -> CurveModel:
        """State space at these parameters and measurement variances."""
        ...

    def pull(self, natural: Array, data: CurveData, gradient: Gradient) -> Array:
        """Carry the gradient over from the state space to the parameters."""
        ...

    def starts(self, data: CurveData) -> list[Array]:
        """List fixed starting parameters for this panel."""
        ...


@dataclass(frozen=True, eq=False)
class CurveFit:
    """A fitted factor model.

    Parameters
    ----------
    parameters : ndarray, shape (k,)
        Maximum likelihood estimates.
    covariance : ndarray, shape (k, k)
        Their covariance.
    measurement_sd : ndarray, shape (groups,)
        Measurement errors, log units.
    optimum : Optimum
        The optimiser's report.
    filtered : FilterResult
        States at the optimum.
    diagnostics : dict
        Convergence, measurement errors and fit errors per column.
    """

    parameters: Array
    covariance: Array
    measurement_sd: Array
    optimum: Optimum
    filtered: FilterResult
    diagnostics: dict[str, Any]


def fit_curve(model: FactorModel, data: CurveData) -> CurveFit:
    """Maximise the likelihood of a panel from fixed starts (see `_starts`).

    A long panel is fitted on a subsample of its dates first, from every start; the best of the
    optima found there and the first start are then refined on all dates.

    Raises
    ------
    ValueError
        If no price ever changes.
    """
    seen = ~np.isnan(data.y)
    highest = np.where(seen, data.y, -np.inf).max(axis=0)
    lowest = np.where(seen, data.y, np.inf).min(axis=0)
    if not np.any(highest > lowest):
        raise Refusal(
            f"{data.panel.symbol} prices",
            f"the same price on every date in each of {data.y.shape[1]} columns",
            "prices that vary",
        )
    k = len(model.names)
    lower = np.concatenate((model.lower, np.full(data.group_count, np.log(_SMALLEST_SD))))
    upper = np.concatenate((model.upper, np.full(data.group_count, np.log(_LARGEST_SD))))
    packed = data.packed()
    starts = [np.clip(start, lower, upper) for start in _starts(model, data)]
    few = packed.thinned(_COARSE_PRICES)
    if few is not packed:
        coarse = _objective(model, few)
        reached = search_all(coarse, starts, lower, upper, iterations=150, keep=_COARSE_KEPT)
        starts = [*reached, starts[0]]
    optimum = maximise(_objective(model, packed), starts, lower, upper, iterations=150, finalists=3)
    natural = model.transforms.to_natural(optimum.theta[:k])
    sd = np.exp(optimum.theta[k:])
    jacobian = np.zeros((k, len(optimum.theta)))
    jacobian[:, :k] = np.diag(model.transforms.slope(natural))
    filtered = filter_curve(data.y, model.build(natural, sd**2, data))
    errors = [f"measurement_sd_{group + 1}" for group in range(data.group_count)]
    diagnostics = optimum.report([*model.names, *errors]) | {
        "measurement_sd": sd.tolist(),
        "fit": _fit_errors(model.build(natural, sd**2, data), filtered, data),
        "state_variances": filtered.covariances[-1, [0, 2]].tolist(),
        "prices": int((~np.isnan(data.y)).sum()),
        "first_row": data.panel.dates[0].isoformat(),
        "last_row": data.panel.last_date.isoformat(),
    }
    return CurveFit(natural, covariance_of(optimum, jacobian), sd, optimum, filtered, diagnostics)


def _objective(model: FactorModel, data: CurveData) -> Callable[[Array], tuple[float, Array]]:
    """Log likelihood and gradient as functions of the optimiser's variables."""
    k = len(model.names)

    def objective(theta: Array) -> tuple[float, Array]:
        natural = model.transforms.to_natural(theta[:k])
        sd = np.exp(theta[k:])
        value, gradient = score_curve(data.y, model.build(natural, sd**2, data))
        inner = model.pull(natural, data, gradient) * model.transforms.slope(natural)
        return value, np.concatenate((inner, gradient.h * 2.0 * sd**2))

    return objective


def _starts(model: FactorModel, data: CurveData) -> list[Array]:
    """List the optimiser's starting points.

    First the model's own starts with equal measurement errors; then its first start with one and
    with two columns nearly exact, since local optima differ in which columns the factors fit
    exactly; then fixed random perturbations.
    """
    naturals = [model.transforms.to_theta(natural) for natural in model.starts(data)]
    plain = np.full(data.group_count, np.log(0.02))
    starts = [np.concatenate((theta, plain)) for theta in naturals]
    picks = np.unique(np.linspace(0, data.group_count - 1, 5).round().astype(int)).tolist()
    if len(picks) > 1:
        pairs = [(a, b) for a in picks for b in picks if a < b]
        for exact in [*((pick,) for pick in picks), *(pairs if len(picks) < 5 else pairs[::3])]:
            level = plain.copy()
            level[list(exact)] = np.log(0.001)
            starts.append(np.concatenate((naturals[0], level)))
    rng = np.random.default_rng(1997)
    for i in range(12):
        theta = naturals[i % len(naturals)]
        moved = theta + 0.6 * rng.standard_normal(len(theta)) * np.minimum(1.0, np.abs(theta) + 0.1)
        level = plain + rng.uniform(-2.5, 1.0, data.group_count)
        starts.append(np.concatenate((moved, level)))
    return starts


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


def _fit_errors(
    model: CurveModel, filtered: FilterResult, data: CurveData
) -> dict[str, dict[str, float]]:
    """Observed minus fitted log prices at the filtered states, per column."""
    chi, xi = filtered.states[:, :1], filtered.states[:, 1:]
    errors = data.y - (model.z * chi + model.second * xi + model.d)
    fit = {}
    for j, label in enumerate(data.panel.labels):
        own = errors[:, j][~np.isnan(errors[:, j])]
        if len(own) == 0:
            continue
        seen = ~np.isnan(data.y[:, j])
        fit[label] = {
            "n": len(own),
            "mean_maturity": float(data.years[seen, j].mean()),
            "mean_error": float(own.mean()),
            "sd_error": float(own.std()),
            "mean_abs_error": float(np.abs(own).mean()),
        }
    return fit
