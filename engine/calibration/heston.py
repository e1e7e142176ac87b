"""Heston model: from an option surface, or from the history of bars."""

from __future__ import annotations

import math
from datetime import date
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from engine.bars import Bars
from engine.calibration.calibration import Calibration
from engine.calibration.heston_history import heston_from_history
from engine.calibration.option_surface import OptionSurface, left_out_text
from engine.calibration.sample import SpotSample
from engine.calibration.window import Window
from engine.errors import Refusal
from engine.pricing.heston_prices import heston_price

__all__ = ["estimate_heston"]

Array = NDArray[np.float64]

# v0, kappa, theta, xi, rho
_LOWER = np.array([1e-5, 0.01, 1e-5, 0.01, -0.999])
_UPPER = np.array([4.0, 50.0, 4.0, 10.0, 0.999])
_FINALISTS = 2
# Root mean square error, in volatility, below which quotes count as exact model prices.
_EXACT = 1e-6
_NAMES = ("v0", "kappa", "theta", "xi", "rho")


def estimate_heston(
    data: Bars | OptionSurface,
    *,
    as_of: date | None = None,
    window: str | Window = "full",
    non_positive: Literal["error", "exclude"] | float = "error",
    overnight: Literal["exclude", "include"] = "exclude",
    minimum: int = 250,
    mu: float | None = None,
    narrowest: float = 1e-4,
) -> Calibration:
    r"""Estimate the Heston model.

    Parameters
    ----------
    data : Bars or OptionSurface
        Bars: moments of a variance proxy (see `heston_from_history` for the method and its
        weakness). An option surface: least squares on semi-closed prices.
    as_of, window, non_positive, overnight, minimum
        Bars only, see `SpotSample.from_bars`.
    mu : float, optional
        Option surface only: real-world drift, which options do not determine; by default the
        carry that the forwards imply.
    narrowest : float
        Option surface only: quotes with less vega than this share of the spot are left out.

    Returns
    -------
    Calibration
        ``mu``, ``kappa``, ``theta``, ``xi``, ``rho``, ``v0``; variance as the start state.

    Notes
    -----
    From a surface: residuals are price errors over vega, which are errors of implied volatility
    to first order; the out-of-the-money option of each strike is used; the best of several fixed
    starts is returned. Errors are those of nonlinear least squares, as if quote errors were
    independent. Parameters are those of the pricing measure.
    """
    if isinstance(data, OptionSurface):
        if as_of is not None and as_of < data.as_of:
            raise Refusal("as_of", str(as_of), f">= {data.as_of}, the quotes' date")
        return _from_surface(data, mu=mu, narrowest=narrowest)
    sample = SpotSample.from_bars(
        data,
        as_of=as_of,
        window=window,
        non_positive=non_positive,
        overnight=overnight,
        minimum=minimum,
    )
    return heston_from_history(data, sample)


