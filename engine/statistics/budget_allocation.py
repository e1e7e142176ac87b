"""Allocation of a budget of simulations to the parameter sets that are hard to tell apart."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import Refusal
from engine.statistics.distributions import normal_probabilities
from engine.statistics.linearised import check_confidence
from engine.statistics.ranking import Request

__all__ = ["BudgetAllocation", "ocba_allocation"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def ocba_allocation(means: ArrayLike, variances: ArrayLike, budget: float) -> Floats:
    """Divide a budget of simulations so that the best set is identified most reliably.

    Parameters
    ----------
    means, variances : array_like, shape (sets,)
        Means and variances of the outcomes; larger means are better.
    budget : float
        Simulations in total.

    Returns
    -------
    ndarray of float64, shape (sets,)
        Simulations per set, adding up to the budget. Sets with the best mean itself share the
        best's part evenly, sets without variance need none.

    Raises
    ------
    Refusal
        If the shapes differ, or there are fewer than two sets.

    Notes
    -----
    N_i / N_j = (s_i / d_i)^2 / (s_j / d_j)^2 for sets other than the best b, d the distance to
    its mean, and N_b = s_b sqrt(sum of N_i^2 / s_i^2) over these: optimal computing budget
    allocation [1]_, asymptotically optimal for independent normal outcomes.

    References
    ----------
    .. [1] Chen, Lin, Yücesan and Chick (2000), "Simulation budget allocation for further
       enhancing the efficiency of ordinal optimization", Discrete Event Dynamic Systems 10.

    Examples
    --------
    >>> ocba_allocation([-1.0, -2.0, -3.0, -4.0, -5.0], [9.0] * 5, 1000).round(1).tolist()
    [421.8, 406.1, 101.5, 45.1, 25.4]
    """
    mean = np.asarray(means, dtype=np.float64)
    variance = np.asarray(variances, dtype=np.float64)
    if mean.shape != variance.shape or mean.ndim != 1 or len(mean) < 2:
        raise Refusal("means", f"shape {mean.shape}", "(sets,), two or more")
    best = int(np.argmax(mean))
    distance = mean[best] - mean
    equal = distance <= 0.0
    share = np.zeros(len(mean))
    if equal.all() or not (variance[~equal] > 0.0).any():
        share = np.where(variance > 0.0, variance, 0.0)
        if not share.any():
            share = np.ones(len(mean))
        return np.asarray(budget * share / share.sum())
    share[~equal] = variance[~equal] / distance[~equal] ** 2
    rest = ~equal & (variance > 0.0)
    share[equal] = np.sqrt(variance[equal]) * math.sqrt(
        float((share[rest] ** 2 / variance[rest]).sum())
    )
    share[equal] /= equal.sum()
    return np.asarray(budget * share / share.sum())


class BudgetAllocation:
    """Spend a budget of simulations where they help most to identify the best set.

    Parameters
    ----------
    sets : int
        How many there are.
    budget : int
        Simulations at most, at least `first` for each set.
    probability : float
        Stop once the best is selected correctly with this probability.
    indifference : float
        Sets so little behind the best count as correct choices.
    first : int
        Paths for every set to begin with.
    step : int
        Simulations per later round.
    maximise : bool
        Whether more is better.

    Raises
    ------
    ValueError
        If a parameter is out of range.

    Notes
    -----
    The probability is the lower bound 1 - sum of Phi(-(d_i + indifference) / s_i) over the sets
    other than the best, s_i^2 = v_b / n_b + v_i / n_i - 2 c_i / max(n_b, n_i), c_i the covariance
    on the paths both ran on: Bonferroni's bound of [1]_ with common random numbers. It holds
    approximately and without a guarantee, unlike that of `KimNelson`.

    References
    ----------
    .. [1] Chen and Lee (2011), "Stochastic simulation optimization", section 3.3.
    """

    def __init__(
        self,
        sets: int,
        budget: int,
        *,
        probability: float = 0.95,
        indifference: float = 0.0,
        first: int = 20,
        step: int = 100,
        maximise: bool = True,
    ) -> None:
        if sets < 2 or first < 2 or step < 1:
            raise Refusal("sets, first, step", f"{sets}, {first}, {step}", "from 2, 2, 1")
        if budget < sets * first:
            raise Refusal("budget", str(budget), f"at least {sets * first}")
        if indifference < 0.0:
            raise Refusal("indifference", str(indifference), "at least 0")
        self.budget = budget
        self.target = check_confidence(probability)
        self.indifference = indifference
        self.first = first
        self.step = step
        self.sign = 1.0 if maximise else -1.0
        self._outcomes: list[Floats] = [np.zeros(0) for _ in range(sets)]

    @property
    def counts(self) -> Integers:
        """Simulations of each set so far."""
        return np.array([len(row) for row in self._outcomes], dtype=np.int64)

    @property
    def best(self) -> int:
        """The set with the best mean so far."""
        return int(np.argmax([row.mean() for row in self._outcomes]))

    @property
    def probability(self) -> float:
        """Lower bound on the probability that `best` is the best, or indifferent to it."""
        counts = self.counts
        if counts.min() < 2:
            return 0.0
        best = self.best
        leader = self._outcomes[best]
        means = np.array([row.mean() for row in self._outcomes])
        variance = np.array([row.var(ddof=1) for row in self._outcomes])
        shared = np.array([_covariance(leader, row) for row in self._outcomes])
        spread = variance[best] / counts[best] + variance / counts
        spread -= 2.0 * shared / np.maximum(counts[best], counts)
        gap = means[best] - means + self.indifference
        with np.errstate(divide="ignore", invalid="ignore"):
            ahead = gap / np.sqrt(np.maximum(spread, 0.0))
        wrong = normal_probabilities(-np.nan_to_num(ahead, nan=0.0))
        wrong[best] = 0.0
        return max(0.0, 1.0 - float(wrong.sum()))

    @property
    def done(self) -> bool:
        """Whether the best set is identified, or the budget is spent."""
        counts = self.counts
        started = bool(counts.min() >= self.first)
        return started and (int(counts.sum()) >= self.budget or self.probability >= self.target)

    def ask(self) -> Request | None:
        """Return the simulations to run next; None when done."""
        if self.done:
            return None
        counts = self.counts
        if counts.min() < self.first:
            wanted = np.maximum(counts, self.first)
        else:
            more = min(self.step, self.budget - int(counts.sum()))
            means = [row.mean() for row in self._outcomes]
            variances = [row.var(ddof=1) for row in self._outcomes]
            wanted = counts + _increments(
                ocba_allocation(means, variances, float(counts.sum() + more)), counts, more
            )
        sets = np.flatnonzero(wanted > counts).astype(np.int64)
        return Request(sets, counts[sets], wanted[sets])

    def tell(self, request: Request, outcomes: list[ArrayLike]) -> None:
        """Take in the outcomes of a request, one array per set of it.

        Raises
        ------
        ValueError
            If an array has another length than asked for, or an outcome is not finite.
        """
        for place, index in enumerate(request.sets.tolist()):
            row = self.sign * np.asarray(outcomes[place], dtype=np.float64)
            length = int(request.last[place] - request.first[place])
            if row.shape != (length,) or not np.isfinite(row).all():
                raise Refusal(f"outcomes[{place}]", f"shape {row.shape}", f"({length},), finite")
            self._outcomes[index] = np.concatenate([self._outcomes[index], row])


def _increments(target: Floats, counts: Integers, more: int) -> Integers:
    """Distribute `more` simulations to the sets that lie furthest below their target."""
    lacking = np.maximum(target - counts, 0.0)
    if not lacking.any():
        lacking = np.ones(len(counts))
    exact = more * lacking / lacking.sum()
    whole: Integers = np.floor(exact).astype(np.int64)
    rest = more - int(whole.sum())
    largest = np.argsort(-(exact - whole), kind="stable")[:rest]
    whole[largest] += 1
    return whole


def _covariance(a: Floats, b: Floats) -> float:
    common = min(len(a), len(b))
    x, y = a[:common] - a[:common].mean(), b[:common] - b[:common].mean()
    return float(x @ y) / (common - 1)
