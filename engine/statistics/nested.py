"""Variance between outer draws (of parameters, of histories) and within them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import Refusal

__all__ = ["NestedVariance", "nested_variance"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class NestedVariance:
    """Components of variance of outcomes from outer draws with several paths each.

    Parameters
    ----------
    mean : ndarray of float64, shape (sets,)
        Grand mean.
    between : ndarray of float64, shape (sets,)
        Variance of the draws' true means; 0 where paths alone explain their spread.
    between_error : ndarray of float64, shape (sets,)
        Standard error of `between`.
    within : ndarray of float64, shape (sets,)
        Variance of outcomes within a draw.
    mean_variance : ndarray of float64, shape (sets,)
        Variance of the grand mean over both draws and paths.
    draws, paths : int
        Outer draws, and paths of each.
    """

    mean: Floats
    between: Floats
    between_error: Floats
    within: Floats
    mean_variance: Floats
    draws: int
    paths: int


def nested_variance(outcomes: ArrayLike, *, common_paths: bool = False) -> NestedVariance:
    """Analyse the variance of outcomes by outer draws: one-way random effects.

    Parameters
    ----------
    outcomes : array_like, shape (draws, paths) or (sets, draws, paths)
        Outcomes of each outer draw (of calibrated parameters, of a resampled history) on paths of
        its own, or on the same random numbers in every draw.
    common_paths : bool
        Whether path j has the same random numbers in every draw. What they share then cancels
        between draws, and is taken off (two-way random effects).

    Returns
    -------
    NestedVariance
        One per set.

    Raises
    ------
    ValueError
        If there are fewer than two draws or paths, or an outcome is not finite.

    Notes
    -----
    With a draws of n paths, mean squares MSB between draws and MSW within them,

        between = max(0, (MSB - MSW) / n),   var(mean) = MSB / (a n).

    With common paths MSW is the mean square of what is left after draws and paths, and
    var(mean) = (MSB + MSP - MSW) / (a n), MSP the mean square between paths [1]_. The standard
    error of `between` is sqrt(2 (MSB^2 / (a - 1) + MSW^2 / f)) / n, f the degrees of freedom of
    MSW.

    References
    ----------
    .. [1] Searle, Casella and McCulloch (1992), "Variance components", chapters 3 and 4.

    Examples
    --------
    >>> found = nested_variance([[1.0, 3.0], [5.0, 7.0], [3.0, 5.0]])
    >>> float(found.within[0]), float(found.between[0])
    (2.0, 3.0)
    """
    y = np.asarray(outcomes, dtype=np.float64)
    if y.ndim == 2:
        y = y[None]
    if y.ndim != 3 or min(y.shape[1:]) < 2:
        raise Refusal("outcomes", f"shape {y.shape}", "(sets, 2 draws or more, 2 paths or more)")
    if not np.isfinite(y).all():
        raise Refusal("outcomes", "a value that is not finite", "finite outcomes")
    draws, paths = y.shape[1:]
    grand = y.mean(axis=(1, 2))
    by_draw = y.mean(axis=2)
    deviations = by_draw - grand[:, None]
    between_square = paths * (deviations**2).sum(axis=1) / (draws - 1)
    residual = y - by_draw[:, :, None]
    mean_square = between_square
    freedom = draws * (paths - 1.0)
    if common_paths:
        by_path = y.mean(axis=1) - grand[:, None]
        residual = residual - by_path[:, None, :]
        freedom = (draws - 1.0) * (paths - 1.0)
        path_square = draws * (by_path**2).sum(axis=1) / (paths - 1)
    within_square = (residual**2).sum(axis=(1, 2)) / freedom
    if common_paths:
        mean_square = np.maximum(between_square + path_square - within_square, 0.0)
    spread = between_square**2 / (draws - 1) + within_square**2 / freedom
    return NestedVariance(
        grand,
        np.maximum((between_square - within_square) / paths, 0.0),
        np.sqrt(2.0 * spread) / paths,
        within_square,
        mean_square / (draws * paths),
        draws,
        paths,
    )
