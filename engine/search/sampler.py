"""Samplers: what a search asks which points to try next."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from engine.errors import Refusal
from engine.search.genetic import Genetic
from engine.search.points import Grid, RandomPoints, SobolPoints
from engine.search.space import SearchSpace

__all__ = ["METHODS", "Sampler", "make_sampler"]


class Sampler(Protocol):
    """Chooses points of a space, given what those before came to.

    A sampler is a function of its seed and of what it was told: asked and told the same, it asks
    the same. Randomness comes from a generator of its own.
    """

    @property
    def generation(self) -> int:
        """How many points it is best asked for at a time."""
        ...

    def ask(self, count: int) -> NDArray[np.float64]:
        """Choose points to try.

        Returns
        -------
        ndarray of float64, shape (points, dimensions)
            Up to `count`, settled as `SearchSpace.settle` does; none where there are no more.
        """
        ...

    def tell(self, points: NDArray[np.float64], scores: NDArray[np.float64]) -> None:
        """Take in what the points of the last `ask` came to.

        Parameters
        ----------
        points : ndarray of float64, shape (points, dimensions)
            As they were asked for.
        scores : ndarray of float64, shape (points, objectives)
            More is better. NaN where a constraint or a requirement does not hold, the objective is
            undefined, or the trial failed.
        """
        ...


def _grid(space: SearchSpace, seed: int, objectives: int) -> Sampler:
    return Grid(space)


def _random(space: SearchSpace, seed: int, objectives: int) -> Sampler:
    return RandomPoints(space, seed)


def _sobol(space: SearchSpace, seed: int, objectives: int) -> Sampler:
    return SobolPoints(space, seed)


def _genetic(space: SearchSpace, seed: int, objectives: int) -> Sampler:
    if objectives > 1:
        raise Refusal(
            "search.method", "genetic with several objectives", "nsga2, tpe, random, sobol or grid"
        )
    return Genetic(space, seed)


def _of_optuna(method: str) -> Callable[[SearchSpace, int, int], Sampler]:
    def made(space: SearchSpace, seed: int, objectives: int) -> Sampler:
        from engine.search.optuna_sampler import OptunaSampler

        return OptunaSampler(space, seed, objectives, method)

    return made


_MAKERS: Final[dict[str, Callable[[SearchSpace, int, int], Sampler]]] = {
    "grid": _grid,
    "random": _random,
    "sobol": _sobol,
    "genetic": _genetic,
    "nsga2": _of_optuna("nsga2"),
    "tpe": _of_optuna("tpe"),
    "cma_es": _of_optuna("cma_es"),
}

#: Names of the methods of search.
METHODS: Final = tuple(_MAKERS)


def make_sampler(method: str, space: SearchSpace, *, seed: int = 0, objectives: int = 1) -> Sampler:
    """Make a sampler by name.

    Parameters
    ----------
    method : str
        One of `METHODS`. The last three need Optuna (the extra ``search``).
    space : SearchSpace
        Where it looks.
    seed : int
        Of its random choices.
    objectives : int
        How many numbers each trial is scored by.

    Raises
    ------
    Refusal
        If there is no such method, its library is not installed, or it cannot take the space or as
        many objectives.

    Examples
    --------
    >>> from engine.studies import uniform
    >>> space = SearchSpace.of({"x": uniform(0.0, 1.0)})
    >>> make_sampler("random", space, seed=1).ask(4).shape
    (4, 1)
    """
    if method not in _MAKERS:
        raise Refusal("search.method", repr(method), ", ".join(METHODS))
    return _MAKERS[method](space, seed, objectives)
