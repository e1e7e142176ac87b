"""Haircuts: Sharpe ratios marked down for how many were tried."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import Refusal
from engine.statistics.distributions import student_probabilities, student_quantile
from engine.statistics.multiplicity import ADJUSTMENTS

__all__ = ["Haircuts", "sharpe_haircuts"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Haircuts:
    """Sharpe ratios of all trials after a correction for their number.

    Parameters
    ----------
    p_value, adjusted : ndarray of float64, shape (trials,)
        Two-sided, of no edge: of each trial alone, and given all of them.
    sharpe : ndarray of float64, shape (trials,)
        The Sharpe ratio that alone would have the adjusted p-value; annual.
    haircut : ndarray of float64, shape (trials,)
        Share of the Sharpe ratio that is taken off, 0 to 1.
    """

    p_value: Floats
    adjusted: Floats
    sharpe: Floats
    haircut: Floats


def sharpe_haircuts(
    sharpe: ArrayLike, years: ArrayLike, n: ArrayLike, *, method: str = "holm"
) -> Haircuts:
    """Mark Sharpe ratios down for the number of trials.

    Parameters
    ----------
    sharpe : array_like, shape (trials,)
        Annual Sharpe ratios of everything that was tried, the failures too. NaN is not counted.
    years : array_like
        Length of the history behind each.
    n : array_like
        Returns behind each, at least 3.
    method : str
        One of `multiplicity.ADJUSTMENTS`: bonferroni, holm, benjamini_hochberg or
        benjamini_yekutieli (the papers' BHY).

    Returns
    -------
    Haircuts
        One per trial.

    Raises
    ------
    ValueError
        If the method is unknown or there are fewer than 3 returns.

    Notes
    -----
    t = SR sqrt(years) has Student's law with n - 1 degrees of freedom under no edge; its two-sided
    p-value is adjusted for all trials and turned back into a Sharpe ratio [1]_. Where the paper
    has to simulate the other trials, the ledger knows them.

    References
    ----------
    .. [1] Harvey and Liu (2015), "Backtesting", Journal of Portfolio Management 42.

    Examples
    --------
    >>> found = sharpe_haircuts([1.0] + [0.1] * 9, years=10, n=120, method="bonferroni")
    >>> round(float(found.sharpe[0]), 3), round(float(found.haircut[0]), 3)
    (0.747, 0.253)
    """
    if method not in ADJUSTMENTS:
        raise Refusal("method", repr(method), ", ".join(ADJUSTMENTS))
    ratio = np.atleast_1d(np.asarray(sharpe, dtype=np.float64))
    span = np.broadcast_to(np.asarray(years, dtype=np.float64), ratio.shape)
    count = np.broadcast_to(np.asarray(n, dtype=np.float64), ratio.shape)
    if np.any(count < 3) or np.any(~(span > 0.0)):
        raise Refusal("n, years", "too short a history", "from 3 returns, above 0")
    freedom = count - 1.0
    p_value = 2.0 * student_probabilities(-np.abs(ratio) * np.sqrt(span), freedom)
    p_value = np.where(np.isnan(ratio), np.nan, np.minimum(p_value, 1.0))
    adjusted = ADJUSTMENTS[method](p_value)
    left = np.array(
        [
            _statistic(p, degrees) if p < 1.0 else (0.0 if p == 1.0 else np.nan)
            for p, degrees in zip(adjusted.tolist(), freedom.tolist(), strict=True)
        ]
    )
    reduced = np.sign(ratio) * np.minimum(left / np.sqrt(span), np.abs(ratio))
    with np.errstate(divide="ignore", invalid="ignore"):
        haircut = np.where(ratio == 0.0, 0.0, 1.0 - reduced / ratio)
    return Haircuts(p_value, adjusted, reduced, haircut)


def _statistic(p_value: float, freedom: float) -> float:
    # A smaller p-value belongs to a t beyond any history.
    return student_quantile(1.0 - max(p_value, 1e-15) / 2.0, freedom)
