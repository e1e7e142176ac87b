"""Capital moved back to its weights every so often, at a cost."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.errors import Refusal
from engine.portfolio.scenarios import Scenarios

__all__ = ["portfolio_growth"]

Floats = NDArray[np.float64]


def portfolio_growth(
    scenarios: Scenarios, weights: Floats, *, every: int | None = None, cost: float = 0.0
) -> Floats:
    """Return the growth of one unit of capital split over members.

    Parameters
    ----------
    scenarios : Scenarios
        What members came to.
    weights : ndarray of float64, shape (members,)
        Shares of the capital at first, and after each rebalancing.
    every : int, optional
        Points between rebalancings; by default capital is split once.
    cost : float
        Of each unit of capital that leaves or enters a member, as a share of it.

    Returns
    -------
    ndarray of float64, shape (paths, 1 + points)
        1 at first.

    Raises
    ------
    Refusal
        If a number does not fit.

    Notes
    -----
    A member earns the same returns whatever its capital: lots and limits of orders do not scale.

    Examples
    --------
    >>> growth = np.array([[[1.0, 2.0, 2.0]], [[1.0, 1.0, 2.0]]])
    >>> halves = np.array([0.5, 0.5])
    >>> portfolio_growth(Scenarios(("a", "b"), growth, 1.0), halves).tolist()
    [[1.0, 1.5, 2.0]]
    >>> portfolio_growth(Scenarios(("a", "b"), growth, 1.0), halves, every=1).tolist()
    [[1.0, 1.5, 2.25]]
    """
    if every is not None and every < 1:
        raise Refusal("rebalance", str(every), "at least 1 point")
    if not 0.0 <= cost < 1.0:
        raise Refusal("cost", f"{cost:g}", "0 or more, below 1")
    if every is None:
        return np.asarray(np.tensordot(weights, scenarios.growth, axes=1))
    returns = scenarios.returns
    _, paths, points = returns.shape
    capital = np.repeat(weights[:, None], paths, axis=1)
    found = np.empty((paths, points + 1))
    found[:, 0] = 1.0
    for point in range(points):
        capital = capital * (1.0 + returns[:, :, point])
        total = capital.sum(axis=0)
        if (point + 1) % every == 0 and point + 1 < points:
            moved = np.abs(weights[:, None] * total - capital).sum(axis=0)
            total = total - cost * moved
            capital = weights[:, None] * total
        found[:, point + 1] = total
    return found
