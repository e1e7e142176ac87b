"""Volatility surfaces: a smile of each expiry, from a chain or from skew and curvature."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from engine.errors import Refusal
from engine.options.chains import OptionChain
from engine.options.smile_rows import SMILE_WIDTH, fill_surface

__all__ = ["VolatilitySurface"]

Array = NDArray[np.float64]

# Quotes of an expiry that a smile of three parameters needs.
_FEWEST: Final = 4
# Where calendar arbitrage is looked for, in standard deviations from the money.
_FARTHEST: Final = 4.0
_POINTS: Final = 81
# Wings of a smile that no quote holds: how near to a bound a parameter may come.
_MOST_CORRELATION: Final = 0.999


@dataclass(frozen=True, eq=False)
class VolatilitySurface:
    r"""Volatility of options by strike and expiry.

    Parameters
    ----------
    rows : ndarray of float64, shape (expiries, SMILE_WIDTH)
        Of each expiry, nearest first: years to expiry, total variance at the money, correlation
        and curvature.
    forwards : ndarray of float64, shape (expiries,)
        Forward prices; NaN where the surface was made without a price.
    errors : ndarray of float64, shape (expiries,)
        Root mean square of the fitted volatilities less those of the quotes, 0 without quotes.

    Raises
    ------
    Refusal
        If rows are no smiles, or one has butterfly arbitrage.

    Notes
    -----
    A smile is a slice of SSVI [1]_, in the logarithm x of strike over forward:
    :math:`w(x) = \tfrac{\theta}{2} [1 + \rho \varphi x + \sqrt{(\varphi x + \rho)^2 + 1 -
    \rho^2}]`, with :math:`\theta` the total variance at the money. It has no butterfly arbitrage
    while :math:`\theta \varphi (1 + |\rho|) \le 4` and :math:`\theta \varphi^2 (1 + |\rho|) \le 4`,
    which fits keep to. Total variance is linear in time between expiries; before the first and
    after the last, volatility is that of the nearest.

    References
    ----------
    .. [1] Gatheral, J. and Jacquier, A. (2014). Arbitrage-free SVI volatility surfaces.
       Quantitative Finance 14, 59-71.
    """

    rows: Array
    forwards: Array
    errors: Array

    def __post_init__(self) -> None:
        shape = self.rows.shape
        if self.rows.ndim != 2 or shape[1] != SMILE_WIDTH or not shape[0]:
            raise Refusal("rows", f"shape {shape}", f"(expiries, {SMILE_WIDTH})")
        years, variance, correlation, curvature = self.rows.T
        if not (np.isfinite(self.rows).all() and (years > 0.0).all() and (variance > 0.0).all()):
            raise Refusal("rows", "numbers that are no smile", "positive years and variances")
        if (np.diff(years) <= 0.0).any():
            raise Refusal("years", f"{years}", "ascending times to expiry")
        for i in range(len(years)):
            most = _most_curvature(variance[i], correlation[i])
            if not (abs(correlation[i]) < 1.0 and 0.0 <= curvature[i] <= most * (1.0 + 1e-9)):
                raise Refusal(
                    "smile",
                    f"one at {years[i]:.3g} years with butterfly arbitrage",
                    "less skew or curvature",
                )

    @classmethod
    def from_smile(
        cls,
        years: ArrayLike,
        volatility: ArrayLike,
        *,
        skew: ArrayLike = 0.0,
        curvature: ArrayLike = 0.0,
    ) -> VolatilitySurface:
        r"""Make a surface from what a smile is at the money.

        Parameters
        ----------
        years : array_like, shape (expiries,)
            Times to expiry, ascending.
        volatility : array_like
            Volatility at the money of each expiry: the term structure.
        skew, curvature : array_like
            First and second derivative of volatility by the logarithm of strike over forward.

        Raises
        ------
        Refusal
            If variance would not be convex at the money, which is arbitrage, or more is not
            possible without butterfly arbitrage.

        Examples
        --------
        >>> import engine as mc
        >>> smile = {"skew": -0.1, "curvature": 1.0}
        >>> surface = mc.VolatilitySurface.from_smile([0.1, 1.0], [0.35, 0.3], **smile)
        >>> surface.volatility([90.0, 100.0, 110.0], 0.1, forward=100.0).round(4)
        array([0.3654, 0.35  , 0.3452])
        """
        t, level, s, c = (
            np.array(each, dtype=np.float64)
            for each in np.broadcast_arrays(
                *map(np.atleast_1d, (years, volatility, skew, curvature))
            )
        )
        if not ((level > 0.0).all() and (t > 0.0).all()):
            raise Refusal("volatility", f"{level}", "positive volatilities at positive times")
        variance = level * level * t
        slope = 2.0 * level * s * t / variance
        bend = 2.0 * t * (s * s + level * c) / variance
        flat = (s == 0.0) & (c == 0.0)
        if (~flat & (bend <= 0.0)).any():
            raise Refusal("curvature", f"{c}", "enough for variance to be convex at the money")
        phi = np.sqrt(np.where(flat, 0.0, 2.0 * bend + slope * slope))
        rho = np.divide(slope, phi, out=np.zeros_like(slope), where=phi > 0.0)
        nothing = np.full(len(t), np.nan)
        return cls(np.column_stack([t, variance, rho, phi]), nothing, np.zeros(len(t)))

    @classmethod
    def from_chain(cls, chain: OptionChain) -> VolatilitySurface:
        """Fit a smile to each expiry of the newest quotes of a chain.

        Parameters
        ----------
        chain : OptionChain
            `OptionChain.at` gives that of an instant.

        Returns
        -------
        VolatilitySurface
            Of the expiries with at least four quotes out of the money that have a volatility.

        Raises
        ------
        Refusal
            If there is no such expiry.

        Notes
        -----
        Least squares of volatilities, weighted by vega, over options out of the money.
        """
        newest = chain.frame.filter(pl.col("timestamp") == pl.col("timestamp").max())
        outside = (pl.col("strike") >= pl.col("forward")) == (pl.col("right") == "call")
        quotes = newest.filter(
            outside & (pl.col("implied_volatility") > 0.0) & (pl.col("years") > 0.0)
        )
        rows, forwards, errors = [], [], []
        for _, group in quotes.group_by("expiry", maintain_order=True):
            if len(group) < _FEWEST:
                continue
            row, error = _fitted(group)
            rows.append(row)
            forwards.append(group["forward"][0])
            errors.append(error)
        if not rows:
            raise Refusal(
                "chain", f"{len(quotes)} volatilities out of the money", f"{_FEWEST} of one expiry"
            )
        return cls(np.array(rows), np.array(forwards, dtype=np.float64), np.array(errors))

    def volatility(
        self, strike: ArrayLike, years: ArrayLike, *, forward: ArrayLike | None = None
    ) -> Array:
        """Return volatilities; arguments broadcast.

        Parameters
        ----------
        strike, years : array_like
            Strikes, and times to expiry in years.
        forward : array_like, optional
            Forward price to the expiry; by default those of the chain, with straight lines between.

        Returns
        -------
        ndarray of float64, shape (...)
            Annual; NaN where strike, forward or time is not positive.
        """
        if forward is None:
            if np.isnan(self.forwards).any():
                raise Refusal("forward", "none", "a price: the surface was made without one")
            forward = np.interp(np.asarray(years), self.rows[:, 0], self.forwards)
        f, k, t = np.broadcast_arrays(
            *(np.asarray(each, dtype=np.float64) for each in (forward, strike, years))
        )
        out = np.empty(f.size)
        flat = [np.ascontiguousarray(each).reshape(-1) for each in (f, k, t)]
        fill_surface(np.ascontiguousarray(self.rows), flat[0], flat[1], flat[2], out)
        return np.asarray(out.reshape(f.shape)[()])

    def settings(self) -> dict[str, Any]:
        """Return it as the setting ``volatility`` of a study of options.

        Returns
        -------
        dict of str to object
            Numbers and words alone, so that a study file can state it.

        Examples
        --------
        >>> import engine as mc
        >>> surface = mc.VolatilitySurface.from_smile([0.25], [0.4])
        >>> surface.settings()["kind"], surface.settings()["years"]
        ('surface', [0.25])
        """
        names = ("years", "variance", "correlation", "curvature")
        return {"kind": "surface", **dict(zip(names, self.rows.T.tolist(), strict=True))}

    def calendar_arbitrage(self) -> list[float]:
        """Return the times in years whose total variance is somewhere below that of an earlier one.

        Looked for at log-moneyness within four standard deviations of the later expiry.
        """
        found = []
        for before, after in zip(self.rows[:-1], self.rows[1:], strict=True):
            x = _FARTHEST * math.sqrt(after[1]) * np.linspace(-1.0, 1.0, _POINTS)
            if (_variance(x, *after[1:]) < _variance(x, *before[1:]) * (1.0 - 1e-12)).any():
                found.append(float(after[0]))
        return found


def _variance(x: Array, variance: float, correlation: float, curvature: float) -> Array:
    shifted = curvature * x + correlation
    root = np.sqrt(shifted**2 + 1.0 - correlation**2)
    return np.asarray(0.5 * variance * (1.0 + correlation * curvature * x + root))


def _most_curvature(variance: float, correlation: float) -> float:
    """Return the curvature beyond which a smile has butterfly arbitrage."""
    most = 4.0 / (variance * (1.0 + abs(correlation)))
    return min(most, math.sqrt(most))


def _fitted(group: pl.DataFrame) -> tuple[list[float], float]:
    """Return the smile of one expiry, and its error."""
    from scipy.optimize import least_squares

    years = float(group["years"][0])
    x = np.log((group["strike"] / group["forward"]).to_numpy())
    quoted = group["implied_volatility"].to_numpy()
    weights = np.sqrt(group["vega"].fill_null(0.0).to_numpy())
    weights = weights / max(float(weights.max()), 1e-300) + 1e-3
    nearest = int(np.abs(x).argmin())

    def smile(parameters: Array) -> tuple[float, float, float]:
        variance = math.exp(parameters[0])
        correlation = _MOST_CORRELATION * math.tanh(parameters[1])
        share = 0.5 * (1.0 + math.tanh(parameters[2]))
        return variance, correlation, share * _most_curvature(variance, correlation)

    def misses(parameters: Array, weigh: bool) -> Array:
        miss = np.sqrt(_variance(x, *smile(parameters)) / years) - quoted
        return np.asarray(miss * weights if weigh else miss)

    level = math.log(float(quoted[nearest]) ** 2 * years)
    starts = [np.array([level, skew, share]) for skew in (-0.5, 0.5) for share in (-2.0, 0.0)]
    fits = [least_squares(partial(misses, weigh=True), start, max_nfev=400) for start in starts]
    best = min(fits, key=lambda fit: float(fit.cost)).x
    error = float(np.sqrt(np.mean(misses(best, False) ** 2)))
    return [years, *smile(best)], error
