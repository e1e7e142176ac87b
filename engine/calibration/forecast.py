"""Forecasts of a commodity's spot price and its futures, with the errors of what was estimated."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

from engine.calibration.calibration import Calibration
from engine.calibration.forecast_law import FORMS, factor_law
from engine.errors import Refusal

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Forecast", "forecast"]

Array = NDArray[np.float64]

# Halvings of a bracket a few deviations wide: prices exact to ten digits.
_HALVINGS = 40


@dataclass(frozen=True, eq=False)
class Forecast:
    """Prices to come, by contract and horizon.

    Parameters
    ----------
    model : str
        The calibrated model.
    as_of : datetime.date
        Date from which the years count.
    level : float
        Probability that a band holds.
    labels : tuple of str
        ``spot``, then the contracts.
    expiries : tuple of float
        Years to expiry of each; NaN of the spot.
    years : ndarray of float64, shape (horizons,)
        Years ahead.
    median, low, high : ndarray of float64, shape (prices, horizons)
        Median and band of the price, of shocks to come and of errors in parameters and states
        together; NaN where a contract has expired.
    path_low, path_high : ndarray of float64, shape (prices, horizons)
        The band at the estimates, as if they were exact.
    path_std_error, estimate_std_error : ndarray of float64, shape (prices, horizons)
        Standard deviation of the log price by shocks to come, and by errors of parameters and
        start states; the total is the root of the sum of their squares.
    """

    model: str
    as_of: date
    level: float
    labels: tuple[str, ...]
    expiries: tuple[float, ...]
    years: Array
    median: Array
    low: Array
    high: Array
    path_low: Array
    path_high: Array
    path_std_error: Array
    estimate_std_error: Array

    def table(self) -> pl.DataFrame:
        """Forecasts, one row per contract and horizon before its expiry.

        Returns
        -------
        polars.DataFrame
            ``contract``, ``expiry`` (years from `as_of`, null of the spot), ``years``, ``median``,
            ``low``, ``high``, ``path_low``, ``path_high``, ``path_std_error`` and
            ``estimate_std_error``.
        """
        import polars as pl

        numbers = ("median", "low", "high", "path_low", "path_high")
        errors = ("path_std_error", "estimate_std_error")
        parts = [
            pl.DataFrame(
                {"contract": [label] * len(self.years), "expiry": [expiry] * len(self.years)}
                | {"years": self.years}
                | {name: getattr(self, name)[j] for name in (*numbers, *errors)}
            )
            for j, (label, expiry) in enumerate(zip(self.labels, self.expiries, strict=True))
        ]
        found = pl.concat(parts).with_columns(pl.col("expiry").fill_nan(None))
        return found.filter(pl.col("median").is_not_nan())


def forecast(
    calibration: Calibration,
    years: ArrayLike,
    *,
    contracts: Mapping[str, float] | Sequence[float] = (),
    spot: float | None = None,
    carry: float | None = None,
    level: float = 0.95,
    draws: int = 1000,
    seed: int = 0,
) -> Forecast:
    r"""Forecast the spot price and futures with bands that carry both kinds of uncertainty.

    Parameters
    ----------
    calibration : Calibration
        Of ``gbm``, ``schwartz_1f``, ``schwartz_2f`` or ``schwartz_smith``.
    years : array_like, shape (horizons,)
        Years ahead of the calibration's date, each >= 0.
    contracts : mapping of str to float, or sequence of float
        Years from the calibration's date to the expiry of each contract, by its name.
    spot : float, optional
        Today's price, for a calibration on bars; needed for ``gbm``, whose calibration has none.
    carry : float, optional
        Cost of carry of futures under ``gbm``, per year: interest less yield.
    level : float
        Probability that a band holds.
    draws : int
        Parameter sets that are drawn from the calibration's errors.
    seed : int
        Of these draws.

    Returns
    -------
    Forecast
        Median and bands; `Forecast.table` has them in rows.

    Raises
    ------
    ValueError
        If the model has no such forecast, the calibration failed or has no covariance, a contract
        needs what the model does not have, or a number is out of range.

    Notes
    -----
    Given parameters :math:`\theta` and states, a log price is normal with moments
    :math:`m(\theta), v(\theta)` in closed form (`engine.calibration.forecast_law.FactorLaw`). The
    bands are quantiles of the mixture :math:`\frac1N \sum_i \Phi((x - m_i) / \sqrt{v_i})` over
    parameters and states drawn jointly from the laws that the calibration states, so that no
    path is simulated. :math:`\operatorname{E} v` and :math:`\operatorname{Var} m` are the two
    parts of the variance [1]_.

    References
    ----------
    .. [1] Hamilton, J. (1986). A standard error for the estimated state vector of a state-space
       model. Journal of Econometrics 33, 387-397.

    Examples
    --------
    >>> import engine as mc
    >>> rng = np.random.default_rng(1)
    >>> spot = 60.0 * np.exp(0.03 * rng.standard_normal((90, 1)).cumsum(axis=0))
    >>> noise = np.exp(0.004 * rng.standard_normal((90, 4)))
    >>> panel = mc.FuturesPanel.from_arrays(spot * noise, [0.1, 0.5, 1.0, 1.5], dt=1 / 52)
    >>> found = mc.forecast(mc.calibrate("schwartz_smith", panel), [0.25, 1.0], contracts=[0.5])
    >>> found.labels, found.median.shape, len(found.table())
    (('spot', '0.5y'), (2, 2), 3)
    """
    horizons = _horizons(years)
    named = _named(contracts)
    _check(calibration, bool(named), spot, carry)
    if not 0.0 < level < 1.0:
        raise Refusal("level", repr(level), "between 0 and 1")
    if draws < 100 or draws % 2:
        raise Refusal("draws", repr(draws), "an even number >= 100")
    exact, drawn = factor_law(calibration, draws=draws, seed=seed, spot=spot, carry=carry)
    expiries = np.array([math.nan, *named.values()])
    # The spot is a contract that expires at once.
    ends = np.where(np.isnan(expiries)[:, None], horizons, expiries[:, None])
    alive = ends >= horizons
    ahead = np.broadcast_to(horizons, ends.shape)[alive]
    mean, deviation = drawn.moments(ahead, ends[alive])
    centre, own = (values[0] for values in exact.moments(ahead, ends[alive]))
    tail = 0.5 * (1.0 - level)
    reach = float(ndtri(1.0 - tail))

    def placed(values: Array) -> Array:
        table = np.full(ends.shape, np.nan)
        table[alive] = values
        return table

    low, median, high = (np.exp(_quantile(mean, deviation, p)) for p in (tail, 0.5, 1.0 - tail))
    return Forecast(
        model=calibration.model,
        as_of=calibration.as_of,
        level=level,
        labels=("spot", *named),
        expiries=tuple(expiries.tolist()),
        years=horizons,
        median=placed(median),
        low=placed(low),
        high=placed(high),
        path_low=placed(np.exp(centre - reach * own)),
        path_high=placed(np.exp(centre + reach * own)),
        path_std_error=placed(np.sqrt(np.mean(deviation**2, axis=0))),
        estimate_std_error=placed(np.std(mean, axis=0)),
    )


def _quantile(mean: Array, deviation: Array, probability: float) -> Array:
    """Quantile of equal mixtures of normal laws, a mixture per column, by bisection."""
    own = mean + float(ndtri(probability)) * deviation
    low, high = own.min(axis=0), own.max(axis=0)
    # A price that is known, as the spot of today, has no deviation.
    scale = np.maximum(deviation, 1e-12)
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        below = ndtr((middle - mean) / scale).mean(axis=0) < probability
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return np.asarray(0.5 * (low + high))


def _horizons(years: ArrayLike) -> Array:
    found = np.atleast_1d(np.asarray(years, dtype=np.float64))
    if found.ndim != 1 or not len(found) or not np.all(np.isfinite(found) & (found >= 0.0)):
        raise Refusal("years", repr(found.tolist()), "numbers >= 0, at least one")
    return found


def _named(contracts: Mapping[str, float] | Sequence[float]) -> dict[str, float]:
    if isinstance(contracts, Mapping):
        named = {str(label): float(value) for label, value in contracts.items()}
    else:
        named = {f"{float(value):g}y": float(value) for value in contracts}
    if not all(0.0 <= value < math.inf for value in named.values()) or "spot" in named:
        raise Refusal("contracts", repr(named), "years to expiry >= 0, none named spot")
    return named


def _check(
    calibration: Calibration, contracts: bool, spot: float | None, carry: float | None
) -> None:
    """Refuse what a calibration cannot forecast, or what it does not need."""
    model = calibration.model
    if model not in FORMS or not calibration.ok:
        found = model if calibration.ok else f"a failed one of {model} ({calibration.reason})"
        raise Refusal("calibration", found, f"a successful one of {', '.join(FORMS)}")
    if spot is None and "spot" not in calibration.start_state:
        raise Refusal("spot", "none", f"today's price, which a calibration of {model} has not")
    if spot is not None and "spot" in calibration.state_covariance:
        raise Refusal("spot", repr(spot), "none: the calibration has filtered it from the curve")
    if spot is not None and not 0.0 < spot < math.inf:
        raise Refusal("spot", repr(spot), "> 0")
    if carry is not None and (model != "gbm" or not math.isfinite(carry)):
        raise Refusal("carry", f"{carry!r} for {model}", "a finite number, for gbm alone")
    if contracts and model == "gbm" and carry is None:
        raise Refusal("carry", "none", "the cost of carry per year, which gives gbm its futures")
    if contracts and model == "schwartz_1f" and "lambda_" not in calibration.parameters:
        raise Refusal(
            "contracts", "some with a calibration on bars", "none, or a calibration on a panel"
        )
