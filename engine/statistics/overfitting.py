"""How a choice that was made in sample fares out of sample: probability of backtest overfitting."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import Refusal

__all__ = ["BacktestOverfitting", "probability_of_backtest_overfitting"]

_MOST_COMBINATIONS = 200_000
# Ratios that are made together: what the processor holds near it.
_AT_ONCE = 2**14


@dataclass(frozen=True)
class BacktestOverfitting:
    """How a choice made in sample fares out of sample.

    Parameters
    ----------
    probability : float
        Share of splits in which the best in sample ranks at or below the median out of sample.
    loss_probability : float
        Share of splits in which the chosen one has a negative Sharpe ratio out of sample.
    slope, intercept : float
        Of the regression of out-of-sample on in-sample performance of the chosen one.
    logits : ndarray of float64, shape (splits,)
        log(w / (1 - w)) with w the chosen one's relative rank out of sample.
    chosen : ndarray of int64, shape (splits,)
        Which strategy was best in sample.
    in_sample, out_of_sample : ndarray of float64, shape (splits,)
        Its Sharpe ratios per period.
    """

    probability: float
    loss_probability: float
    slope: float
    intercept: float
    logits: NDArray[np.float64]
    chosen: NDArray[np.int64]
    in_sample: NDArray[np.float64]
    out_of_sample: NDArray[np.float64]


def probability_of_backtest_overfitting(
    returns: ArrayLike, *, splits: int = 16, risk_free: float = 0.0
) -> BacktestOverfitting:
    """Combinatorially symmetric cross-validation of choosing the best of several strategies.

    Parameters
    ----------
    returns : array_like, shape (periods, strategies)
        Returns of every strategy that was tried, on the same periods; 0 where one held nothing.
    splits : int
        Even number of blocks of periods; half of them are in sample, in every combination.
    risk_free : float
        Subtracted from every return, per period.

    Returns
    -------
    BacktestOverfitting
        The probability, and what it is made of.

    Raises
    ------
    ValueError
        If there are fewer than two strategies, a return is not finite, or the number of splits
        is odd, too small or gives more than 200,000 combinations.

    Notes
    -----
    Performance is mean / standard deviation (ddof 1) of the concatenated periods. The relative
    rank is rank / (strategies + 1), so logits are finite [1]_. Where periods do not divide evenly,
    earlier blocks hold one more.

    References
    ----------
    .. [1] Bailey, Borwein, López de Prado and Zhu (2017), "The probability of backtest
       overfitting", Journal of Computational Finance 20(4).

    Examples
    --------
    >>> generator = np.random.Generator(np.random.Philox(key=4))
    >>> noise = generator.normal(size=(400, 20))
    >>> found = probability_of_backtest_overfitting(noise, splits=8)
    >>> round(found.probability, 2)
    0.47
    """
    x = np.asarray(returns, dtype=np.float64) - risk_free
    if x.ndim != 2 or x.shape[1] < 2:
        raise Refusal("returns", f"shape {x.shape}", "(periods, 2 or more strategies)")
    broken = np.argwhere(~np.isfinite(x))
    if len(broken):
        raise Refusal(
            "returns",
            f"{x[tuple(broken[0])]} in period {broken[0][0]} of strategy {broken[0][1]}",
            "finite returns (0 where nothing was held)",
        )
    if splits < 2 or splits % 2 or splits > len(x) // 2:
        raise Refusal("splits", str(splits), f"an even number from 2 to {len(x) // 2}")
    if math.comb(splits, splits // 2) > _MOST_COMBINATIONS:
        raise Refusal("splits", str(splits), "at most 20")
    blocks = np.array_split(np.arange(len(x)), splits)
    # Sums per block make every combination a sum of a few rows instead of a pass over the data.
    counts = np.array([len(block) for block in blocks], dtype=np.float64)
    centre = x.mean(axis=0)
    sums = np.array([(x[block] - centre).sum(axis=0) for block in blocks])
    squares = np.array([((x[block] - centre) ** 2).sum(axis=0) for block in blocks])
    picks = np.array(list(itertools.combinations(range(splits), splits // 2)))
    chosen, inside, outside, relative = [], [], [], []
    strategies = x.shape[1]
    together = max(_AT_ONCE // strategies, 1)
    for start in range(0, len(picks), together):
        picked = slice(start, start + together)
        own = _sharpe(sums, squares, counts, centre, picks[picked])
        # In this order of the combinations, those of the other blocks are the same from the end.
        other = _sharpe(sums, squares, counts, centre, picks[::-1][picked])
        best = own.argmax(axis=1)[:, None]
        theirs = np.take_along_axis(other, best, axis=1)
        # Ties share the mean of their ranks.
        rank = (other < theirs).sum(axis=1) + ((other == theirs).sum(axis=1) + 1) / 2
        chosen.append(best[:, 0])
        inside.append(np.take_along_axis(own, best, axis=1)[:, 0])
        outside.append(theirs[:, 0])
        relative.append(rank / (strategies + 1))
    logit = np.array([math.log(w / (1 - w)) for w in np.concatenate(relative).tolist()])
    ins, out = np.concatenate(inside), np.concatenate(outside)
    slope, intercept = _line(ins, out)
    return BacktestOverfitting(
        probability=float((logit <= 0).mean()),
        loss_probability=float((out < 0).mean()),
        slope=slope,
        intercept=intercept,
        logits=logit,
        chosen=np.concatenate(chosen),
        in_sample=ins,
        out_of_sample=out,
    )


def _sharpe(
    sums: NDArray[np.float64],
    squares: NDArray[np.float64],
    counts: NDArray[np.float64],
    centre: NDArray[np.float64],
    picks: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Return ratios of every strategy (columns) over the blocks of each row of `picks`."""
    n = _of_blocks(counts[:, None], picks)
    mean = _of_blocks(sums, picks) / n
    variance = (_of_blocks(squares, picks) - n * mean**2) / (n - 1)
    # A strategy that never trades has no Sharpe ratio; it earns nothing, so it counts as zero.
    # Rounding leaves a trace of variance, which must not become a huge ratio.
    trades = variance > 1e-20 * (centre + mean) ** 2 + 1e-300
    found: NDArray[np.float64] = np.zeros(mean.shape)
    np.divide(centre + mean, np.sqrt(np.maximum(variance, 1e-300)), out=found, where=trades)
    return found


def _of_blocks(values: NDArray[np.float64], picks: NDArray[np.int64]) -> NDArray[np.float64]:
    """Add up the blocks of each row of `picks`, from the first to the last."""
    total = values[picks[:, 0]]
    for column in range(1, picks.shape[1]):
        total += values[picks[:, column]]
    return total


def _line(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float]:
    spread = x - x.mean()
    total = float((spread**2).sum())
    if total == 0.0:
        return math.nan, math.nan
    slope = float((spread * y).sum()) / total
    return slope, float(y.mean()) - slope * float(x.mean())
