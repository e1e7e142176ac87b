"""Maximum likelihood of a factor model on a futures panel: the part common to all models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from engine.calibration.curve_data import CurveData
from engine.calibration.kalman import CurveModel, FilterResult, Gradient, filter_curve, score_curve
from engine.calibration.optimise import Optimum, covariance_of, maximise, search_all
from engine.calibration.transforms import Transforms
from engine.errors import Refusal

__all__ = ["CurveFit", "FactorModel", "fit_curve", "state_covariance"]

Array = NDArray[np.float64]

# Below this a measurement error no longer changes the likelihood of prices quoted to a cent.
_SMALLEST_SD = 1e-6
_LARGEST_SD = 2.0
# Panel subsample size for the multi-start stage, and how many optima are refined on all prices.
_COARSE_PRICES = 8_000
_COARSE_KEPT = 4


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
    r"""A fitted factor model.

    Parameters
    ----------
    parameters : ndarray, shape (k,)
        Maximum likelihood estimates.
    covariance : ndarray, shape (k + 2, k + 2)
        Covariance of the estimates and of the two states at the last row: the filter's own error
        and the error that the states have from the parameters (see Notes).
    measurement_sd : ndarray, shape (groups,)
        Measurement errors, log units.
    optimum : Optimum
        The optimiser's report.
    filtered : FilterResult
        States at the optimum.
    diagnostics : dict
        Convergence, measurement errors and fit errors per column.

    Notes
    -----
    With :math:`P` the filter's covariance at the estimate :math:`\hat\theta`, :math:`C` the
    estimate's and :math:`G` the derivative of the filtered states by the parameters, the states
    have covariance :math:`P + G C G'` and covariance :math:`G C` with the parameters [1]_.

    References
    ----------
    .. [1] Hamilton, J. (1986). A standard error for the estimated state vector of a state-space
       model. Journal of Econometrics 33, 387-397.
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
    jacobian = np.zeros((k + 2, len(optimum.theta)))
    jacobian[:k, :k] = np.diag(model.transforms.slope(natural))
    jacobian[k:] = _state_slope(model, packed, optimum.theta)
    filtered = filter_curve(data.y, model.build(natural, sd**2, data))
    errors = [f"measurement_sd_{group + 1}" for group in range(data.group_count)]
    diagnostics = optimum.report([*model.names, *errors]) | {
        "measurement_sd": sd.tolist(),
        "fit": _fit_errors(model.build(natural, sd**2, data), filtered, data),
        "prices": int((~np.isnan(data.y)).sum()),
        "first_row": data.panel.dates[0].isoformat(),
        "last_row": data.panel.last_date.isoformat(),
    }
    covariance = covariance_of(optimum, jacobian)
    own = filtered.covariances[-1]
    covariance[k:, k:] += [[own[0], own[1]], [own[1], own[2]]]
    return CurveFit(natural, covariance, sd, optimum, filtered, diagnostics)


def state_covariance(
    joint: Array, parameters: Sequence[str], states: Sequence[str]
) -> dict[str, dict[str, float]]:
    """Write the rows of the states, by name, of a covariance of parameters and states."""
    names = (*parameters, *states)
    # To the last bit symmetric, whatever order a reader takes it in.
    rows = (0.5 * (joint + joint.T))[len(parameters) :].tolist()
    return {s: dict(zip(names, row, strict=True)) for s, row in zip(states, rows, strict=True)}


def _state_slope(model: FactorModel, data: CurveData, theta: Array) -> Array:
    """Differentiate the last filtered states by the optimiser's variables."""
    k = len(model.names)

    def last(moved: Array) -> Array:
        natural = model.transforms.to_natural(moved[:k])
        built = model.build(natural, np.exp(2.0 * moved[k:]), data)
        return np.asarray(filter_curve(data.y, built).states[-1])

    slope = np.empty((2, len(theta)))
    for i in range(len(theta)):
        step = np.zeros(len(theta))
        step[i] = 1e-5 * max(1.0, abs(theta[i]))
        slope[:, i] = (last(theta + step) - last(theta - step)) / (2.0 * step[i])
    return slope


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
