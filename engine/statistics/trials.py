"""How many independent trials a search over dependent ones amounts to."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import Refusal
from engine.statistics.sharpe_inference import expected_maximum

__all__ = ["EffectiveTrials", "effective_trials"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

# Above these numbers of trials the silhouettes take seconds, and the tree minutes.
_MOST_CLUSTERED, _MOST_IN_TREE = 1500, 5000


@dataclass(frozen=True)
class EffectiveTrials:
    """Dependent trials, counted.

    Parameters
    ----------
    tried : int
        Trials with outcomes that vary.
    count : float
        Independent trials whose best is expected to stand out as far as the best of these.
    expected_maximum : float
        How far: in standard deviations of a trial's estimate, if none has an edge.
    clusters : ndarray of int64, shape (trials,)
        Which group of similar trials each belongs to; -1 for one whose outcomes do not vary, and
        for all of more than 5,000.
    """

    tried: int
    count: float
    expected_maximum: float
    clusters: Integers

    @property
    def cluster_count(self) -> int:
        """How many groups of similar trials there are."""
        return int(self.clusters.max(initial=-1)) + 1


def effective_trials(outcomes: ArrayLike, *, seed: int, draws: int = 2000) -> EffectiveTrials:
    """Count the independent trials behind dependent ones, and group those that are alike.

    Parameters
    ----------
    outcomes : array_like, shape (trials, blocks)
        Outcomes of every trial on the same paths or blocks of history; no NaN.
    seed : int
        Key of the Philox generator of the multipliers.
    draws : int
        Multiplier draws.

    Returns
    -------
    EffectiveTrials
        Their number, and the groups that they form.

    Raises
    ------
    ValueError
        If the shape is another, an outcome is not finite or no trial varies.

    Notes
    -----
    If no trial has an edge, the estimates of N trials are normal with the correlation of their
    outcomes. Their expected maximum is the mean over draws of the largest of Z e / sqrt(blocks),
    Z the standardised outcomes and e standard normal multipliers (Chernozhukov, Chetverikov and
    Kato 2013, "Gaussian approximations and multiplier bootstrap for maxima"). The effective
    number is the N of independent normal numbers with this expected maximum. That is what the
    deflated Sharpe ratio needs: N equally correlated trials count as N / (1 + (N - 1) r^2) by
    their eigenvalues, which is far below what their best shows.

    The groups are those of average linkage on the distance sqrt((1 - r) / 2), cut where the mean
    silhouette over its standard deviation is largest (López de Prado and Lewis 2019, "Detection
    of false investment strategies using unsupervised learning methods"); above 1,500 trials by a
    correlation of 0.5.

    Examples
    --------
    >>> base = np.random.Generator(np.random.Philox(3)).normal(size=(4, 300))
    >>> found = effective_trials(np.repeat(base, 25, axis=0), seed=1)
    >>> found.cluster_count, round(found.count)
    (4, 4)
    """
    x = np.asarray(outcomes, dtype=np.float64)
    if x.ndim != 2 or x.shape[0] < 1 or x.shape[1] < 3:
        raise Refusal("outcomes", f"shape {x.shape}", "(trials, 3 blocks or more)")
    if not np.isfinite(x).all():
        raise Refusal("outcomes", "a value that is not finite", "finite outcomes")
    blocks = x.shape[1]
    centred = x - x.mean(axis=1, keepdims=True)
    spread = np.sqrt((centred**2).mean(axis=1))
    varies = spread > 1e-12 * np.abs(x).max(axis=1) + 1e-300
    if not varies.any():
        raise Refusal("outcomes", "trials without variance alone", "one that varies")
    z = centred[varies] / spread[varies, None]
    generator = np.random.Generator(np.random.Philox(key=seed))
    largest = np.empty(draws)
    step = max(1, 8_000_000 // max(z.shape))
    for first in range(0, draws, step):
        multipliers = generator.normal(size=(blocks, min(step, draws - first)))
        # Both tails of a draw are draws: the mean is exact to half as much.
        scores = z @ multipliers
        both = scores.max(axis=0) - scores.min(axis=0)
        largest[first : first + both.shape[0]] = 0.5 * both
    maximum = float(largest.mean()) / math.sqrt(blocks)
    clusters = np.full(len(x), -1, dtype=np.int64)
    if len(z) <= _MOST_IN_TREE:
        clusters[varies] = _clusters(z)
    return EffectiveTrials(len(z), _count_of(maximum, len(z)), maximum, clusters)


def _count_of(maximum: float, most: int) -> float:
    """Independent trials with this expected maximum."""
    low, high = 1.0, float(most)
    if most == 1 or maximum <= 0.0:
        return 1.0
    if maximum >= expected_maximum(high):
        return high
    for _ in range(80):
        middle = math.sqrt(low * high)
        if expected_maximum(middle) < maximum:
            low = middle
        else:
            high = middle
    return math.sqrt(low * high)


def _clusters(z: Floats) -> Integers:
    count = len(z)
    if count < 3:
        alike = count == 2 and float(z[0] @ z[1]) / z.shape[1] > 0.5
        return np.zeros(count, dtype=np.int64) if alike else np.arange(count)
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    correlation = np.clip(z @ z.T / z.shape[1], -1.0, 1.0)
    distance = np.sqrt(np.maximum(0.5 * (1.0 - correlation), 0.0))
    np.fill_diagonal(distance, 0.0)
    tree = linkage(squareform(distance, checks=False), method="average")
    if count > _MOST_CLUSTERED:
        return _numbered(fcluster(tree, 0.5, criterion="distance"))
    best, chosen = -math.inf, np.arange(count)
    for size in _sizes(count):
        labels = _numbered(fcluster(tree, size, criterion="maxclust"))
        width = _silhouettes(distance, labels)
        quality = float(width.mean() / max(width.std(), 1e-9))
        if quality > best:
            best, chosen = quality, labels
    return chosen


def _sizes(count: int) -> list[int]:
    """Numbers of clusters to look at: all of few, a tenth apart of many."""
    sizes, size = [], 2
    while size < count:
        sizes.append(size)
        size = max(size + 1, int(size * 1.15))
    return sizes


def _silhouettes(distance: Floats, labels: Integers) -> Floats:
    """Silhouette of every trial (Rousseeuw 1987); 0 of one alone in its cluster."""
    count = int(labels.max()) + 1
    member = np.zeros((len(labels), count))
    member[np.arange(len(labels)), labels] = 1.0
    sizes = member.sum(axis=0)
    sums = distance @ member
    own_size = sizes[labels]
    inside = sums[np.arange(len(labels)), labels] / np.maximum(own_size - 1.0, 1.0)
    averages = sums / sizes
    averages[np.arange(len(labels)), labels] = np.inf
    outside = averages.min(axis=1)
    several = (own_size > 1.0) & np.isfinite(outside)
    outside = np.where(several, outside, 0.0)
    width = (outside - inside) / np.maximum(np.maximum(inside, outside), 1e-12)
    found: Floats = np.where(several, width, 0.0)
    return found


def _numbered(labels: NDArray[np.int_]) -> Integers:
    """Give clusters numbers in the order in which they appear."""
    _, first, place = np.unique(labels, return_index=True, return_inverse=True)
    order = np.empty(len(first), dtype=np.int64)
    order[np.argsort(first)] = np.arange(len(first))
    return order[place]
