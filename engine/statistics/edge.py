"""Whether the best of many trials on one history has an edge, after what the search cost."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import Refusal
from engine.statistics.moments import means
from engine.statistics.superior import stationary_counts
from engine.statistics.winner import winner

__all__ = ["EdgeTest", "Finding", "excess_over_market", "find_edge"]

Floats = NDArray[np.float64]
Finding = Literal["edge", "no edge", "not to be told"]

# A trial whose mean lies more standard errors below zero than this does not count among those that
# the best must beat (Hansen 2005 takes sqrt(2 log log n), about 2 here).
_CLEARLY_WORSE = 3.0
# Share of a trial's returns below which its excess is rounding.
_ROUNDING = 1e-9
# Number of stretches of time that the correction treats as independent.
_STRETCHES = 100


@dataclass(frozen=True)
class EdgeTest:
    """What a history says of the best of many trials.

    Parameters
    ----------
    finding : {"edge", "no edge", "not to be told"}
        Whether the best beats what chance among as many trials would show; whether an edge of the
        size that matters is ruled out; or neither.
    trials : int
        How many were compared.
    best : int
        Position of the best, by its Sharpe ratio.
    years : float
        Length of the history.
    p_value : float
        Chance of a best as good, if no trial has an edge.
    sharpe : float
        Annual Sharpe ratio of the best's excess, as it looks.
    std_error : float
        Its standard error, by resampling.
    corrected : float
        Its median-unbiased estimate, given that it was picked as the best.
    low, high : float
        Interval of the corrected one at the confidence asked for.
    by_chance : float
        Sharpe ratio that the best of as many trials without an edge shows on average.
    needed_years : float
        Years of history in which an edge of the corrected size would be found as often as not;
        infinite where it is not above zero.
    """

    finding: Finding
    trials: int
    best: int
    years: float
    p_value: float
    sharpe: float
    std_error: float
    corrected: float
    low: float
    high: float
    by_chance: float
    needed_years: float


def excess_over_market(returns: ArrayLike, market: ArrayLike) -> Floats:
    """Subtract from the returns of trials what their average market exposure earned.

    Parameters
    ----------
    returns : array_like, shape (periods, trials)
        Returns of each trial.
    market : array_like, shape (periods,)
        Returns of what is traded, in the same periods.

    Returns
    -------
    ndarray of float64, shape (periods, trials)
        ``r - beta m`` with beta by least squares: a trial that only holds the market has none. 0
        throughout for a trial that never traded.

    Raises
    ------
    Refusal
        If the shapes do not fit.

    Notes
    -----
    The mean is Jensen's alpha (Jensen 1968) with cash at zero.

    Examples
    --------
    >>> market = np.array([0.01, -0.02, 0.03, 0.0])
    >>> excess_over_market(0.5 * market[:, None], market).round(12).tolist()
    [[0.0], [0.0], [0.0], [0.0]]
    """
    r = np.asarray(returns, dtype=np.float64)
    m = np.asarray(market, dtype=np.float64)
    if r.ndim != 2 or m.shape != r.shape[:1]:
        raise Refusal("returns", f"shapes {r.shape} and {m.shape}", "(periods, trials), (periods,)")
    centred = m - m.mean()
    variance = float(centred @ centred)
    if variance == 0.0:
        return r.copy()
    beta = centred @ (r - r.mean(axis=0)) / variance
    excess = r - m[:, None] * beta
    # What is left of a trial that only holds the market is rounding.
    rounding = np.abs(excess).max(axis=0) <= _ROUNDING * np.abs(r).max(axis=0)
    return np.asarray(np.where(rounding, 0.0, excess))


def find_edge(
    excess: ArrayLike,
    *,
    years: float,
    block_length: float,
    seed: int,
    draws: int = 2000,
    confidence: float = 0.95,
    smallest_edge: float = 0.5,
) -> EdgeTest:
    """Test the best of many trials against what chance among as many would show.

    Parameters
    ----------
    excess : array_like, shape (periods, trials)
        Excess returns of everything that was tried, in the same periods of one history.
    years : float
        Length of that history.
    block_length : float
        Mean length of the blocks in which periods are resampled, at least 1.
    seed : int
        Key of the Philox generator.
    draws : int
        Bootstrap samples.
    confidence : float
        One less the chance of finding an edge where there is none.
    smallest_edge : float
        Annual Sharpe ratio below which an edge does not matter.

    Returns
    -------
    EdgeTest

    Raises
    ------
    Refusal
        If the shape, the block length or the years are not allowed.

    Notes
    -----
    Periods are resampled in blocks, all trials at once (Politis and Romano 1994), so that their
    dependence on each other and in time is kept. The statistic is the largest Sharpe ratio of the
    excess; the p-value is that of Hansen's (2005) test of superior predictive ability, in which
    trials more than three errors below zero do not count. The corrected Sharpe ratio and its
    interval hold given that this trial won (`engine.statistics.winner`), with stretches of time
    for independent units. "No edge" needs the upper end of that interval below `smallest_edge`.

    References
    ----------
    Hansen (2005), "A test for superior predictive ability", Journal of Business & Economic
    Statistics 23. Politis and Romano (1994), "The stationary bootstrap", JASA 89. Andrews, Kitagawa
    and McCloskey (2024), "Inference on winners", Quarterly Journal of Economics 139.

    Examples
    --------
    >>> generator = np.random.Generator(np.random.Philox(key=4))
    >>> trials = generator.normal(0.0, 0.01, size=(500, 20))
    >>> trials[:, 7] += 0.002
    >>> found = find_edge(trials, years=2.0, block_length=1.0, seed=1)
    >>> found.finding, found.best
    ('edge', 7)
    """
    x = np.asarray(excess, dtype=np.float64)
    if x.ndim != 2 or x.shape[0] < 20 or x.shape[1] < 1 or not np.isfinite(x).all():
        raise Refusal("excess", f"shape {x.shape}", "(20 finite periods or more, trials)")
    if not (years > 0.0 and math.isfinite(years)):
        raise Refusal("years", repr(years), "a length above 0")
    if not 1.0 <= block_length <= len(x):
        raise Refusal("block_length", repr(block_length), f"1 to {len(x)}")
    periods, trials = x.shape
    spread = x.std(axis=0, ddof=1)
    # A trial that never traded cannot be the best.
    alive = spread > 1e-12 * np.maximum(np.abs(x).max(axis=0), 1e-300)
    scaled = x / np.where(alive, spread, math.inf) * math.sqrt(periods / years)
    sharpes = np.where(alive, scaled.mean(axis=0), -math.inf)
    best = int(sharpes.argmax())
    if not alive[best]:
        nothing = math.nan
        return EdgeTest(
            *("not to be told", trials, best, years, 1.0),
            *(nothing, nothing, nothing, nothing, nothing, nothing, math.inf),
        )
    generator = np.random.Generator(np.random.Philox(key=seed))
    weights = stationary_counts(generator, periods, draws, block_length)
    moved = weights @ (scaled - scaled.mean(axis=0)) / periods
    error = moved.std(axis=0) * math.sqrt(periods / (periods - 1.0))
    clearly_worse = ~alive | (sharpes < -_CLEARLY_WORSE * error)
    highest = np.where(clearly_worse, -math.inf, moved).max(axis=1)
    top = float(sharpes[best])
    p_value = float((1 + (np.maximum(highest, 0.0) >= max(top, 0.0)).sum()) / (1 + draws))
    chosen = winner(means(_in_stretches(scaled).T), confidence).corrected
    std_error = float(error[best])
    critical = float(np.quantile(np.maximum(highest, 0.0), confidence))
    corrected = float(chosen.value)
    needed = math.inf
    if corrected > 0.0:
        needed = years * (critical / corrected) ** 2
    finding: Finding = "not to be told"
    if p_value <= 1.0 - confidence:
        finding = "edge"
    elif chosen.high < smallest_edge:
        finding = "no edge"
    return EdgeTest(
        finding=finding,
        trials=trials,
        best=best,
        years=years,
        p_value=p_value,
        sharpe=top,
        std_error=std_error,
        corrected=corrected,
        low=float(chosen.low),
        high=float(chosen.high),
        by_chance=float(highest[np.isfinite(highest)].mean()),
        needed_years=needed,
    )


def _in_stretches(values: Floats) -> Floats:
    """Return means over stretches of time that are long enough to treat as independent."""
    count = min(_STRETCHES, len(values))
    ends = [(k + 1) * len(values) // count for k in range(count)]
    starts = [0, *ends[:-1]]
    return np.stack([values[a:b].mean(axis=0) for a, b in zip(starts, ends, strict=True)])
