"""Selecting the best parameter set look by look, by any statistic with influences."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from engine.errors import Refusal
from engine.statistics.linearised import Linearised, check_confidence

__all__ = ["SequentialSelection"]

Floats = NDArray[np.float64]

# Pairs of sets whose differences are tracked.
_MOST_SETS = 4000
# Paths from one look to the next: looks cost little, simulating far beyond the last needed does.
_GROWTH = 1.25


@dataclass(frozen=True)
class SequentialSelection:
    """Run the sets that may be the best on more paths, until one is selected.

    If the best set is at least `indifference` ahead of every other, it is selected with the stated
    probability; among closer sets one of the good ones is. All sets run on the first paths, the
    variances of whose differences are taken from them; a set leaves once it is clearly behind.

    Objects are values: `tell` returns the next one. What happens depends on what was told alone,
    so a resumed run selects as an unbroken one does.

    Parameters
    ----------
    sets : int
        How many there are.
    indifference : float
        The smallest difference worth detecting, in the unit of the statistic.
    probability : float
        Of selecting the best, above 1 / sets.
    paths : int
        Independent paths at the latest look; 0 before any.
    alive : tuple of int
        Sets that may be the best, by position.
    bound : float
        h^2 of the procedure; known from the first look on.
    variances : ndarray of float64, shape (sets, sets)
        Of the differences on the first paths.

    Raises
    ------
    Refusal
        If a parameter is out of range.

    Notes
    -----
    Procedure KN of [1]_ with c = 1, looked at now and then instead of path by path, which leaves
    sets longer and errs less: with n0 first paths and S_il^2 the variance of the difference of
    sets i and l on them, eta = ((2 alpha / (k - 1))^(-2 / (n0 - 1)) - 1) / 2 and h^2 = 2 eta (n0 -
    1), set i leaves after r paths if its estimate is more than

        max(0, indifference / (2 r) (h^2 S_il^2 / indifference^2 - r))

    below that of a set l still there. The guarantee is for normal means; of another statistic the
    influences of paths take the place of outcomes, and it holds as the paths grow many [2]_.

    References
    ----------
    .. [1] Kim and Nelson (2001), "A fully sequential procedure for indifference-zone selection in
       simulation", ACM Transactions on Modeling and Computer Simulation 11.
    .. [2] Kim and Nelson (2006), "On the asymptotic validity of fully sequential selection
       procedures for steady-state simulation", Operations Research 54.

    Examples
    --------
    >>> from engine.statistics.moments import means
    >>> rng = np.random.Generator(np.random.Philox(1))
    >>> outcomes = rng.normal([[0.0], [1.0], [0.2]], 1.0, size=(3, 4000))
    >>> plan = SequentialSelection(sets=3, indifference=0.5)
    >>> paths = 50
    >>> while not plan.done:
    ...     plan = plan.tell(means(outcomes[list(plan.alive), :paths]))
    ...     paths = plan.ask()
    >>> plan.selected
    1
    """

    sets: int
    indifference: float
    probability: float = 0.95
    paths: int = 0
    alive: tuple[int, ...] = ()
    bound: float = math.nan
    variances: Floats = field(default_factory=lambda: np.zeros((0, 0)), repr=False)

    def __post_init__(self) -> None:
        if not 2 <= self.sets <= _MOST_SETS:
            raise Refusal("sets", str(self.sets), f"2 to {_MOST_SETS}")
        if not self.indifference > 0.0:
            raise Refusal("indifference", str(self.indifference), "above 0")
        if not 1.0 / self.sets < check_confidence(self.probability):
            raise Refusal("probability", str(self.probability), f"above {1.0 / self.sets:g}")
        if not self.paths:
            object.__setattr__(self, "alive", tuple(range(self.sets)))

    @property
    def selected(self) -> int | None:
        """The set that remains; None while several do."""
        return self.alive[0] if len(self.alive) == 1 else None

    @property
    def done(self) -> bool:
        """Whether a set is selected."""
        return self.selected is not None

    def ask(self) -> int:
        """Return how many paths the sets still there should have at the next look."""
        most = math.ceil(self.bound * self._widest / self.indifference**2)
        return max(self.paths + 1, min(math.ceil(_GROWTH * self.paths), most))

    def tell(self, found: Linearised) -> SequentialSelection:
        """Return the plan after a look.

        Parameters
        ----------
        found : Linearised
            The statistic of the sets still there, in their order, all on the same paths. A set
            without a value is behind every other.

        Raises
        ------
        Refusal
            If the sets are others, did not run on the same paths, or have no more than before.
        """
        layout, count = found.layout, len(self.alive)
        cells = int(layout.cells[0])
        if layout.sets != count or (layout.cells != cells).any():
            raise Refusal("found", f"{layout.sets} sets", f"{count} on the same paths")
        if cells <= max(self.paths, 2):
            raise Refusal("paths", str(cells), f"above {max(self.paths, 2)}")
        bound, variances = self.bound, self.variances
        if not self.paths:
            alpha = 1.0 - self.probability
            eta = 0.5 * ((2.0 * alpha / (self.sets - 1)) ** (-2.0 / (cells - 1)) - 1.0)
            bound = 2.0 * eta * (cells - 1)
            variances = _difference_variances(found.influence.reshape(count, cells))
        told = replace(self, paths=cells, bound=bound, variances=variances)
        return replace(
            told, alive=told._kept(np.where(np.isnan(found.value), -np.inf, found.value))
        )

    @property
    def _widest(self) -> float:
        among = np.array(self.alive)
        if len(among) < 2:
            return 0.0
        return float(self.variances[np.ix_(among, among)].max())

    def _kept(self, value: Floats) -> tuple[int, ...]:
        among = np.array(self.alive)
        variances = self.variances[np.ix_(among, among)]
        delta, r = self.indifference, self.paths
        margin = np.maximum(0.0, delta / (2.0 * r) * (self.bound * variances / delta**2 - r))
        with np.errstate(invalid="ignore"):
            kept = (value[:, None] >= value - margin).all(axis=1)
        # When no margin is left, only the leader stays; among equal leaders the first one.
        if kept.sum() > 1 and not (margin[np.ix_(kept, kept)] > 0.0).any():
            kept = np.arange(len(among)) == np.flatnonzero(kept)[np.argmax(value[kept])]
        return tuple(among[kept].tolist())


def _difference_variances(influence: Floats) -> Floats:
    products = influence @ influence.T / (influence.shape[1] - 1)
    own = np.diag(products)
    found: Floats = np.maximum(own[:, None] + own - 2.0 * products, 0.0)
    return found
