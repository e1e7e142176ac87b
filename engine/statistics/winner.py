"""Estimates of the best parameter set, corrected for its having been chosen."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.errors import Refusal
from engine.statistics.distributions import normal_probability, student_quantile
from engine.statistics.estimates import Estimate, Method
from engine.statistics.linearised import Linearised, check_confidence
from engine.statistics.selection import best_of, ranked_matrix

__all__ = ["Winner", "winner"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Winner:
    """What the chosen parameter set is worth, given that it was chosen for its outcomes.

    Parameters
    ----------
    index : int
        Its position.
    naive : Estimate
        Its estimate as if it had been named beforehand: too good on average.
    corrected : Estimate
        Median-unbiased estimate and interval that hold for whichever set won.
    """

    index: int
    naive: Estimate
    corrected: Estimate

    @property
    def shrinkage(self) -> float:
        """How much of the naive estimate the choice explains."""
        return self.naive.value - self.corrected.value


def winner(of: Linearised, confidence: float = 0.95, *, maximise: bool = True) -> Winner:
    """Estimate the set that came out best, corrected for having been chosen.

    Parameters
    ----------
    of : Linearised
        One statistic of all sets that were compared, on the same paths. The correction knows
        only the sets in it.
    confidence : float
        Level of the intervals.
    maximise : bool
        Whether more is better.

    Returns
    -------
    Winner
        The naive and the corrected estimate of the best set.

    Raises
    ------
    ValueError
        If the sets do not share nine of ten of their paths, or none has a defined value.

    Notes
    -----
    Given the other sets' parts that do not move with the winner's estimate X, it is a normal
    number truncated to where the winner still wins. The corrected estimate is the mean of that
    law under which X is its median, and the interval's ends those under which X is its
    0.975 and 0.025 quantile: unbiased, and valid, given that this set won [1]_. The law is
    further truncated to X within c standard errors of the truth, c the level at which all sets
    together are covered with probability 1 - (1 - confidence) / 10: the hybrid that is never much
    longer than simultaneous intervals. With few paths the standard
    error is widened by the ratio of Student's quantile to the normal one.

    References
    ----------
    .. [1] Andrews, Kitagawa and McCloskey (2024), "Inference on winners", Quarterly Journal of
       Economics 139.

    Examples
    --------
    >>> from engine.statistics.moments import means
    >>> noise = np.random.Generator(np.random.Philox(key=5)).normal(size=(20, 50))
    >>> found = winner(means(noise))
    >>> found.naive.value > found.corrected.value
    True
    """
    check_confidence(confidence)
    value, influence = ranked_matrix(of, maximise)
    sets, units = influence.shape
    if np.isnan(value).all():
        raise Refusal(
            "of",
            "no parameter set has a defined value",
            hint="choose a statistic that is defined for one of them",
        )
    index = best_of(of, maximise)
    naive = of.estimates(confidence)[index]
    sign = 1.0 if maximise else -1.0
    scale = units * (units - 1.0)
    covariance = influence @ influence[index] / scale if units > 1 else np.zeros(sets)
    variance = float(covariance[index])
    if not variance > 0.0 or math.isnan(naive.std_error):
        return Winner(index, naive, naive)
    low, high = _truncation(value, covariance, index)
    x, tail = float(value[index]), 1.0 - confidence
    freedom = units - 1.0
    inflation = student_quantile(0.5 + confidence / 2, freedom) / student_quantile(
        0.5 + confidence / 2, 1e9
    )
    error = math.sqrt(variance) * inflation
    beta = tail / 10.0
    reach = student_quantile(1.0 - beta / (2.0 * max(sets, 1)), 1e9)
    rest = (tail - beta) / (1.0 - beta)

    def at(probability: float) -> float:
        return _truncated_mean(x, error, low, high, reach, probability)

    ends = (at(1.0 - rest / 2.0), at(0.5), at(rest / 2.0))
    bottom, centre, top = (sign * end for end in ends)
    corrected = Estimate(
        centre,
        error,
        min(bottom, top),
        max(bottom, top),
        naive.n,
        Method.SIMULTANEOUS,
        naive.idle,
    )
    return Winner(index, naive, corrected)


def _truncation(value: Floats, covariance: Floats, index: int) -> tuple[float, float]:
    """Between which values of its estimate the winner still wins."""
    slope = covariance / covariance[index]
    rest = value - slope * value[index]
    lead = 1.0 - slope
    others = ~np.isnan(value) & (np.abs(lead) > 1e-9)
    others[index] = False
    with np.errstate(divide="ignore", invalid="ignore"):
        at = rest / lead
    below, above = others & (lead > 0.0), others & (lead < 0.0)
    low = float(at[below].max()) if below.any() else -math.inf
    high = float(at[above].min()) if above.any() else math.inf
    return low, high


def _truncated_mean(
    x: float, error: float, low: float, high: float, reach: float, probability: float
) -> float:
    """Mean under which a truncated normal law has this probability below x."""
    bottom, top = x - reach * error, x + reach * error
    for _ in range(200):
        mean = 0.5 * (bottom + top)
        first = (max(low, mean - reach * error) - mean) / error
        last = (min(high, mean + reach * error) - mean) / error
        at = min(max((x - mean) / error, first), last)
        # In the upper tail differences of probabilities keep their digits on the other side.
        if first > 0.0:
            below = normal_probability(-first) - normal_probability(-at)
            whole = normal_probability(-first) - normal_probability(-last)
        else:
            below = normal_probability(at) - normal_probability(first)
            whole = normal_probability(last) - normal_probability(first)
        share = below / whole if whole > 0.0 else 0.5
        if share > probability:
            bottom = mean
        else:
            top = mean
        if top - bottom <= 1e-12 * error:
            break
    return 0.5 * (bottom + top)
