"""Volatility from open, high, low and close: estimators that use more than the closes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engine.bars import Bars
from engine.clock import bar_years
from engine.errors import Refusal

__all__ = ["VOLATILITY_ESTIMATORS", "VolatilityEstimator", "range_volatility"]

Array = NDArray[np.float64]
VolatilityEstimator = Literal[
    "close", "realised", "parkinson", "garman_klass", "rogers_satchell", "yang_zhang"
]
VOLATILITY_ESTIMATORS: tuple[VolatilityEstimator, ...] = (
    "close",
    "realised",
    "parkinson",
    "garman_klass",
    "rogers_satchell",
    "yang_zhang",
)


def range_volatility(
    bars: Bars,
    estimator: VolatilityEstimator = "yang_zhang",
    *,
    weights: Array | None = None,
) -> tuple[float, float]:
    r"""Annual volatility and its standard error.

    Parameters
    ----------
    bars : Bars
        The history.
    estimator : str
        ``close``: deviation of the close-to-close log returns (n - 1 in the denominator).
        ``realised``: root of the mean squared return, for intraday bars with the gaps between
        sessions counted. ``parkinson`` [1]_ and ``garman_klass`` [2]_ from the range inside the
        bar, ``rogers_satchell`` [3]_ the same for any drift; all three miss the gap between bars.
        ``yang_zhang`` [4]_ adds the gap and is the most precise.
    weights : ndarray, shape (bars - 1,), optional
        Weight of each bar but the first.

    Returns
    -------
    sigma, std_error : float
        Per root year. The error comes from the spread of the bars' own variances; it takes bars as
        independent and is too small where volatility clusters.

    Raises
    ------
    ValueError
        If the estimator is unknown, a price is not positive, or there are fewer than 3 bars.

    References
    ----------
    .. [1] Parkinson, M. (1980). Journal of Business 53, 61-65.
    .. [2] Garman, M., Klass, M. (1980). Journal of Business 53, 67-78.
    .. [3] Rogers, L., Satchell, S. (1991). Annals of Applied Probability 1, 504-512.
    .. [4] Yang, D., Zhang, Q. (2000). Journal of Business 73, 477-491.
    """
    if estimator not in VOLATILITY_ESTIMATORS:
        raise Refusal("volatility", repr(estimator), ", ".join(VOLATILITY_ESTIMATORS))
    if len(bars) < 3:
        raise Refusal(f"{bars.symbol} bars", str(len(bars)), ">= 3")
    if not np.all(bars.low > 0.0):
        row = int((bars.low <= 0.0).argmax())
        raise Refusal(f"{bars.symbol} low", f"{bars.low[row]:g} at bar {row}", "> 0")
    count = len(bars) - 1
    w = np.ones(count) if weights is None else np.asarray(weights, dtype=np.float64)
    w = w / w.mean()
    variances = _ESTIMATORS[estimator](bars, w)
    mean = float(np.mean(w * variances))
    # Weights are not random; only the bars' variances are.
    spread = math.sqrt(float(np.sum((w * (variances - mean)) ** 2))) / count
    per_year = 1.0 / bar_years(bars.bars_per_year, bars.calendar)
    sigma = math.sqrt(max(mean * per_year, 0.0))
    error = spread * per_year / (2.0 * sigma) if sigma > 0.0 else math.nan
    return sigma, error


def _close(bars: Bars, w: Array) -> Array:
    returns = np.diff(np.log(bars.close))
    return np.asarray((returns - np.mean(w * returns)) ** 2 * len(w) / (len(w) - 1))


def _realised(bars: Bars, w: Array) -> Array:
    return np.asarray(np.diff(np.log(bars.close)) ** 2)


def _parkinson(bars: Bars, w: Array) -> Array:
    return np.asarray(np.log(bars.high[1:] / bars.low[1:]) ** 2 / (4.0 * math.log(2.0)))


def _garman_klass(bars: Bars, w: Array) -> Array:
    body = np.log(bars.close[1:] / bars.open[1:])
    wide = np.log(bars.high[1:] / bars.low[1:])
    return np.asarray(0.5 * wide**2 - (2.0 * math.log(2.0) - 1.0) * body**2)


def _rogers_satchell(bars: Bars, w: Array) -> Array:
    high, low = np.log(bars.high[1:] / bars.open[1:]), np.log(bars.low[1:] / bars.open[1:])
    body = np.log(bars.close[1:] / bars.open[1:])
    return np.asarray(high * (high - body) + low * (low - body))


def _yang_zhang(bars: Bars, w: Array) -> Array:
    n = len(w)
    gap = np.log(bars.open[1:] / bars.close[:-1])
    body = np.log(bars.close[1:] / bars.open[1:])
    share = 0.34 / (1.34 + (n + 1) / (n - 1))
    unbiased = n / (n - 1)
    overnight = (gap - np.mean(w * gap)) ** 2 * unbiased
    session = (body - np.mean(w * body)) ** 2 * unbiased
    return np.asarray(overnight + share * session + (1.0 - share) * _rogers_satchell(bars, w))


_ESTIMATORS: dict[str, Callable[[Bars, Array], Array]] = {
    "close": _close,
    "realised": _realised,
    "parkinson": _parkinson,
    "garman_klass": _garman_klass,
    "rogers_satchell": _rogers_satchell,
    "yang_zhang": _yang_zhang,
}
