"""Covariances of members, shrunk so that they can be inverted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["shrunk_covariance"]

Floats = NDArray[np.float64]


def shrunk_covariance(outcomes: Floats) -> tuple[Floats, float]:
    """Estimate a covariance, shrunk towards equal variances without correlation.

    Parameters
    ----------
    outcomes : ndarray of float64, shape (observations, members)
        Independent observations.

    Returns
    -------
    covariance : ndarray of float64, shape (members, members)
        Positive definite unless all variances are 0.
    intensity : float
        The weight of the target, from 0 to 1.

    Notes
    -----
    Ledoit and Wolf (2004), "A well-conditioned estimator for large-dimensional covariance
    matrices": of (1 - d) S + d m I, with m the mean variance, the d of least expected error.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> covariance, intensity = shrunk_covariance(rng.normal(size=(200, 3)))
    >>> covariance.shape, 0.0 <= intensity <= 1.0
    ((3, 3), True)
    """
    count, members = outcomes.shape
    centred = outcomes - outcomes.mean(axis=0)
    sample = centred.T @ centred / count
    level = float(np.trace(sample)) / members
    target = level * np.eye(members)
    distance = float(((sample - target) ** 2).sum())
    if distance == 0.0:
        return target, 1.0
    # The mean squared distance of single observations' products from their mean.
    squares = centred**2
    spread = float((squares.T @ squares).sum() / count - (sample**2).sum()) / count
    intensity = min(max(spread / distance, 0.0), 1.0)
    return (1.0 - intensity) * sample + intensity * target, intensity
