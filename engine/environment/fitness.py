"""The fitness of a genome: one number of many episodes, with weights that are arguments."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from engine.environment.rollouts import Outcomes
from engine.errors import Refusal

__all__ = ["GeneticFitness", "GeneticObjective"]


@dataclass(frozen=True)
class GeneticFitness:
    """Return and Sharpe ratio over episodes, less what makes them unsteady.

    ``mean_return * mean return + sharpe * mean Sharpe - spread * spread of returns
    + quartile * 25th percentile of returns - mean_drawdown * mean drawdown
    - worst_drawdown * maximum drawdown + adaptability * correlation with the regime
    + survival * (no margin call in any episode)``

    Returns and drawdowns are shares of the cash at the start, spread is a standard deviation.

    Parameters
    ----------
    mean_return : float
        1: fitness is in units of return, and the other weights say what each is worth in it.
    sharpe : float
        0.05: a Sharpe ratio of 1 is worth a return of 5 %, as an unlevered market's is.
    spread : float
        0.5: half of a standard deviation is given up, a mild aversion to risk.
    quartile : float
        0.5: the bad quarter counts half as much as the mean, so that a few lucky episodes do not
        carry a genome.
    mean_drawdown : float
        0.5, as the spread: a drawdown is what a trader lives through.
    worst_drawdown : float
        0.25: one episode decides it, and with more episodes it grows, so that it weighs less.
    adaptability : float
        0.02: of the correlation over episodes between the mean position and the market's return:
        1 for an agent that is long in rising markets and short in falling ones. Small, since it is
        no profit by itself. 0 where one of the two does not vary.
    survival : float
        0.1: as much as a return of 10 %, for a genome that was never called for margin.

    Raises
    ------
    Refusal
        If a weight is not a finite number.

    Examples
    --------
    >>> GeneticFitness(survival=0.0, adaptability=0.0).weights["spread"]
    0.5
    """

    mean_return: float = 1.0
    sharpe: float = 0.05
    spread: float = 0.5
    quartile: float = 0.5
    mean_drawdown: float = 0.5
    worst_drawdown: float = 0.25
    adaptability: float = 0.02
    survival: float = 0.1

    def __post_init__(self) -> None:
        for name, value in self.weights.items():
            if isinstance(value, bool) or not math.isfinite(value):
                raise Refusal(f"fitness.{name}", repr(value), "a finite number")

    @property
    def weights(self) -> dict[str, float]:
        """Weights by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def of(self, outcomes: Outcomes) -> float:
        """Return the fitness of the episodes of one genome."""
        return math.fsum(self.parts(outcomes).values())

    def parts(self, outcomes: Outcomes) -> dict[str, float]:
        """Return what each weight contributes."""
        returns, falls = outcomes.total_return, outcomes.max_drawdown
        return {
            "mean_return": self.mean_return * float(returns.mean()),
            "sharpe": self.sharpe * float(outcomes.sharpe.mean()),
            "spread": -self.spread * float(returns.std()),
            "quartile": self.quartile * float(np.quantile(returns, 0.25)),
            "mean_drawdown": -self.mean_drawdown * float(falls.mean()),
            "worst_drawdown": -self.worst_drawdown * float(falls.max()),
            "adaptability": self.adaptability * correlation(outcomes.leaning, outcomes.market),
            "survival": self.survival * float(not outcomes.margin_calls.any()),
        }

    def objective(self) -> GeneticObjective:
        """Return the same of a study's statistics: an objective of `mc.Search`.

        For genomes that are parameters of a strategy. Of a study the Sharpe ratio is pooled over
        paths, the worst drawdown is its 5 % quantile over paths, and what a strategy leans to is
        not known, so that there is no adaptability.
        """
        return GeneticObjective(self)


@dataclass(frozen=True)
class GeneticObjective:
    """A `GeneticFitness` of the statistics that its arguments name.

    Parameters
    ----------
    fitness : GeneticFitness
        The weights; they are part of what a search is told apart by.
    """

    __name__ = "genetic_fitness"

    fitness: GeneticFitness

    def __call__(
        self,
        total_return: float,
        sharpe: float,
        std_total_return: float,
        total_return_q25: float,
        max_drawdown: float,
        max_drawdown_q05: float,
        margin_calls: float,
    ) -> float:
        """Return the fitness of a parameter set."""
        w = self.fitness
        # Drawdowns of studies are below zero.
        falls = w.mean_drawdown * max_drawdown + w.worst_drawdown * max_drawdown_q05
        found = w.mean_return * total_return + w.sharpe * sharpe + falls
        found += w.quartile * total_return_q25 - w.spread * std_total_return
        return found + w.survival * (margin_calls <= 0.0)


def correlation(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Return Pearson's correlation, 0 where one of the two does not vary."""
    a, b = first - first.mean(), second - second.mean()
    size = math.sqrt(float(a @ a) * float(b @ b))
    return float(a @ b) / size if size > 1e-300 else 0.0
