"""Probabilities of rare events, by paths that were made to meet them more often."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import Refusal
from engine.statistics.estimates import Estimate
from engine.statistics.layout import Layout, laid_out
from engine.statistics.linearised import check_confidence
from engine.statistics.moments import linear_mean

__all__ = ["RareEvent", "rare_event"]

Floats = NDArray[np.float64]

# The square of a larger ratio is beyond what a double holds.
_LARGEST_LOG: Final = 300.0


@dataclass(frozen=True)
class RareEvent:
    """Probability of an event, from paths of a world in which it is less rare.

    Parameters
    ----------
    probability : Estimate
        With its error and interval; n is the number of paths.
    seen : int
        Paths that met the event.
    plain_paths : float
        Paths that plain simulation would need for the same standard error, p (1 - p) / error^2;
        NaN where the error is unknown.
    work_saved : float
        Those over the paths that were run: above 1 where sampling otherwise was worth it.
    mean_weight, mean_weight_error : float
        Mean of all weights, and its standard error: 1, unless the weights do not belong to the
        paths, or nearly all of their sum is in paths that were never met.
    """

    probability: Estimate
    seen: int
    plain_paths: float
    work_saved: float
    mean_weight: float
    mean_weight_error: float


def rare_event(
    met: ArrayLike, log_weights: ArrayLike, *, unit: int = 1, confidence: float = 0.95
) -> RareEvent:
    """Estimate the probability of an event by importance sampling.

    Parameters
    ----------
    met : array_like of bool, shape (paths,)
        Whether each path met the event: ruin, a drawdown, a barrier.
    log_weights : array_like of float, shape (paths,)
        Logarithm of the likelihood of each path in the world that is asked about, over that in
        the world that it was drawn from (`GBM.log_weights`).
    unit : int
        Paths in a row that depend on each other, 2 of antithetic pairs.
    confidence : float
        Level of the interval.

    Returns
    -------
    RareEvent
        The probability with its error, and the paths that plain simulation would have needed.

    Raises
    ------
    Refusal
        If the shapes differ, or something is no event or no weight.

    Notes
    -----
    The estimate is the mean of 1{event} w over all paths, unbiased for any world that allows what
    the other does [1]_. Its interval is symmetric in the logarithm and widened to the side to which
    the contributions are skewed; of fewer than five paths that met the event there is none. Plain
    simulation needs about 100 / p paths to know p to a tenth.

    References
    ----------
    .. [1] Glasserman (2004), "Monte Carlo methods in financial engineering", section 4.6.

    Examples
    --------
    The chance that a future falls by half within a year, about 4 in 10,000, from 4,000 paths of
    a world in which it tends to:

    >>> import engine as mc
    >>> world, sampled = mc.GBM(mu=0.05, sigma=0.2), mc.GBM(mu=-0.7, sigma=0.2)
    >>> block = sampled.paths(s0=100.0, steps=252, dt=1 / 252, seeds=range(4000))
    >>> fell = block.low <= 50.0
    >>> weights = world.log_weights(block, sampled=sampled, at=fell.argmax(axis=1))
    >>> found = mc.rare_event(fell.any(axis=1), weights)
    >>> found.work_saved > 20.0
    True
    """
    check_confidence(confidence)
    hit = np.asarray(met)
    try:
        logs = np.asarray(log_weights, dtype=np.float64)
    except (TypeError, ValueError):
        raise Refusal("log_weights", "no array of numbers", "one number for each path") from None
    if hit.ndim != 1 or hit.shape != logs.shape or len(hit) == 0:
        raise Refusal("log_weights", f"shape {logs.shape}", f"(paths,) as of met, {hit.shape}")
    if unit < 1 or len(hit) % unit:
        raise Refusal("unit", str(unit), f"1 or more, a divisor of {len(hit)} paths")
    if np.isnan(logs).any():
        raise Refusal("log_weights", "a value that is not a number", "numbers, or minus infinity")
    if logs.max() > _LARGEST_LOG:
        raise Refusal(
            "log_weights",
            f"{logs.max():g}",
            f"at most {_LARGEST_LOG:g}",
            hint="they are logarithms of likelihood ratios, whose mean is 1",
        )
    if hit.dtype != np.bool_ and not np.isin(hit, (0, 1)).all():
        raise Refusal("met", "values other than true and false", "whether each path met the event")
    hit, weights = hit.astype(np.bool_), np.exp(logs)
    layout = Layout.of(np.zeros(len(hit), dtype=np.int64), np.arange(len(hit)) // unit)
    values, layout = laid_out(np.where(hit, weights, 0.0), layout)
    seen = int(hit.sum())
    linear = replace(linear_mean(values, layout), shape="skewed logarithm")
    met_units = np.unique(np.flatnonzero(hit) // unit).size
    made = replace(linear, carriers=np.array([met_units])).estimates(confidence)[0]
    made = replace(made, high=min(made.high, 1.0) if made.high == made.high else made.high)
    p, error = made.value, made.std_error
    plain = p * (1.0 - p) / error**2 if error > 0.0 else float("nan")
    every = linear_mean(weights, layout)
    spread = float(np.sqrt(every.variances()[0]))
    return RareEvent(made, seen, plain, plain / len(hit), float(every.value[0]), spread)