def _from_surface(surface: OptionSurface, *, mu: float | None, narrowest: float) -> Calibration:
    in_the_money = np.where(
        surface.calls, surface.strikes < surface.forwards, surface.strikes > surface.forwards
    )
    volatility = surface.implied_volatilities()
    vegas = surface.vegas()
    left_out = dict(surface.left_out)
    keep = np.ones(len(surface), dtype=np.bool_)
    for reason, bad in (
        ("in the money", in_the_money),
        ("outside the no-arbitrage bounds", ~np.isfinite(volatility)),
        ("with little vega", ~(vegas > narrowest * surface.spot)),
    ):
        if (keep & bad).any():
            left_out[reason] = int((keep & bad).sum())
        keep &= ~bad
    if keep.sum() < 8:
        raise Refusal(
            f"{surface.symbol} surface",
            f"{int(keep.sum())} out-of-the-money quotes with a usable "
            f"vega{left_out_text(left_out)}",
            ">= 8",
        )
    quotes = surface.select(keep)
    vegas = vegas[keep]
    volatility = volatility[keep]
    groups = quotes.expiries()

    def residuals(point: Array, tolerance: float = 1e-10) -> Array:
        model = dict(zip(_NAMES, point.tolist(), strict=True))
        errors = np.empty(len(quotes))
        for rows in groups:
            first = rows[0]
            prices = quotes.discounts[first] * heston_price(
                float(quotes.forwards[first]),
                quotes.strikes[rows],
                float(quotes.years[first]),
                call=quotes.calls[rows],
                tolerance=tolerance,
                **model,
            )
            errors[rows] = (prices - quotes.prices[rows]) / vegas[rows]
        return errors

    def solve(start: Array, evaluations: int, differences: str) -> Any:
        return least_squares(
            residuals,
            np.clip(start, _LOWER, _UPPER),
            bounds=(_LOWER, _UPPER),
            x_scale=np.array([0.05, 2.0, 0.05, 0.5, 0.5]),
            method="trf",
            jac=differences,
            xtol=1e-12,
            ftol=1e-12,
            gtol=1e-12,
            max_nfev=evaluations,
        )

    near, far = (_at_the_money(quotes, volatility, rows) ** 2 for rows in (groups[0], groups[-1]))
    guesses = ((1.5, 0.5, -0.7), (4.0, 1.0, -0.5), (0.5, 0.3, -0.3), (2.0, 0.6, 0.3))
    exact = 0.5 * len(quotes) * _EXACT**2
    tries: list[Any] = []
    for kappa, xi, rho in guesses:
        tries.append(solve(np.array([near, kappa, far, xi, rho]), 20, "2-point"))
        if tries[-1].cost <= exact:
            # No other start can do better than a fit without error.
            break
    # One-sided differences are too coarse for the long flat valley in kappa and theta.
    finalists = sorted(tries, key=lambda found: float(found.cost))[:_FINALISTS]
    best = solve(finalists[0].x, 100, "3-point")
    for other in finalists[1:]:
        if best.cost > exact:
            best = min(best, solve(other.x, 100, "3-point"), key=lambda found: float(found.cost))
    return _surface_calibration(quotes, left_out, best, tries, mu)


def _surface_calibration(
    quotes: OptionSurface,
    left_out: dict[str, int],
    final: Any,
    tries: list[Any],
    mu: float | None,
) -> Calibration:
    x, cost, jacobian = final.x, float(final.cost), final.jac
    n = len(quotes)
    v0, kappa, theta, xi, rho = (float(value) for value in x)
    inverse = np.full((5, 5), np.nan)
    if np.linalg.matrix_rank(jacobian) == 5:
        inverse = 2.0 * cost / (n - 5) * np.linalg.inv(jacobian.T @ jacobian)
    longest = int(np.argmax(quotes.years))
    carry = math.log(quotes.forwards[longest] / quotes.spot) / float(quotes.years[longest])
    names = ("mu", "kappa", "theta", "xi", "rho", "v0")
    order = [1, 2, 3, 4, 0]
    # Options do not determine the real-world drift: it is given, so it has no error.
    covariance = np.zeros((6, 6))
    covariance[1:, 1:] = inverse[np.ix_(order, order)]
    values = (carry if mu is None else mu, kappa, theta, xi, rho, v0)
    at_bound = np.isclose(x, _LOWER, rtol=1e-6, atol=1e-8) | np.isclose(x, _UPPER, rtol=1e-6)
    return Calibration.of(
        "heston",
        symbol=quotes.symbol,
        timeframe=quotes.timeframe,
        as_of=quotes.as_of,
        parameters=dict(zip(names, values, strict=True)),
        covariance=covariance,
        n=n,
        window="surface",
        diagnostics={
            "method": "option_surface",
            "converged": bool(final.success),
            "starts": len(tries),
            "starts_at_optimum": sum(float(t.cost) < 1.05 * cost + 1e-12 for t in tries),
            "at_bound": int(at_bound.sum()),
            "rmse_volatility": math.sqrt(2.0 * cost / n),
            "feller": 2.0 * kappa * theta / xi**2,
            "quotes_used": n,
            "quotes_left_out": left_out,
        },
        start_state={"variance": v0, "spot": quotes.spot},
    )


def _at_the_money(quotes: OptionSurface, volatility: Array, rows: NDArray[np.int64]) -> float:
    distance = np.abs(np.log(quotes.strikes[rows] / quotes.forwards[rows]))
    return float(volatility[rows[np.argmin(distance)]])
