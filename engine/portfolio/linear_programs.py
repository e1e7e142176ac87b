"""Portfolios by linear programming: tail losses and drawdowns over scenarios."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.errors import Refusal
from engine.portfolio.scenarios import Scenarios

__all__ = ["least_tail_loss", "most_return"]

Floats = NDArray[np.float64]
Bounds = tuple[Floats, Floats]

# A drawdown program has a variable per path and point: more points are thinned to so many.
_MOST_POINTS: Final = 40


def least_tail_loss(scenarios: Scenarios, level: float, bounds: Bounds) -> Floats:
    """Return the weights whose expected shortfall over the path is least.

    Parameters
    ----------
    scenarios : Scenarios
        What members came to.
    level : float
        Such as 0.95 for the mean of the worst 5 % of paths.
    bounds : (ndarray, ndarray)
        Least and largest weight of each member.

    Returns
    -------
    ndarray of float64, shape (members,)
        They add up to 1.

    Notes
    -----
    Rockafellar and Uryasev (2000), "Optimization of conditional value-at-risk": with the loss
    L = -w.r the shortfall is the least over z of z + mean (L - z)+ / (1 - level).
    """
    program = _Program(len(scenarios.names), bounds)
    shortfall = program.shortfall(-scenarios.outcomes, level)
    return program.solved(minimise=shortfall)


def most_return(
    scenarios: Scenarios, level: float, budget: float, bounds: Bounds, *, of: str
) -> Floats:
    """Return the weights with the largest mean return whose tail stays within a budget.

    Parameters
    ----------
    scenarios : Scenarios
        What members came to.
    level : float
        Of the tail.
    budget : float
        The most that the mean of the worst share of paths may lose, as a share of the capital.
    bounds : (ndarray, ndarray)
        Least and largest weight of each member.
    of : {"loss", "drawdown"}
        What the budget is of: the loss over the path, or the largest fall of equity from its peak
        on the path, both as shares of the first capital.

    Raises
    ------
    Refusal
        If no weights within the bounds keep to the budget; says what the least is.

    Notes
    -----
    Drawdowns as of Chekhlov, Uryasev and Zabarankin (2005), "Drawdown measure in portfolio
    optimization", whose tail is over the paths here: capital is split once, so that equity is
    linear in the weights and the largest fall convex.
    """
    program = _Program(len(scenarios.names), bounds)
    if of == "loss":
        tail = program.shortfall(-scenarios.outcomes, level)
    else:
        tail = program.shortfall_of(program.drawdowns(_thinned(scenarios.growth)), level)
    try:
        return program.solved(minimise=-scenarios.outcomes.mean(axis=0), within=(tail, budget))
    except _Infeasible:
        least = float(program.value(tail))
        raise Refusal(
            "budget",
            f"{budget:g} of the capital",
            f"at least {least:.4g}, the smallest {of} that weights within the bounds have",
        ) from None


class _Infeasible(Exception):
    """No weights keep to the budget."""


class _Program:
    """A linear program over weights and what helps to say tails; all further variables are >= 0."""

    def __init__(self, members: int, bounds: Bounds) -> None:
        self.members = members
        self._bounds: list[tuple[float | None, float | None]] = [
            (float(low), float(high)) for low, high in zip(*bounds, strict=True)
        ]
        self._rows: list[Any] = []
        self._columns: list[Any] = []
        self._values: list[Any] = []
        self._row_count = 0

    def shortfall(self, losses: Floats, level: float) -> Floats:
        """Add the shortfall of losses of shape (paths, members); return its cost vector."""
        paths = len(losses)
        threshold = self._add(1, free=True)[0]
        beyond = self._add(paths)
        # losses.w - threshold - beyond <= 0
        rows = self._new_rows(paths)
        for member in range(self.members):
            self._entries(rows, np.full(paths, member), losses[:, member])
        self._entries(rows, np.full(paths, threshold), np.full(paths, -1.0))
        self._entries(rows, beyond, np.full(paths, -1.0))
        return self._cost(threshold, beyond, level)

    def shortfall_of(self, variables: NDArray[np.int64], level: float) -> Floats:
        """Add the shortfall of variables, one per path; return its cost vector."""
        paths = len(variables)
        threshold = self._add(1, free=True)[0]
        beyond = self._add(paths)
        rows = self._new_rows(paths)
        self._entries(rows, variables, np.ones(paths))
        self._entries(rows, np.full(paths, threshold), np.full(paths, -1.0))
        self._entries(rows, beyond, np.full(paths, -1.0))
        return self._cost(threshold, beyond, level)

    def drawdowns(self, growth: Floats) -> NDArray[np.int64]:
        """Add the largest drawdown of every path; return their variables."""
        _, paths, points = growth.shape
        largest = self._add(paths)
        # The peak so far, less what the capital began with, which is what weights add up to.
        peaks = self._add(paths * points).reshape(paths, points)
        gained = growth - growth[:, :, :1]
        for point in range(points):
            rows = self._new_rows(paths)  # gained.w - peak <= 0
            for member in range(self.members):
                self._entries(rows, np.full(paths, member), gained[member, :, point])
            self._entries(rows, peaks[:, point], np.full(paths, -1.0))
            if point:
                rows = self._new_rows(paths)  # peaks do not fall
                self._entries(rows, peaks[:, point - 1], np.ones(paths))
                self._entries(rows, peaks[:, point], np.full(paths, -1.0))
            rows = self._new_rows(paths)  # peak - gained.w - largest <= 0
            self._entries(rows, peaks[:, point], np.ones(paths))
            for member in range(self.members):
                self._entries(rows, np.full(paths, member), -gained[member, :, point])
            self._entries(rows, largest, np.full(paths, -1.0))
        return largest

    def value(self, cost: Floats) -> float:
        """Return the least value of a cost."""
        return float(self._solve(cost, None).fun)

    def solved(self, minimise: Floats, within: tuple[Floats, float] | None = None) -> Floats:
        """Return the weights that minimise a cost, with another one within a bound."""
        found = self._solve(minimise, within)
        weights = np.clip(found.x[: self.members], *np.array(self._bounds[: self.members]).T)
        return np.asarray(weights / weights.sum())

    def _solve(self, minimise: Floats, within: tuple[Floats, float] | None) -> Any:
        from scipy.optimize import linprog
        from scipy.sparse import coo_matrix, vstack

        size = len(self._bounds)
        rows, columns, values = (
            np.concatenate(parts) for parts in (self._rows, self._columns, self._values)
        )
        matrix: Any = coo_matrix((values, (rows, columns)), shape=(self._row_count, size))
        limits = np.zeros(self._row_count)
        if within is not None:
            matrix = vstack([matrix, coo_matrix(self._wide(within[0]))])
            limits = np.append(limits, within[1])
        whole = np.zeros((1, size))
        whole[0, : self.members] = 1.0
        found = linprog(
            self._wide(minimise),
            A_ub=matrix.tocsr(),
            b_ub=limits,
            A_eq=whole,
            b_eq=[1.0],
            bounds=self._bounds,
            method="highs",
        )
        if found.status == 2:
            raise _Infeasible
        if found.status != 0:
            raise Refusal("weights", f"a program that ends with: {found.message}")
        return found

    def _add(self, count: int, *, free: bool = False) -> NDArray[np.int64]:
        first = len(self._bounds)
        self._bounds += [(None if free else 0.0, None)] * count
        return np.arange(first, first + count)

    def _new_rows(self, count: int) -> NDArray[np.int64]:
        first = self._row_count
        self._row_count += count
        return np.arange(first, first + count)

    def _entries(self, rows: Any, columns: Any, values: Floats) -> None:
        self._rows.append(rows)
        self._columns.append(columns)
        self._values.append(values)

    def _cost(self, threshold: int, beyond: NDArray[np.int64], level: float) -> Floats:
        cost = np.zeros(len(self._bounds))
        cost[threshold] = 1.0
        cost[beyond] = 1.0 / ((1.0 - level) * len(beyond))
        return cost

    def _wide(self, cost: Floats) -> Floats:
        """Return a cost over all variables; those added later cost nothing."""
        return np.concatenate([cost, np.zeros(len(self._bounds) - len(cost))])


def _thinned(growth: Floats) -> Floats:
    points = growth.shape[2]
    kept = np.unique(np.linspace(0, points - 1, min(points, _MOST_POINTS)).round().astype(int))
    return growth[:, :, kept]
