"""Networks whose weights are found by the genetic search: no gradients, no further package."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.environment.batch import Batch
from engine.environment.fitness import GeneticFitness
from engine.environment.policy import Policy
from engine.environment.rollouts import play
from engine.errors import Refusal
from engine.search.genetic import Genetic
from engine.search.journal import Journal
from engine.search.space import SearchSpace
from engine.studies import uniform

__all__ = ["Evolved", "evolve_policy"]


@dataclass(frozen=True, eq=False)
class Evolved:
    """What a genetic search of weights found.

    Parameters
    ----------
    policy : Policy
        With the best weights.
    fitness : float
        Theirs, on the training episodes.
    curve : polars.DataFrame
        Per generation: ``generation``, ``best`` and ``mean`` fitness.
    """

    policy: Policy
    fitness: float
    curve: pl.DataFrame


def evolve_policy(
    env: Any,
    *,
    hidden: Sequence[int] = (),
    fitness: GeneticFitness | None = None,
    seeds: Sequence[int] = range(16),
    generations: int = 20,
    bound: float = 2.0,
    seed: int = 0,
    workers: int = 1,
    root: str | Path | None = None,
) -> Evolved:
    """Search the weights of a policy by the genetic method of `engine.search`.

    Parameters
    ----------
    env : TradingEnv or TradingVectorEnv
        What is traded, observed and done; the search makes environments of its own like it.
    hidden : sequence of int
        Sizes of hidden layers; none: a linear policy.
    fitness : GeneticFitness, optional
        What is wanted.
    seeds : sequence of int
        Training episodes, the same for every genome.
    generations : int
        How many.
    bound : float
        Weights lie between plus and minus this.
    seed : int
        Of the search's own choices.
    workers : int
        Threads; the result does not depend on it.
    root : str or Path, optional
        Folder in which generations are kept: a search that was interrupted goes on, and one that
        is repeated runs nothing.

    Raises
    ------
    Refusal
        If an argument is not allowed, or `root` holds another search.
    """
    for name, value in (("generations", generations), ("workers", workers)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise Refusal(name, repr(value), "a whole number >= 1")
    if not len(seeds):
        raise Refusal("seeds", "none", "at least one")
    fitness = fitness or GeneticFitness()
    first = Policy.zeros(env, hidden)
    names = [f"w{place}" for place in range(first.size)]
    space = SearchSpace.of({name: uniform(-bound, bound) for name in names})
    search = Genetic(space, seed)
    kept = _Kept(root, _identity(env, first, fitness, seeds, bound, seed))
    arena = _Arena(env, first, fitness, seeds, workers)
    best, weights = -np.inf, first.weights
    curve: list[tuple[int, float, float]] = []
    for generation in range(generations):
        points = search.ask(search.generation)
        genomes = bound * (2.0 * points - 1.0)
        scores = kept.scores(generation, len(points))
        if scores is None:
            scores = arena.scores(genomes)
            kept.keep(generation, scores)
        search.tell(points, scores[:, None])
        top = int(np.argmax(scores))
        if scores[top] > best:
            best, weights = float(scores[top]), genomes[top].copy()
        curve.append((generation, best, float(scores.mean())))
    table = pl.DataFrame(
        curve,
        schema={"generation": pl.Int64, "best": pl.Float64, "mean": pl.Float64},
        orient="row",
    )
    return Evolved(first.with_weights(weights), best, table)


class _Arena:
    """Environments in which genomes are judged, all of them in the same episodes."""

    def __init__(
        self,
        env: Any,
        policy: Policy,
        fitness: GeneticFitness,
        seeds: Sequence[int],
        workers: int,
    ) -> None:
        own: Batch = env.unwrapped.batch
        self._policy, self._fitness, self._workers = policy, fitness, workers
        self._seeds = [int(seed) for seed in seeds]
        settings = own.settings.with_normalisation(own.normalisation)
        self._batches = [Batch(settings, len(self._seeds)) for _ in range(workers)]

    def scores(self, genomes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the fitness of each genome."""
        found = np.empty(len(genomes))

        def judge(worker: int) -> None:
            batch = self._batches[worker]
            for place in range(worker, len(genomes), self._workers):
                batch.reset(np.arange(len(self._seeds)), list(self._seeds))
                policy = self._policy.with_weights(genomes[place])
                found[place] = self._fitness.of(play(batch, policy, 0, batch.count))

        if self._workers == 1:
            judge(0)
        else:
            with ThreadPoolExecutor(self._workers) as pool:
                list(pool.map(judge, range(self._workers)))
        return found


class _Kept:
    """Generations on disk; a sampler that is told the same asks the same."""

    def __init__(self, root: str | Path | None, identity: dict[str, Any]) -> None:
        self._folder: Journal | None = None
        if root is not None:
            self._folder = Journal.open(Path(root), identity)

    def scores(self, generation: int, count: int) -> NDArray[np.float64] | None:
        """Return the scores of a generation, if they are there."""
        if self._folder is None:
            return None
        table = self._folder.read(generation)
        return None if table is None else table["fitness"].to_numpy()

    def keep(self, generation: int, scores: NDArray[np.float64]) -> None:
        """Write the scores of a generation."""
        if self._folder is not None:
            self._folder.write(generation, pl.DataFrame({"fitness": scores}))


def _identity(
    env: Any,
    policy: Policy,
    fitness: GeneticFitness,
    seeds: Sequence[int],
    bound: float,
    seed: int,
) -> dict[str, Any]:
    """Return everything that decides the numbers."""
    batch: Batch = env.unwrapped.batch
    world = json.dumps(
        [batch.episodes.source.fingerprint(), batch.execution.model_dump(mode="json")],
        sort_keys=True,
        default=str,
    )
    return {
        "kind": "policy",
        "policy": policy.digest,
        "world": hashlib.sha256(world.encode()).hexdigest(),
        "episode": [batch.episodes.episode_bars, str(batch.settings.start)],
        "fitness": fitness.weights,
        "seeds": [int(item) for item in seeds],
        "bound": bound,
        "seed": seed,
    }
