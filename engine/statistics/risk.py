"""Value at risk and conditional value at risk of a sample of returns: historical, normal, modified.

Signs: a *return* quantile is what it is, so a loss is negative, as in empyrical and quantstats.
The statistics of a study report losses as positive numbers (`engine.results.statistics`).
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import Refusal
from engine.statistics.distributions import normal_quantile

__all__ = ["conditional_value_at_risk", "value_at_risk"]


def value_at_risk(
    returns: ArrayLike,
    cutoff: float = 0.05,
    *,
    method: Literal["historical", "normal", "cornish_fisher"] = "historical",
    ddof: int = 1,
) -> float:
    """Quantile of the returns at probability `cutoff`.

    Parameters
    ----------
    returns : array_like, shape (n,)
        Returns; NaN marks undefined ones, which are left out.
    cutoff : float
        Probability of a return below the result.
    method : {"historical", "normal", "cornish_fisher"}
        ``historical``: the sample quantile, interpolated linearly (type 7). ``normal``: mean + z
        standard deviations. ``cornish_fisher``: with z adjusted for skewness and excess kurtosis.
    ddof : int
        Of the standard deviation, for the two parametric methods.

    Returns
    -------
    float
        NaN without returns.

    Raises
    ------
    ValueError
        If the cutoff or the method is not allowed.

    Notes
    -----
    Cornish and Fisher (1937), "Moments and cumulants in the specification of distributions", with
    biased sample skewness S and excess kurtosis K:
    z + (z^2 - 1) S / 6 + (z^3 - 3 z) K / 24 - (2 z^3 - 5 z) S^2 / 36.

    Examples
    --------
    >>> round(value_at_risk([-0.03, -0.01, 0.0, 0.02], 0.25), 4)
    -0.015
    """
    x = _checked(returns, cutoff)
    if len(x) == 0:
        return math.nan
    if method == "historical":
        return float(np.quantile(x, cutoff))
    if method not in ("normal", "cornish_fisher"):
        raise Refusal("method", repr(method), "historical, normal, cornish_fisher")
    if len(x) <= ddof:
        return math.nan
    z = normal_quantile(cutoff)
    if method == "cornish_fisher":
        z = _cornish_fisher(x, z)
    return float(x.mean()) + z * float(x.std(ddof=ddof))


def conditional_value_at_risk(
    returns: ArrayLike,
    cutoff: float = 0.05,
    *,
    method: Literal["historical", "worst", "normal"] = "historical",
    ddof: int = 1,
) -> float:
    """Mean of the returns at or below the value at risk.

    Parameters
    ----------
    returns : array_like, shape (n,)
        Returns; NaN marks undefined ones, which are left out.
    cutoff : float
        Probability of the tail.
    method : {"historical", "worst", "normal"}
        ``historical``: mean of the returns at or below the historical value at risk. ``worst``:
        mean of the max(1, floor(n cutoff)) worst. ``normal``: mean - phi(z) / cutoff standard
        deviations.
    ddof : int
        Of the standard deviation, for ``normal``.

    Returns
    -------
    float
        NaN without returns.

    Raises
    ------
    ValueError
        If the cutoff or the method is not allowed.

    Examples
    --------
    >>> round(conditional_value_at_risk([-0.03, -0.01, 0.0, 0.02], 0.25), 4)
    -0.03
    """
    x = _checked(returns, cutoff)
    if len(x) == 0:
        return math.nan
    if method == "historical":
        return float(x[x <= np.quantile(x, cutoff)].mean())
    if method == "worst":
        # Rounding guards against 0.05 * 20 = 1.0000000000000002 and its likes below a whole.
        count = max(1, int(round(len(x) * cutoff, 9)))
        return float(np.sort(x)[:count].mean())
    if method != "normal":
        raise Refusal("method", repr(method), "historical, worst, normal")
    if len(x) <= ddof:
        return math.nan
    z = normal_quantile(cutoff)
    density = math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    return float(x.mean()) - density / cutoff * float(x.std(ddof=ddof))


def _checked(returns: ArrayLike, cutoff: float) -> NDArray[np.float64]:
    if not 0.0 < cutoff < 1.0:
        raise Refusal("cutoff", str(cutoff), "above 0 and below 1")
    x = np.asarray(returns, dtype=np.float64)
    kept: NDArray[np.float64] = x[~np.isnan(x)]
    return kept


def _cornish_fisher(x: NDArray[np.float64], z: float) -> float:
    centred = x - x.mean()
    variance = float((centred**2).mean())
    if variance == 0.0:
        return z
    skew = float((centred**3).mean()) / variance**1.5
    excess = float((centred**4).mean()) / variance**2 - 3.0
    adjusted: float = (
        z
        + (z * z - 1) * skew / 6
        + (z**3 - 3 * z) * excess / 24
        - (2 * z**3 - 5 * z) * skew * skew / 36
    )
    return adjusted
