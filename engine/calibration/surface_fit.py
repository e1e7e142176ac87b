"""Least squares of implied volatilities: a model fitted to an option surface."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from engine.calibration.calibration import Calibration
from engine.calibration.least_squares import LeastSquares, levenberg_marquardt
from engine.calibration.option_surface import OptionSurface
from engine.calibration.surface_quotes import (
    QuoteWeights,
    quote_weights,
    usable_quotes,
    volatility_at_the_money,
)
from engine.calibration.transforms import Transforms
from engine.errors import Refusal
from engine.pricing import implied_volatility
from engine.pricing.heston_gradient import fill_surface

__all__ = ["SurfaceModel", "fit_surface"]

Array = NDArray[np.float64]

# Below, the inversion of a price would amplify rounding; far below any quote that has a vega.
_FLOOR, _LEAST_VEGA, _LARGEST = 1e-13, 1e-6, 20.0
_FINALISTS = 2
_AGREED = 1.0 + 1e-4
# Root mean square error, in volatility, below which quotes count as exact model prices.
_EXACT = 1e-7
# Of a mean volatility: a model that misses its quotes by more describes something else.
_WORST = 0.25
# Of the largest singular value of a Jacobian whose columns have length one.
_RANK = 1e-9
# A surface needs this many quotes more than the model has parameters.
_SPARE = 3


@dataclass(frozen=True, eq=False)
class SurfaceModel:
    """A model of an option surface, as the fit needs it.

    Parameters
    ----------
    name : str
        Its source.
    names : tuple of str
        Parameters in the order of `fill_surface`.
    reported : tuple of str
        The same, in the order of the source, after ``mu``.
    lower, upper : ndarray of float64, shape (k,)
        Bounds.
    transforms : Transforms
        The variables in which steps are taken.
    guesses : callable
        ``guesses(near, far, inner)``: points to start from, given the variance at the money of the
        nearest and of the farthest expiry, and the best fit of the model that this one extends.
    extends : SurfaceModel, optional
        The model that this one becomes where some of its parameters vanish.
    """

    name: str
    names: tuple[str, ...]
    reported: tuple[str, ...]
    lower: Array
    upper: Array
    transforms: Transforms
    guesses: Callable[[float, float, Array], list[Array]]
    extends: SurfaceModel | None = None


def fit_surface(
    model: SurfaceModel,
    surface: OptionSurface,
    *,
    mu: float | None = None,
    narrowest: float = 1e-4,
    weights: QuoteWeights = "equal",
) -> Calibration:
    r"""Fit a model to implied volatilities.

    Parameters
    ----------
    model : SurfaceModel
        What to fit.
    surface, mu, narrowest, weights
        See `heston_from_surface`.

    Returns
    -------
    Calibration
        ``diagnostics`` has `rmse_volatility`, the root mean square error of implied volatility
        over the `quotes_used`, each once whatever the weights; of the model that this one extends,
        that of its best fit, such as `rmse_volatility_of_heston`.

    Raises
    ------
    ValueError
        If quotes are too few, all of one expiry or of fewer than three strikes, leave a parameter
        open, or are missed by more than a quarter of their mean volatility.
    """
    if weights not in get_args(QuoteWeights):
        raise Refusal("weights", repr(weights), ", ".join(get_args(QuoteWeights)))
    quotes, volatility, left_out, converted = usable_quotes(
        surface, narrowest, len(model.names) + _SPARE
    )
    shares = quote_weights(quotes, volatility, weights)
    search = _search(model, quotes, volatility, shares)
    found = _calibration(quotes, search.problem, search.best, mu)
    return replace(
        found,
        diagnostics=found.diagnostics
        | search.simpler_rmse
        | {
            "weights": weights,
            "starts": search.starts,
            "starts_at_optimum": search.starts_at_optimum,
            "quotes_converted": converted,
            "quotes_left_out": left_out,
            "expiries_left_out": surface.expiries_left_out,
            "pairs_set_aside": surface.pairs_set_aside,
        },
    )


@dataclass(frozen=True, eq=False)
class _Search:
    """The best of several starts."""

    problem: _Problem
    best: LeastSquares
    starts: int
    starts_at_optimum: int
    simpler_rmse: dict[str, float]


def _search(
    model: SurfaceModel, quotes: OptionSurface, volatility: Array, shares: Array
) -> _Search:
    problem = _Problem(model, quotes, volatility, shares)
    inner, simpler_rmse = np.empty(0), {}
    if model.extends is not None:
        simpler = _search(model.extends, quotes, volatility, shares)
        inner = simpler.problem.natural(simpler.best.x)
        simpler_rmse[f"rmse_volatility_of_{model.extends.name}"] = simpler.problem.rmse(inner)
    groups = quotes.expiries()
    near, far = (
        volatility_at_the_money(quotes, volatility, rows) ** 2 for rows in (groups[0], groups[-1])
    )
    exact = 0.5 * len(quotes) * _EXACT**2
    tries: list[LeastSquares] = []
    steps = 2 * len(model.names) + 2
    for guess in model.guesses(near, far, inner):
        tries.append(problem.solve(guess, steps))
        least = min(found.cost for found in tries)
        # No other start does better than a fit without error, nor, most likely, than two agree on.
        if least <= exact or sum(t.cost <= _AGREED * least for t in tries) == 2:
            break
    finalists = sorted(tries, key=lambda found: found.cost)[:_FINALISTS]
    ends = [problem.solve(problem.natural(found.x), 150) for found in finalists]
    best = min(ends, key=lambda found: found.cost)
    reached = sum(found.cost < 1.05 * best.cost + exact for found in tries)
    return _Search(problem, best, len(tries), reached, simpler_rmse)


class _Problem:
    """Weighted errors of implied volatility as a function of transformed parameters."""

    def __init__(
        self, model: SurfaceModel, quotes: OptionSurface, volatility: Array, shares: Array
    ) -> None:
        self.model = model
        # By expiry, as the kernel takes them.
        order = np.argsort(quotes.years, kind="stable")
        self.volatility = volatility[order]
        self._shares = shares[order]
        self._years = quotes.years[order]
        forwards, strikes = quotes.forwards[order], quotes.strikes[order]
        self._ratio = np.log(forwards / strikes)
        self._values = np.empty((1 + len(model.names), len(quotes)))

    def natural(self, x: Array) -> Array:
        return self.model.transforms.to_natural(x)

    def slope(self, point: Array) -> Array:
        return self.model.transforms.slope(point)

    def solve(self, point: Array, steps: int) -> LeastSquares:
        lower, upper = self.model.lower, self.model.upper
        transformed = self.model.transforms.to_theta
        return levenberg_marquardt(
            self._weighted,
            transformed(np.clip(point, lower, upper)),
            transformed(lower),
            transformed(upper),
            steps=steps,
        )

    def errors(self, point: Array) -> tuple[Array, Array]:
        """Errors of implied volatility at a point, and their derivatives by the parameters."""
        fill_surface(self._ratio, self._years, point, self._values)
        # Prices over the root of forward times strike are those of strike 1 over its own root.
        half = np.exp(0.5 * self._ratio)
        prices = np.maximum(self._values[0], _FLOOR)
        forward, calls = half * half, self._ratio <= 0.0
        found = implied_volatility(prices * half, forward, 1.0, self._years, call=calls)
        # A price at its upper bound has no volatility; the largest one leads back.
        found = np.where(np.isfinite(found), found, _LARGEST)
        deviation = found * np.sqrt(self._years)
        d = self._ratio / deviation + 0.5 * deviation
        vegas = half * np.exp(-0.5 * d * d) * np.sqrt(self._years / (2.0 * math.pi))
        slopes = self._values[1:] / np.maximum(vegas, _LEAST_VEGA)
        return found - self.volatility, np.ascontiguousarray(slopes.T)

    def rmse(self, point: Array) -> float:
        """Root mean square error of implied volatility, each quote once."""
        return math.sqrt(float(np.mean(self.errors(point)[0] ** 2)))

    def _weighted(self, x: Array) -> tuple[Array, Array]:
        point = self.natural(x)
        errors, slopes = self.errors(point)
        return errors * self._shares, slopes * self.slope(point) * self._shares[:, None]


def _calibration(
    quotes: OptionSurface, problem: _Problem, best: LeastSquares, mu: float | None
) -> Calibration:
    model = problem.model
    point = problem.natural(best.x)
    n = len(quotes)
    rmse = problem.rmse(point)
    typical = float(np.mean(problem.volatility))
    where = f"{quotes.symbol} surface"
    if rmse > _WORST * typical:
        raise Refusal(
            where,
            f"volatilities that the best fit misses by {rmse:.3f} on the average",
            f"<= a quarter of their mean {typical:.3f}",
        )
    at_bound = np.isclose(point, model.lower, rtol=1e-5) | np.isclose(point, model.upper, rtol=1e-5)
    inverse = _covariance(best, problem, point, ~at_bound, where)
    near, longest = int(np.argmin(quotes.years)), int(np.argmax(quotes.years))
    # Without a price of the underlying, the nearest forward stands for it.
    since = float(quotes.years[near]) if quotes.spot == quotes.forwards[near] else 0.0
    span = float(quotes.years[longest]) - since
    carry = math.log(quotes.forwards[longest] / quotes.spot) / span
    values = dict(zip(model.names, point.tolist(), strict=True))
    v0, order = values["v0"], [model.names.index(name) for name in model.reported]
    # Options do not determine the real-world drift: it is given, so it has no error.
    covariance = np.zeros((len(point) + 1, len(point) + 1))
    covariance[1:, 1:] = inverse[np.ix_(order, order)]
    drift = {"mu": carry if mu is None else mu}
    diagnostics: dict[str, Any] = {
        "method": "option_surface",
        "converged": best.converged,
        "at_bound": int(at_bound.sum()),
        "held_by_bound": [
            name for name, held in zip(model.names, at_bound.tolist(), strict=True) if held
        ],
        "rmse_volatility": rmse,
        "feller": 2.0 * values["kappa"] * values["theta"] / values["xi"] ** 2,
        "quotes_used": n,
    }
    return Calibration.of(
        model.name,
        symbol=quotes.symbol,
        timeframe=quotes.timeframe,
        as_of=quotes.as_of,
        parameters=drift | {name: values[name] for name in model.reported},
        covariance=covariance,
        n=n,
        window="surface",
        diagnostics=diagnostics,
        start_state={"variance": v0, "spot": quotes.spot},
    )


def _covariance(
    best: LeastSquares, problem: _Problem, point: Array, free: NDArray[np.bool_], where: str
) -> Array:
    """Covariance of the parameters; NaN for one on its bound, the others given that it is there."""
    lengths = np.linalg.norm(best.jacobian[:, free], axis=0)
    inverse = np.full((len(point), len(point)), np.nan)
    if (lengths <= 0.0).any() or not free.any():
        raise Refusal(where, "quotes that leave a parameter open", "quotes that determine all")
    scaled = best.jacobian[:, free] / lengths
    singular = np.linalg.svd(scaled, compute_uv=False)
    if singular[-1] < _RANK * singular[0]:
        raise Refusal(where, "quotes that leave a parameter open", "quotes that determine all")
    spare = max(len(best.residuals) - int(free.sum()), 1)
    by_x = problem.slope(point)[free]
    inner = np.linalg.inv(scaled.T @ scaled) / np.outer(lengths, lengths)
    inverse[np.ix_(free, free)] = 2.0 * best.cost / spare * inner * np.outer(by_x, by_x)
    return inverse
