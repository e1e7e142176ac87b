"""Quantiles of a sample of which some values are known to be that large or larger alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["censored_quantiles"]


def censored_quantiles(
    values: NDArray[np.float64], censored: NDArray[np.bool_], at: NDArray[np.float64]
) -> NDArray[np.float64]:
    r"""Return quantiles of the law of values, by the product-limit estimate of its survival.

    Parameters
    ----------
    values : ndarray of float64, shape (n,)
        What was seen, one at least.
    censored : ndarray of bool, shape (n,)
        Where the value is that large or larger.
    at : ndarray of float64, shape (m,)
        Probabilities.

    Returns
    -------
    ndarray of float64, shape (m,)
        The smallest value with :math:`1 - S(t) >= p`; the largest one where there is none.

    Notes
    -----
    :math:`S(t) = \prod_{t_i <= t} (1 - d_i / n_i)` with `d_i` values that end at `t_i` of the
    `n_i` that are as large (Kaplan and Meier, Journal of the American Statistical Association 53
    (1958), 457-481).

    Examples
    --------
    >>> import numpy as np
    >>> seen, more = np.array([1.0, 2.0, 2.0, 5.0]), np.array([False, False, True, False])
    >>> censored_quantiles(seen, more, np.array([0.2, 0.4, 0.6, 0.9])).tolist()
    [1.0, 2.0, 5.0, 5.0]
    """
    levels = np.unique(values)
    ended = np.searchsorted(levels, values[~censored])
    ends = np.bincount(ended, minlength=len(levels))
    as_large = len(values) - np.searchsorted(np.sort(values), levels, "left")
    reached = 1.0 - np.cumprod(1.0 - ends / as_large)
    places = np.searchsorted(reached, at - 1e-12, "left")
    return levels[np.minimum(places, len(levels) - 1)]
