"""What is left over when a model has been fitted: is it white, is it normal."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc

__all__ = ["autocorrelation", "jarque_bera", "ljung_box"]

Array = NDArray[np.float64]


def autocorrelation(series: Array, lags: int) -> Array:
    """Autocorrelations of a series, missing values left out pair by pair.

    Parameters
    ----------
    series : ndarray of float64, shape (n,)
        The series; NaN where missing.
    lags : int
        Largest lag.

    Returns
    -------
    ndarray of float64, shape (lags,)
        At lags 1, 2, ...

    Examples
    --------
    >>> autocorrelation(np.array([1.0, -1.0, 1.0, -1.0]), 1).tolist()
    [-0.75]
    """
    centred = np.where(np.isnan(series), 0.0, series - np.nanmean(series))
    total = float(centred @ centred)
    return np.array([float(centred[k:] @ centred[:-k]) / total for k in range(1, lags + 1)])


def ljung_box(series: Array, lags: int) -> tuple[float, float]:
    r"""Test that the first autocorrelations are zero.

    Parameters
    ----------
    series : ndarray of float64, shape (n,)
        The series; NaN where missing.
    lags : int
        How many autocorrelations.

    Returns
    -------
    statistic, p_value : float
        :math:`n (n + 2) \sum_k \rho_k^2 / (n - k)`, and the probability of a larger one [1]_.

    References
    ----------
    .. [1] Ljung, G., Box, G. (1978). On a measure of lack of fit in time series models. Biometrika
       65, 297-303.
    """
    n = int(np.sum(~np.isnan(series)))
    rho = autocorrelation(series, lags)
    statistic = float(n * (n + 2.0) * np.sum(rho**2 / (n - np.arange(1, lags + 1))))
    return statistic, float(chdtrc(lags, statistic))


def jarque_bera(series: Array) -> tuple[float, float]:
    """Test that skewness and kurtosis are those of a normal law.

    Parameters
    ----------
    series : ndarray of float64, shape (n,)
        The series; NaN where missing.

    Returns
    -------
    statistic, p_value : float
        ``n (skewness^2 + (kurtosis - 3)^2 / 4) / 6``, and the probability of a larger one [1]_.

    References
    ----------
    .. [1] Jarque, C., Bera, A. (1987). A test for normality of observations and regression
       residuals. International Statistical Review 55, 163-172.
    """
    known = series[~np.isnan(series)]
    centred = known - known.mean()
    spread = math.sqrt(float(np.mean(centred**2)))
    skewness = float(np.mean(centred**3)) / spread**3
    kurtosis = float(np.mean(centred**4)) / spread**4
    statistic = len(known) * (skewness**2 + 0.25 * (kurtosis - 3.0) ** 2) / 6.0
    return statistic, float(chdtrc(2, statistic))
