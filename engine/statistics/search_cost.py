"""What a search cost: every figure on overfitting, from the outcomes of all that was tried."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import Refusal
from engine.statistics.overfitting import probability_of_backtest_overfitting
from engine.statistics.sharpe_inference import (
    expected_maximum,
    minimum_track_record_length,
    probabilistic_sharpe_ratio,
)
from engine.statistics.superior import reality_check, superior_predictive_ability
from engine.statistics.trials import effective_trials

__all__ = ["FEWEST_BLOCKS", "SearchCost", "search_cost"]

Floats = NDArray[np.float64]

#: With fewer blocks halves of them, moments and resamples say next to nothing.
FEWEST_BLOCKS = 8

# Combinations of 16 blocks are 12,870, of 12 blocks 924.
_SPLITS, _FEWER_SPLITS, _MANY_TRIALS = 16, 12, 1000
# Elements of a matrix of draws and trials.
_BLOCK = 20_000_000


@dataclass(frozen=True)
class SearchCost:
    """What is left of the chosen trial once the search for it is counted in.

    Parameters
    ----------
    effective_trials : float
        Independent trials that the search amounts to.
    groups : int or None
        Groups of similar trials among those compared; None where they are too many to group.
    expected_maximum : float
        What the best of as many shows without skill, in standard errors of a trial's estimate.
    probabilistic_sharpe : float
        Probability that the chosen trial's Sharpe ratio is above 0, as if it had been the only one.
    deflated_sharpe : float
        Probability that it is above what the best of as many shows without skill.
    minimum_record : float
        Blocks needed for the first probability to be 95 %; infinite where the ratio is not above 0.
    overfitting_probability, degradation_slope, loss_probability : float
        By cross-validation of choosing the best in sample: that it ranks in the lower half out of
        sample, the slope of its ratio out of sample on that in sample, that it loses out of sample.
        NaN of one trial.
    reality_check, superior_ability : float
        p-values of no trial earning more than nothing: White's, and Hansen's consistent one.
    """

    effective_trials: float
    groups: int | None
    expected_maximum: float
    probabilistic_sharpe: float
    deflated_sharpe: float
    minimum_record: float
    overfitting_probability: float
    degradation_slope: float
    loss_probability: float
    reality_check: float
    superior_ability: float


def search_cost(
    outcomes: ArrayLike, best: int, *, tried: int, block_length: float, seed: int
) -> SearchCost:
    """Count in what the search for a trial cost.

    Parameters
    ----------
    outcomes : array_like, shape (blocks, trials)
        Returns or profits of trials on the same stretches of time or blocks of paths; 0 where
        nothing was held, no NaN.
    best : int
        Position of the one that was chosen.
    tried : int
        Different parameter sets that were ever tried, those whose outcomes cannot be put beside
        these among them; at least as many as there are here.
    block_length : float
        Mean length of the runs of blocks in which the tests resample: 1 for blocks of paths.
    seed : int
        Key of the Philox generators.

    Returns
    -------
    SearchCost
        What the search explains of the best trial.

    Raises
    ------
    Refusal
        If the shape is another, an outcome is not finite, or the chosen trial does not vary.

    Notes
    -----
    Blocks are the observations: the chosen trial's Sharpe ratio per block, with the skewness and
    kurtosis of its blocks, goes into the probabilistic Sharpe ratio [1]_, and into the deflated
    one [2]_ with the benchmark E / sqrt(blocks - 1), E the expected maximum of the effective
    number of standard normal numbers: if no trial has skill, that is how far the best stands out.
    The effective number is that of the trials compared, times `tried` over their number: those
    that cannot be compared count as different as these are among themselves. Halves of 16 blocks
    (12 of more than 1,000 trials) give the probability of backtest overfitting [3]_.

    References
    ----------
    .. [1] Bailey and López de Prado (2012), "The Sharpe ratio efficient frontier".
    .. [2] Bailey and López de Prado (2014), "The deflated Sharpe ratio".
    .. [3] Bailey, Borwein, López de Prado and Zhu (2017), "The probability of backtest
       overfitting".

    Examples
    --------
    >>> rng = np.random.Generator(np.random.Philox(5))
    >>> noise = rng.normal(size=(64, 40))
    >>> best = int((noise.mean(axis=0) / noise.std(axis=0)).argmax())
    >>> found = search_cost(noise, best, tried=40, block_length=1.0, seed=1)
    >>> found.probabilistic_sharpe > 0.95, found.deflated_sharpe < 0.95
    (True, True)
    """
    x = np.asarray(outcomes, dtype=np.float64)
    if x.ndim != 2 or x.shape[0] < FEWEST_BLOCKS or x.shape[1] < 1:
        raise Refusal("outcomes", f"shape {x.shape}", f"({FEWEST_BLOCKS} blocks or more, trials)")
    blocks, trials = x.shape
    if tried < trials:
        raise Refusal("tried", str(tried), f"at least the {trials} trials compared")
    own = x[:, best]
    spread = float(own.std(ddof=1))
    if not spread > 1e-12 * float(np.abs(own).max()):
        raise Refusal("best", "a trial whose outcome is the same on every block", "one that varies")
    counted = effective_trials(x.T, seed=seed, draws=_draws(trials))
    effective = min(counted.count * tried / trials, float(tried))
    maximum = expected_maximum(max(effective, 1.0))
    ratio = float(own.mean()) / spread
    z = (own - own.mean()) / own.std()
    moments = {"skew": float((z**3).mean()), "kurtosis": float((z**4).mean())}
    benchmark = maximum / math.sqrt(blocks - 1.0)
    probability, slope, loss = _cross_validated(x)
    settings = {"block_length": block_length, "seed": seed, "draws": _draws(trials)}
    return SearchCost(
        effective_trials=effective,
        groups=counted.cluster_count or None,
        expected_maximum=maximum,
        probabilistic_sharpe=float(probabilistic_sharpe_ratio(ratio, 0.0, blocks, **moments)),
        deflated_sharpe=float(probabilistic_sharpe_ratio(ratio, benchmark, blocks, **moments)),
        minimum_record=float(minimum_track_record_length(ratio, 0.0, **moments)),
        overfitting_probability=probability,
        degradation_slope=slope,
        loss_probability=loss,
        reality_check=reality_check(x, **settings),  # type: ignore[arg-type]
        superior_ability=superior_predictive_ability(x, **settings).consistent,  # type: ignore[arg-type]
    )


def _draws(trials: int) -> int:
    return int(np.clip(_BLOCK // trials, 200, 2000))


def _cross_validated(x: Floats) -> tuple[float, float, float]:
    blocks, trials = x.shape
    if trials < 2:
        return math.nan, math.nan, math.nan
    splits = min(_SPLITS if trials <= _MANY_TRIALS else _FEWER_SPLITS, blocks // 2 // 2 * 2)
    found = probability_of_backtest_overfitting(x, splits=splits)
    return found.probability, found.slope, found.loss_probability
