"""Value at risk and expected shortfall of outcomes, for every parameter set at once."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import Refusal
from engine.statistics.distributions import normal_quantile
from engine.statistics.estimates import Estimates, Method
from engine.statistics.layout import Layout, laid_out
from engine.statistics.linearised import Linearised
from engine.statistics.moments import means, standard_deviations
from engine.statistics.quantiles import expected_shortfalls, quantiles
from engine.statistics.shape import standard_moments

__all__ = ["TailMethod", "expected_shortfall_of", "value_at_risk_of"]

Floats = NDArray[np.float64]
TailMethod = Literal["historical", "normal", "cornish_fisher"]
# Independent paths from which on outcomes of heavier tails (Student's law of four degrees) do not
# pass for normal: of 200 paths 7 % do, whose intervals cover 77 %.
_FEWEST_NORMAL = 500
# Standard errors that skewness and kurtosis of outcomes which pass for normal may be off.
_PASSES_FOR_NORMAL = 2.5
# From skewness and excess kurtosis to a factor of the standard deviation, and its derivatives by
# the two.
Factor = Callable[[Floats, Floats], tuple[Floats, Floats, float]]


def value_at_risk_of(
    losses: ArrayLike,
    level: float = 0.95,
    method: TailMethod = "historical",
    layout: Layout | None = None,
) -> Linearised:
    """Loss that is exceeded with probability 1 - level.

    Parameters
    ----------
    losses : array_like, shape (paths,), (sets, paths), or as `layout` says
        Positive numbers are losses: minus the P&L or return at the end, or at any bar inside the
        path. NaN marks missing ones, which are left out.
    level : float
        Such as 0.90, 0.95 or 0.99.
    method : {"historical", "normal", "cornish_fisher"}
        ``historical``: the quantile of the losses (`quantiles.quantiles`). ``normal``: mean + z
        standard deviations. ``cornish_fisher``: with z adjusted for skewness and kurtosis.
    layout : Layout, optional
        As in `moments.means`.

    Returns
    -------
    Linearised
        Its interval covers what the method is an estimate of: the mean and standard deviation of
        all losses say what a normal tail would be, not what the tail is; of outcomes that do not
        pass for normal there is none. ``cornish_fisher`` has no interval: it rests on skewness and
        kurtosis, which have none (`shape.skewnesses`).

    Raises
    ------
    ValueError
        If the level or the method is not allowed.

    Notes
    -----
    Cornish and Fisher (1937), with biased skewness S and excess kurtosis K: z + (z^2 - 1) S / 6 +
    (z^3 - 3 z) K / 24 - (2 z^3 - 5 z) S^2 / 36, z the normal quantile at `level`. The interval of
    ``normal`` is that of the logarithm of the distance to the mean, as of a standard deviation.
    Of fewer than 500 independent paths there is none. Nor is there where skewness is beyond 2.5
    standard errors of a normal law's, sqrt(6 / paths), or kurtosis above them, sqrt(24 / paths):
    on tails without a fourth moment (Student's law with three degrees of freedom) such an interval
    covers 88 to 91 %, however many paths there are, and a sample cannot tell whether it has one.

    Examples
    --------
    >>> value_at_risk_of(np.arange(1.0, 101.0), 0.95).estimates()[0].value
    95.05
    """
    z = _check(level, method)
    if method == "historical":
        return quantiles(losses, level, layout)
    if method == "normal":
        return _normal(losses, z, layout)

    def factor(s: Floats, k: Floats) -> tuple[Floats, Floats, float]:
        bend = (2.0 * z**3 - 5.0 * z) / 36.0
        by_s, by_k = (z * z - 1.0) / 6.0, (z**3 - 3.0 * z) / 24.0
        return z + by_s * s + by_k * k - bend * s * s, by_s - 2.0 * bend * s, by_k

    return _adjusted(losses, factor, layout)


def expected_shortfall_of(
    losses: ArrayLike,
    level: float = 0.95,
    method: TailMethod = "historical",
    layout: Layout | None = None,
) -> Linearised:
    """Mean of the losses beyond the value at risk. Parameters as of `value_at_risk_of`.

    Parameters
    ----------
    losses, level, method, layout
        As of `value_at_risk_of`.

    Returns
    -------
    Linearised
        In the unit of the losses.

    Notes
    -----
    ``historical`` is `quantiles.expected_shortfalls`; ``normal`` is mean + phi(z) / (1 - level)
    standard deviations; ``cornish_fisher`` is the mean beyond z of the adjusted z, phi(z) / (1 -
    level) (1 + z S / 6 + (z^2 - 1) K / 24 + (1 - 2 z^2) S^2 / 36), times the standard deviation
    (Maillard 2012, "A user's guide to the Cornish Fisher expansion").

    Examples
    --------
    >>> expected_shortfall_of(np.arange(1.0, 101.0), 0.95).estimates()[0].value
    98.0
    """
    z = _check(level, method)
    if method == "historical":
        return expected_shortfalls(losses, level, layout)
    density = math.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi) / (1.0 - level)

    if method == "normal":
        return _normal(losses, density, layout)

    def factor(s: Floats, k: Floats) -> tuple[Floats, Floats, float]:
        bend = density * (1.0 - 2.0 * z * z) / 36.0
        by_s, by_k = density * z / 6.0, density * (z * z - 1.0) / 24.0
        return density + by_s * s + by_k * k + bend * s * s, by_s + 2.0 * bend * s, by_k

    return _adjusted(losses, factor, layout)


def _normal(losses: ArrayLike, times: float, layout: Layout | None) -> Linearised:
    """Return the mean plus a number of standard deviations."""
    centre, spread = means(losses, layout), standard_deviations(losses, layout)
    gap = replace(
        spread,
        value=times * spread.value,
        contribution=centre.influence + times * spread.influence,
    )

    def own(confidence: float) -> Estimates:
        found = gap.estimates(confidence)
        shape = standard_moments(*laid_out(losses, layout))
        stated = ~np.isnan(found.std_error)
        few = stated & (gap.units < _FEWEST_NORMAL)
        with np.errstate(divide="ignore", invalid="ignore"):
            reach = _PASSES_FOR_NORMAL * np.sqrt(6.0 / gap.units)
            other = (np.abs(shape.skewness) > reach) | (shape.kurtosis - 3.0 > 2.0 * reach)
        other &= stated & ~few
        without = few | other
        method = np.where(few, Method.TOO_FEW.value, found.method)
        low, high = found.low + centre.value, found.high + centre.value
        return replace(
            found,
            value=found.value + centre.value,
            std_error=np.where(without, math.nan, found.std_error),
            low=np.where(without, math.nan, low),
            high=np.where(without, math.nan, high),
            method=np.where(other, Method.NO_INTERVAL.value, method),
        )

    return replace(gap, value=gap.value + centre.value, own=own)


def _adjusted(losses: ArrayLike, factor: Factor, layout: Layout | None) -> Linearised:
    """Mean plus a number of standard deviations that follows from skewness and kurtosis."""
    x, layout = laid_out(losses, layout)
    found = standard_moments(x, layout)
    n, centre, each = found.mean.n, found.mean.value, layout.spread_rows
    with np.errstate(divide="ignore", invalid="ignore"):
        times, by_skewness, by_kurtosis = factor(found.skewness, found.kurtosis - 3.0)
        deviation = np.sqrt(found.second * n / (n - 1.0))
        value = centre + times * deviation
        by_outcome = each(deviation * by_skewness) * found.by_skewness
        by_outcome += each(deviation * by_kurtosis) * found.by_kurtosis
        by_outcome += each(times / (2.0 * deviation)) * found.by_variance
    value = np.where(n > 1, np.where(found.second > 0.0, value, centre), math.nan)
    return found.statistic(value, found.x + np.nan_to_num(by_outcome))


def _check(level: float, method: str) -> float:
    if not 0.5 < level < 1.0:
        raise Refusal("level", str(level), "above 0.5 and below 1")
    if method not in ("historical", "normal", "cornish_fisher"):
        raise Refusal("method", repr(method), "historical, normal, cornish_fisher")
    return normal_quantile(level)
