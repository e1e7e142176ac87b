"""Sequential selection of the best parameter set, with a guaranteed probability."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import Refusal
from engine.statistics.linearised import check_confidence

__all__ = ["KimNelson", "Request"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

# Pairs of sets whose differences a procedure tracks.
_MOST_SETS = 4000


@dataclass(frozen=True)
class Request:
    """Simulations a procedure wants next.

    Parameters
    ----------
    sets : ndarray of int64, shape (alive,)
        Positions of the parameter sets to run.
    first, last : ndarray of int64, shape (alive,)
        Each runs on the paths numbered from `first` up to, not including, `last`: the same number
        is the same path for every set.
    """

    sets: Integers
    first: Integers
    last: Integers


class KimNelson:
    """Fully sequential selection of the best set on common paths, with a guarantee.

    If the best set is at least `indifference` ahead of every other, it is selected with the
    stated probability; among closer sets one of the good ones is selected. Sets leave as soon as
    they are clearly behind, which common random numbers bring forward: differences vary less.

    Parameters
    ----------
    sets : int
        How many there are.
    indifference : float
        The smallest difference worth detecting, in units of the outcome.
    probability : float
        Probability of selecting the best, above 1 / sets.
    first : int
        Paths that all sets run on to begin with; their differences give the variances.
    batch : int
        Paths per set in later rounds. Outcomes are still looked at path by path, so the batch
        costs up to batch - 1 paths per set that leaves, and no confidence.
    maximise : bool
        Whether more is better.

    Raises
    ------
    ValueError
        If a parameter is out of range.

    Notes
    -----
    Procedure KN of [1]_ with c = 1: with n0 first paths, S_il^2 the variance of the difference of
    sets i and l on them, eta = ((2 alpha / (k - 1))^(-2 / (n0 - 1)) - 1) / 2 and h^2 = 2 eta
    (n0 - 1), set i leaves after r paths if its mean is more than

        max(0, indifference / (2 r) (h^2 S_il^2 / indifference^2 - r))

    below that of a set l still there. It assumes normal differences.

    References
    ----------
    .. [1] Kim and Nelson (2001), "A fully sequential procedure for indifference-zone selection in
       simulation", ACM Transactions on Modeling and Computer Simulation 11.

    Examples
    --------
    >>> rng = np.random.Generator(np.random.Philox(1))
    >>> outcomes = rng.normal([[0.0], [1.0], [0.2]], 1.0, size=(3, 500))
    >>> plan = KimNelson(sets=3, indifference=0.5)
    >>> while (request := plan.ask()) is not None:
    ...     plan.tell(outcomes[request.sets, request.first[0] : request.last[0]])
    >>> plan.selected
    1
    """

    def __init__(
        self,
        sets: int,
        indifference: float,
        *,
        probability: float = 0.95,
        first: int = 25,
        batch: int = 1,
        maximise: bool = True,
    ) -> None:
        if not 2 <= sets <= _MOST_SETS:
            raise Refusal("sets", str(sets), f"2 to {_MOST_SETS}; screen them first")
        if not indifference > 0.0:
            raise Refusal("indifference", str(indifference), "above 0")
        if not 1.0 / sets < check_confidence(probability):
            raise Refusal("probability", str(probability), f"above {1.0 / sets:g}")
        if first < 3 or batch < 1:
            raise Refusal("first, batch", f"{first}, {batch}", "from 3 and from 1")
        self.indifference = indifference
        self.first = first
        self.batch = batch
        self.sign = 1.0 if maximise else -1.0
        alpha = 1.0 - probability
        eta = 0.5 * ((2.0 * alpha / (sets - 1)) ** (-2.0 / (first - 1)) - 1.0)
        self._bound = 2.0 * eta * (first - 1)
        self.alive: Integers = np.arange(sets, dtype=np.int64)
        self.paths = 0
        self.simulations = 0
        self._sums: Floats = np.zeros(sets)
        self._variances: Floats = np.zeros((0, 0))

    @property
    def selected(self) -> int | None:
        """The set that remains; None while several do."""
        return int(self.alive[0]) if len(self.alive) == 1 else None

    def ask(self) -> Request | None:
        """Return the simulations to run next; None when a set is selected."""
        if self.selected is not None:
            return None
        more = self.first if self.paths == 0 else self.batch
        count = len(self.alive)
        return Request(
            self.alive.copy(), np.full(count, self.paths), np.full(count, self.paths + more)
        )

    def tell(self, outcomes: ArrayLike) -> None:
        """Take in the outcomes asked for.

        Parameters
        ----------
        outcomes : array_like, shape (alive, paths)
            Row by row of the request's sets; no NaN: an idle path has the outcome 0.

        Raises
        ------
        ValueError
            If the shape is another or an outcome is not finite.
        """
        x = self.sign * np.asarray(outcomes, dtype=np.float64)
        expected = self.first if self.paths == 0 else self.batch
        if x.shape != (len(self.alive), expected) or not np.isfinite(x).all():
            raise Refusal(
                "outcomes", f"shape {x.shape}", f"({len(self.alive)}, {expected}), finite"
            )
        self.simulations += x.size
        begin = 0
        if self.paths == 0:
            centred = x - x.mean(axis=1, keepdims=True)
            products = centred @ centred.T / (self.first - 1)
            own = np.diag(products)
            self._variances = np.maximum(own[:, None] + own - 2.0 * products, 0.0)
            self._sums[self.alive] = x.sum(axis=1)
            self.paths = begin = self.first
            x = self._screen(x)
        for column in range(begin, expected):
            if self.selected is not None:
                return
            self._sums[self.alive] += x[:, column]
            self.paths += 1
            x = self._screen(x)

    def _screen(self, x: Floats) -> Floats:
        """Let sets leave that are behind, and return the rows of those that stay."""
        alive, r, delta = self.alive, self.paths, self.indifference
        mean = self._sums[alive] / r
        variances = self._variances[np.ix_(alive, alive)]
        margin = np.maximum(0.0, delta / (2.0 * r) * (self._bound * variances / delta**2 - r))
        kept = (mean[:, None] >= mean - margin).all(axis=1)
        # When no margin is left, only the leader stays; among equal leaders the first one.
        if kept.sum() > 1 and not (margin[np.ix_(kept, kept)] > 0.0).any():
            kept = np.arange(len(alive)) == np.flatnonzero(kept)[np.argmax(mean[kept])]
        self.alive = alive[kept]
        rows: Floats = x[kept]
        return rows
