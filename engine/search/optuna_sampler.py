"""Optuna's samplers behind ours: tree-structured Parzen estimator, CMA-ES, NSGA-II."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import Refusal
from engine.search.space import Dimension, SearchSpace

__all__ = ["OptunaSampler"]

Floats = NDArray[np.float64]

# A trial of the Parzen estimator costs milliseconds, asked one by one or together.
_GENERATION = 32


class OptunaSampler:
    """One of Optuna's samplers, asked for a generation at a time.

    Optuna sees each parameter on the scale of its distribution, from 0 to 1, and keeps nothing on
    disk: trials stand in our ledger, and what it knows is told to it again when a search goes on.

    Parameters
    ----------
    space : SearchSpace
        Where it looks.
    seed : int
        Of its random choices.
    objectives : int
        How many numbers each trial is scored by.
    method : {"tpe", "cma_es", "nsga2"}
        Bergstra et al. (2011), Hansen and Ostermeier (2001), Deb et al. (2002).

    Raises
    ------
    Refusal
        If Optuna is not installed, or the method takes one objective and there are several.
    """

    generation = _GENERATION

    def __init__(self, space: SearchSpace, seed: int, objectives: int, method: str) -> None:
        optuna = _optuna()
        if objectives > 1 and method == "cma_es":
            raise Refusal("search.method", "cma_es with several objectives", "nsga2 or tpe")
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._space, self._optuna = space, optuna
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            self._study = optuna.create_study(
                sampler=_sampler(optuna, method, seed % 2**32),
                directions=["maximize"] * objectives,
            )
        self._distributions = {item.name: _distribution(optuna, item) for item in space.dimensions}
        self._asked: list[Any] = []

    def ask(self, count: int) -> Floats:
        """Return the next points."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._asked = [self._study.ask(self._distributions) for _ in range(count)]
        points = np.array(
            [
                [
                    item.at(int(trial.params[item.name]))
                    if item.count is not None
                    else trial.params[item.name]
                    for item in self._space.dimensions
                ]
                for trial in self._asked
            ]
        )
        return self._space.settle(points)

    def tell(self, points: Floats, scores: Floats) -> None:
        """Tell Optuna; what has no score counts as tried and worse than the rest."""
        state = self._optuna.trial.TrialState
        several = scores.shape[1] > 1
        for trial, score in zip(self._asked, scores, strict=True):
            if np.isnan(score).any():
                # Optuna prunes trials of one objective only.
                self._study.tell(trial, state=state.FAIL if several else state.PRUNED)
            else:
                self._study.tell(trial, score.tolist())


def _optuna() -> Any:
    try:
        import optuna
    except ImportError:
        raise Refusal(
            "search.method",
            "a method of Optuna, which is not installed",
            "grid, random, sobol or genetic",
            hint="pip install 'mc-lab[search]'",
        ) from None
    return optuna


def _sampler(optuna: Any, method: str, seed: int) -> Any:
    if method == "tpe":
        return optuna.samplers.TPESampler(seed=seed, multivariate=True, constant_liar=True)
    if method == "cma_es":
        return optuna.samplers.CmaEsSampler(seed=seed, popsize=_GENERATION // 2)
    return optuna.samplers.NSGAIISampler(seed=seed, population_size=_GENERATION)


def _distribution(optuna: Any, item: Dimension) -> Any:
    if item.count is None:
        return optuna.distributions.FloatDistribution(0.0, 1.0 - 1e-12)
    if item.is_ordered:
        return optuna.distributions.IntDistribution(0, item.count - 1)
    return optuna.distributions.CategoricalDistribution(list(range(item.count)))
