"""Heston model from an option surface: least squares of implied volatilities."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from engine.calibration.calibration import Calibration
from engine.calibration.least_squares import LeastSquares, levenberg_marquardt
from engine.calibration.option_surface import OptionSurface, left_out_text
from engine.errors import Refusal
from engine.pricing import black_scholes_vega, implied_volatility
from engine.pricing.heston_gradient import fill_surface

__all__ = ["QuoteWeights", "heston_from_surface"]

Array = NDArray[np.float64]
QuoteWeights = Literal["equal", "vega", "spread"]

# Below, the inversion of a price would amplify rounding; far below any quote that has a vega.
_FLOOR, _LEAST_VEGA, _LARGEST = 1e-13, 1e-6, 20.0
_NAMES = ("v0", "kappa", "theta", "xi", "rho")
_LOWER = np.array([1e-5, 0.01, 1e-5, 0.01, -0.999])
_UPPER = np.array([4.0, 50.0, 4.0, 10.0, 0.999])
_FEWEST = 8
_FINALISTS = 2
_AGREED = 1.0 + 1e-4
# Root mean square error, in volatility, below which quotes count as exact model prices.
_EXACT = 1e-7
# Of a volatility: what an uncertain forward may move that of an option in the money.
_SUREST = 0.01
# Of a mean volatility: a model that misses its quotes by more describes something else.
_WORST = 0.25
# Of the largest singular value of a Jacobian whose columns have length one.
_RANK = 1e-9


def heston_from_surface(
    surface: OptionSurface,
    *,
    mu: float | None = None,
    narrowest: float = 1e-4,
    weights: QuoteWeights = "equal",
) -> Calibration:
    r"""Fit the Heston model to implied volatilities.

    Parameters
    ----------
    surface : OptionSurface
        The quotes. The out-of-the-money option of each strike is used; where only the other is
        quoted, put-call parity makes one of it.
    mu : float, optional
        Real-world drift, which options do not determine; by default the carry that the forwards
        imply.
    narrowest : float
        Quotes with less vega than this share of the spot are left out.
    weights : {"equal", "vega", "spread"}
        What an error of implied volatility counts for: the same everywhere; in proportion to the
        quote's vega, so that price errors count the same; in inverse proportion to its spread.

    Returns
    -------
    Calibration
        ``diagnostics`` has `rmse_volatility`, the root mean square error of implied volatility
        over the `quotes_used`, each once whatever the weights.

    Raises
    ------
    ValueError
        If quotes are too few, all of one expiry or of fewer than three strikes, leave a parameter
        open, or are missed by more than a quarter of their mean volatility.

    Notes
    -----
    Residuals are :math:`\sigma_{BS}(\mathrm{model\ price}) - \sigma_{BS}(\mathrm{quote})`, inverted
    exactly at every step, with the derivative of the model price over the vega at the model's
    volatility; steps are those of Levenberg and Marquardt in logarithms of the parameters. The best
    of several fixed starts is returned. Errors are those of nonlinear least squares, as if
    quote errors were independent; a parameter on its bound has none.
    """
    if weights not in get_args(QuoteWeights):
        raise Refusal("weights", repr(weights), ", ".join(get_args(QuoteWeights)))
    quotes, volatility, left_out, converted = _usable(surface, narrowest)
    shares = _shares(quotes, volatility, weights)
    problem = _Problem(quotes, volatility, shares)
    guesses = ((1.5, 0.5, -0.7), (4.0, 1.0, -0.5), (0.5, 0.3, -0.3), (2.0, 0.6, 0.3))
    groups = quotes.expiries()
    near, far = (_at_the_money(quotes, volatility, rows) ** 2 for rows in (groups[0], groups[-1]))
    exact = 0.5 * len(quotes) * _EXACT**2
    tries: list[LeastSquares] = []
    for kappa, xi, rho in guesses:
        tries.append(problem.solve(np.array([near, kappa, far, xi, rho]), 12))
        least = min(found.cost for found in tries)
        # No other start does better than a fit without error, nor, most likely, than two agree on.
        if least <= exact or sum(t.cost <= _AGREED * least for t in tries) == 2:
            break
    finalists = sorted(tries, key=lambda found: found.cost)[:_FINALISTS]
    ends = [problem.solve(problem.natural(found.x), 150) for found in finalists]
    best = min(ends, key=lambda found: found.cost)
    found = _calibration(quotes, problem, best, mu)
    reached = sum(found_there.cost < 1.05 * best.cost + exact for found_there in tries)
    return replace(
        found,
        diagnostics=found.diagnostics
        | {
            "weights": weights,
            "starts": len(tries),
            "starts_at_optimum": reached,
            "quotes_converted": converted,
            "quotes_left_out": left_out,
            "expiries_left_out": surface.expiries_left_out,
            "pairs_set_aside": surface.pairs_set_aside,
        },
    )


class _Problem:
    """Weighted errors of implied volatility as a function of transformed parameters."""

    def __init__(self, quotes: OptionSurface, volatility: Array, shares: Array) -> None:
        # By expiry, as the kernel takes them.
        order = np.argsort(quotes.years, kind="stable")
        self.volatility = volatility[order]
        self._shares = shares[order]
        self._years = quotes.years[order]
        forwards, strikes = quotes.forwards[order], quotes.strikes[order]
        self._ratio = np.log(forwards / strikes)
        self._values = np.empty((6, len(quotes)))

    def natural(self, x: Array) -> Array:
        return np.append(np.exp(x[:4]), np.tanh(x[4]))

    def transformed(self, point: Array) -> Array:
        return np.append(np.log(point[:4]), np.arctanh(point[4]))

    def solve(self, point: Array, steps: int) -> LeastSquares:
        return levenberg_marquardt(
            self._weighted,
            self.transformed(np.clip(point, _LOWER, _UPPER)),
            self.transformed(_LOWER),
            self.transformed(_UPPER),
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

    def _weighted(self, x: Array) -> tuple[Array, Array]:
        point = self.natural(x)
        errors, slopes = self.errors(point)
        by_x = np.append(point[:4], 1.0 - point[4] ** 2)
        return errors * self._shares, slopes * by_x * self._shares[:, None]


def _usable(
    surface: OptionSurface, narrowest: float
) -> tuple[OptionSurface, Array, dict[str, int], int]:
    """Quotes to fit, all out of the money, their volatilities, and how many there were besides."""
    inner = np.where(
        surface.calls, surface.strikes < surface.forwards, surface.strikes > surface.forwards
    )
    volatility = surface.implied_volatilities()
    vegas = surface.discounts * black_scholes_vega(
        surface.forwards, surface.strikes, surface.years, volatility
    )
    outside = ~np.isfinite(volatility)
    usable = ~inner & ~outside
    outer = {(t, k) for t, k in zip(surface.years[usable], surface.strikes[usable], strict=True)}
    doubled = np.array(
        [(t, k) in outer for t, k in zip(surface.years, surface.strikes, strict=True)],
        dtype=np.bool_,
    )
    unsure = np.zeros(len(surface), dtype=np.bool_)
    if surface.parity_errors is not None:
        unsure = ~(surface.parity_errors <= _SUREST * vegas)
    left_out = dict(surface.left_out)
    keep = np.ones(len(surface), dtype=np.bool_)
    for reason, bad in (
        ("in the money beside one out of the money", inner & doubled),
        ("in the money with an uncertain forward", inner & unsure),
        ("outside the no-arbitrage bounds", outside),
        ("with little vega", ~(vegas > narrowest * surface.spot)),
    ):
        if (keep & bad).any():
            left_out[reason] = int((keep & bad).sum())
        keep &= ~bad
    where = f"{surface.symbol} surface"
    if keep.sum() < _FEWEST:
        raise Refusal(
            where,
            f"{int(keep.sum())} quotes with a usable vega{left_out_text(left_out)}",
            f">= {_FEWEST}",
        )
    quotes = surface.select(keep)
    for name, values, fewest in (
        ("expiries", quotes.years, 2),
        ("strikes", quotes.strikes, 3),
    ):
        count = len(np.unique(values))
        if count < fewest:
            raise Refusal(
                where,
                f"quotes of {count} {name}{left_out_text(left_out)}",
                f">= {fewest}, which the parameters need",
            )
    return quotes.out_of_the_money(), volatility[keep], left_out, int((keep & inner).sum())


def _shares(quotes: OptionSurface, volatility: Array, weights: QuoteWeights) -> Array:
    """Weights of the errors; the mean of their squares is 1."""
    vegas = quotes.discounts * black_scholes_vega(
        quotes.forwards, quotes.strikes, quotes.years, volatility
    )
    if weights == "vega":
        shares = vegas
    elif weights == "spread":
        spreads = np.full(len(quotes), np.nan) if quotes.spreads is None else quotes.spreads
        unknown = int((~(spreads > 0.0)).sum())
        if unknown:
            raise Refusal(
                "weights",
                f"'spread', where {unknown} of {len(quotes)} quotes have no spread above zero",
                "equal, vega",
            )
        shares = vegas / spreads
    else:
        shares = np.ones(len(quotes))
    return np.asarray(shares / math.sqrt(float(np.mean(shares**2))))


def _calibration(
    quotes: OptionSurface, problem: _Problem, best: LeastSquares, mu: float | None
) -> Calibration:
    point = problem.natural(best.x)
    v0, kappa, theta, xi, rho = (float(value) for value in point)
    errors = problem.errors(point)[0]
    n = len(quotes)
    rmse = math.sqrt(float(np.mean(errors**2)))
    typical = float(np.mean(problem.volatility))
    where = f"{quotes.symbol} surface"
    if rmse > _WORST * typical:
        raise Refusal(
            where,
            f"volatilities that the best fit misses by {rmse:.3f} on the average",
            f"<= a quarter of their mean {typical:.3f}",
        )
    at_bound = np.isclose(point, _LOWER, rtol=1e-5) | np.isclose(point, _UPPER, rtol=1e-5)
    inverse = _covariance(best, problem, point, ~at_bound, where)
    near, longest = int(np.argmin(quotes.years)), int(np.argmax(quotes.years))
    # Without a price of the underlying, the nearest forward stands for it.
    since = float(quotes.years[near]) if quotes.spot == quotes.forwards[near] else 0.0
    span = float(quotes.years[longest]) - since
    carry = math.log(quotes.forwards[longest] / quotes.spot) / span
    names = ("mu", "kappa", "theta", "xi", "rho", "v0")
    order = [1, 2, 3, 4, 0]
    # Options do not determine the real-world drift: it is given, so it has no error.
    covariance = np.zeros((6, 6))
    covariance[1:, 1:] = inverse[np.ix_(order, order)]
    values = (carry if mu is None else mu, kappa, theta, xi, rho, v0)
    diagnostics: dict[str, Any] = {
        "method": "option_surface",
        "converged": best.converged,
        "at_bound": int(at_bound.sum()),
        "held_by_bound": [
            name for name, held in zip(_NAMES, at_bound.tolist(), strict=True) if held
        ],
        "rmse_volatility": rmse,
        "feller": 2.0 * kappa * theta / xi**2,
        "quotes_used": n,
    }
    return Calibration.of(
        "heston",
        symbol=quotes.symbol,
        timeframe=quotes.timeframe,
        as_of=quotes.as_of,
        parameters=dict(zip(names, values, strict=True)),
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
    inverse = np.full((5, 5), np.nan)
    if (lengths <= 0.0).any() or not free.any():
        raise Refusal(where, "quotes that leave a parameter open", "quotes that determine all")
    scaled = best.jacobian[:, free] / lengths
    singular = np.linalg.svd(scaled, compute_uv=False)
    if singular[-1] < _RANK * singular[0]:
        raise Refusal(where, "quotes that leave a parameter open", "quotes that determine all")
    spare = max(len(best.residuals) - int(free.sum()), 1)
    by_x = np.append(point[:4], 1.0 - point[4] ** 2)[free]
    inner = np.linalg.inv(scaled.T @ scaled) / np.outer(lengths, lengths)
    inverse[np.ix_(free, free)] = 2.0 * best.cost / spare * inner * np.outer(by_x, by_x)
    return inverse


def _at_the_money(quotes: OptionSurface, volatility: Array, rows: NDArray[np.int64]) -> float:
    distance = np.abs(np.log(quotes.strikes[rows] / quotes.forwards[rows]))
    return float(volatility[rows[np.argmin(distance)]])
