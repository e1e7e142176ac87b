"""Intervals of mean reversion where few half-lives lie in the window."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from engine.calibration.interval import Interval
from engine.calibration.sample import SpotSample
from engine.compiled import kernel
from engine.compiled.elementary import log

__all__ = ["reversion_intervals"]

Array = NDArray[np.float64]

# Histories simulated per speed, and steps of each: the law follows from the number of half-lives
# in the window, not from the number of prices.
_HISTORIES = 400
_STEPS = 128
_SPEEDS = 14
# Half-lives are looked for up to this many windows.
_SLOWEST = 10.0
_FINE = 100


@dataclass(frozen=True, eq=False)
class _Likelihood:
    """Log likelihood on a grid of speeds; at each the residuals are quadratic in the level."""

    kappa: Array
    constant: Array
    square: Array
    cross: Array
    pull: Array
    n: float

    @classmethod
    def of(cls, sample: SpotSample, kappa: Array) -> _Likelihood:
        # Sums per distinct step, of which there are few.
        steps, place = np.unique(sample.dt, return_inverse=True)
        x, w = sample.start - sample.start[0], sample.weights
        y = x + sample.returns
        terms = (np.ones(len(x)), x, y, x * x, x * y, y * y)
        count, sx, sy, sxx, sxy, syy = (
            np.bincount(place, weights=w * term)[:, None] for term in terms
        )
        phi = np.exp(-kappa * steps[:, None])
        unit = -np.expm1(-2.0 * kappa * steps[:, None]) / (2.0 * kappa)
        square = np.sum((syy - 2.0 * phi * sxy + phi * phi * sxx) / unit, axis=0)
        cross = np.sum((1.0 - phi) * (sy - phi * sx) / unit, axis=0)
        pull = np.sum(count * (1.0 - phi) ** 2 / unit, axis=0)
        constant = -0.5 * np.sum(count * np.log(unit), axis=0)
        # Back from levels over the first price to levels.
        first = float(sample.start[0])
        square = square + 2.0 * first * cross + first * first * pull
        cross = cross + first * pull
        return cls(kappa, constant, square, cross, pull, sample.effective_n)

    def at_level(self, alpha: Array) -> Array:
        """Log likelihood at each speed and a level for it."""
        rest = self.square - 2.0 * alpha * self.cross + alpha * alpha * self.pull
        return np.asarray(self.constant - 0.5 * self.n * np.log(rest / self.n))

    @property
    def level(self) -> Array:
        """Best level at each speed."""
        return self.cross / self.pull

    @property
    def variance(self) -> Array:
        """Squared volatility at each speed and its best level."""
        return (self.square - self.cross**2 / self.pull) / self.n


def reversion_intervals(sample: SpotSample, kappa: float) -> dict[str, Interval]:
    r"""Intervals of the speed ``kappa`` and of ``mu`` by simulation at every speed.

    Parameters
    ----------
    sample : SpotSample
        The history.
    kappa : float
        The speed at which its likelihood is highest.

    Notes
    -----
    A value is in the interval unless the likelihood ratio against it is further out than in 95 %
    of histories that were simulated with it (the grid bootstrap [1]_). The law of the ratio depends
    on the number of half-lives in the window and on where the history begins, nearly not on the
    number of prices; the estimate of the speed is biased upwards, and the one-sided quantiles of
    the ratio's root take that into account. For ``mu`` the ratio's critical value is that at the
    speed which is likeliest beside it. Half-lives beyond ten windows are not considered.

    References
    ----------
    .. [1] Hansen, B. (1999). The grid bootstrap and the autoregressive model. Review of Economics
       and Statistics 81, 594-607.
    """
    years = sample.effective_n * float(np.average(sample.dt, weights=sample.weights))
    slowest = math.log(2.0) / (_SLOWEST * years)
    fastest = 3.0 * kappa + 20.0 / years
    grid = np.geomspace(slowest, fastest, _SPEEDS)
    fine = np.unique(np.append(np.geomspace(slowest, fastest, _FINE), kappa))
    likelihood = _Likelihood.of(sample, fine)
    level, variance = likelihood.level, likelihood.variance
    first = float(sample.start[0])
    # Where the history begins, in stationary deviations from its level; at most three.
    begin = np.interp(grid, fine, (first - level) / np.sqrt(variance / (2.0 * fine)))
    roots, falls = _simulated(np.exp(-grid * years / _STEPS), np.clip(begin, -3.0, 3.0))
    top = likelihood.at_level(level)
    best = float(top.max())
    root = np.sign(kappa - fine) * np.sqrt(np.maximum(2.0 * (best - top), 0.0))
    limits = np.quantile(roots, (0.025, 0.975), axis=1)
    low_end, high_end = (np.interp(fine, grid, limit) for limit in limits)
    inside = fine[(root >= low_end) & (root <= high_end)]
    found = {"kappa": _around(inside, kappa)}
    critical = np.interp(fine, grid, np.quantile(falls, 0.95, axis=1))

    def accepted(mu: float) -> bool:
        values = likelihood.at_level(mu - variance / (2.0 * fine))
        likeliest = int(values.argmax())
        return bool(2.0 * (best - values[likeliest]) <= critical[likeliest])

    centre = float(np.interp(kappa, fine, level + variance / (2.0 * fine)))
    width = math.sqrt(float(np.interp(kappa, fine, variance)) / years) / kappa
    ends = (_edge(accepted, centre, -width), _edge(accepted, centre, width))
    found["mu"] = Interval(*ends, "level")
    return found


def _around(inside: Array, estimate: float) -> Interval:
    low = float(inside.min()) if len(inside) else estimate
    high = float(inside.max()) if len(inside) else estimate
    return Interval(min(low, estimate), max(high, estimate), "bootstrap")


def _edge(accepted: Callable[[float], bool], inside: float, step: float) -> float:
    """Last accepted value on one side of an accepted one, to a hundredth of the first step."""
    outside = inside + step
    for _ in range(12):
        if not accepted(outside):
            break
        inside, step = outside, 2.0 * step
        outside = inside + step
    for _ in range(10):
        middle = 0.5 * (inside + outside)
        inside, outside = (middle, outside) if accepted(middle) else (inside, middle)
    return inside


@cache
def _normals() -> Array:
    return np.random.default_rng(1999).standard_normal((_HISTORIES, _STEPS))


def _simulated(phi: Array, begin: Array) -> tuple[Array, Array]:
    """Roots of the ratio against the speed, and ratios against the level, by speed and history."""
    roots = np.empty((len(phi), _HISTORIES))
    falls = np.empty((len(phi), _HISTORIES))
    _simulate(_normals(), phi, begin, roots, falls)
    return roots, falls


@kernel
def _simulate(normals: Array, phi: Array, begin: Array, roots: Array, falls: Array) -> None:
    histories, steps = normals.shape
    for g in range(len(phi)):
        fade = phi[g]
        start = begin[g] / np.sqrt(1.0 - fade * fade)
        for h in range(histories):
            x = start
            sx = sy = sxx = sxy = syy = 0.0
            for t in range(steps):
                y = fade * x + normals[h, t]
                sx += x
                sy += y
                sxx += x * x
                sxy += x * y
                syy += y * y
                x = y
            cxx = sxx - sx * sx / steps
            cxy = sxy - sx * sy / steps
            cyy = syy - sy * sy / steps
            slope = cxy / cxx
            least = cyy - slope * cxy
            at_speed = cyy - 2.0 * fade * cxy + fade * fade * cxx
            at_level = syy - sxy * sxy / sxx
            root = np.sqrt(max(steps * log(at_speed / least), 0.0))
            roots[g, h] = root if slope < fade else -root
            falls[g, h] = steps * log(at_level / least)
