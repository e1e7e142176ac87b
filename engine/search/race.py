"""Racing: parameter sets that are clearly behind leave before all seeds have run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.errors import Refusal
from engine.jobs.space import Scalar
from engine.jobs.trial_status import TrialStatus
from engine.search.evaluator import Evaluator
from engine.search.objective import Evaluation, Objective, Requirement
from engine.search.trials import Status
from engine.statistics.distributions import student_quantile, student_quantiles

__all__ = ["race"]

# Paths on which all sets run before any may leave, and how many times as many follow.
_FIRST_PATHS: Final = 32
_GROWTH: Final = 2
# Chance that a set as good as the best leaves, over all sets and looks of a generation.
_ALPHA: Final = 0.05


def race(
    evaluator: Evaluator,
    sets: Sequence[Mapping[str, Scalar]],
    objective: Objective,
    incumbent: Mapping[str, Scalar] | None = None,
    requirements: Sequence[Requirement] = (),
) -> tuple[list[str], list[dict[str, Any]]]:
    """Run sets on more and more seeds, and let those leave that are clearly behind the best.

    Parameters
    ----------
    evaluator : Evaluator
        Its seeds are the course, in their order, the same for all.
    sets : sequence of mapping
        Who runs.
    objective : Objective
        What is raced for.
    incumbent : mapping, optional
        The best set of earlier generations, which runs along.
    requirements : sequence of Requirement
        Only sets that clearly meet them may lead.

    Returns
    -------
    ids, results
        As of `Evaluator.results`; a set that left has the status ``behind``, and its statistics on
        the paths that it ran on.

    Notes
    -----
    After 32 paths, and each time that their number has doubled, a set leaves whose difference from
    the leader, on common paths, is below zero by Student's quantile at a level of 5 % shared by all
    sets and looks (Bonferroni; Maron and Moore, 1994, "Hoeffding races", NIPS 6, with the paired
    test of Birattari et al., 2002). Sets that cannot be told apart all run to the end. Whether a
    set meets a requirement is told at the same level.
    """
    runners = list(sets) if incumbent is None else [*sets, incumbent]
    seeds = evaluator.seeds
    per_seed = evaluator.prepared.job.world.paths_per_seed
    rungs = _rungs(len(seeds), per_seed)
    level = 1.0 - _ALPHA / (len(runners) * max(len(rungs) - 1, 1))
    alive = np.arange(len(runners))
    ids: dict[int, str] = {}
    found: dict[int, dict[str, Any]] = {}
    held: list[Mapping[str, Any]] = [{} for _ in runners]
    first = 0
    for last in rungs:
        try:
            running = [runners[index] for index in alive]
            status_if_left: TrialStatus = "finished" if last == len(seeds) else "pruned"
            piece = evaluator.run(running, seeds[first:last], status=status_if_left)
        except Refusal:
            # One of them cannot be judged: without a race, which names it.
            return evaluator.results(sets, seeds)
        ids |= dict(zip(alive.tolist(), piece.set_ids.tolist(), strict=True))
        for row, index in enumerate(alive.tolist()):
            held[index] = _joined(held[index], piece.metrics[row], piece.status[row])
        metrics = np.stack([held[index]["metrics"] for index in alive])
        status = np.stack([held[index]["status"] for index in alive])
        evaluation = evaluator.evaluate(metrics, status, piece.metric_names)
        results = evaluator.as_results(evaluation, piece, status)
        found |= dict(zip(alive.tolist(), results, strict=True))
        if last == len(seeds):
            break
        behind = _behind(evaluation, objective, requirements, level, len(alive))
        for index in alive[behind].tolist():
            found[index]["status"] = Status.BEHIND
        alive = alive[~behind & (status == 0).all(axis=1)]
        if incumbent is not None and len(runners) - 1 not in alive:
            alive = np.append(alive, len(runners) - 1)
        if not len(alive):
            break
        first = last
    count = len(sets)
    return [ids[index] for index in range(count)], [found[index] for index in range(count)]


def _rungs(seeds: int, per_seed: int) -> list[int]:
    """Return after how many seeds somebody may leave; the last is all of them."""
    rungs = []
    size = -(-_FIRST_PATHS // per_seed)
    while size * _GROWTH <= seeds:
        rungs.append(size)
        size *= _GROWTH
    return [*rungs, seeds]


def _joined(
    held: Mapping[str, Any], metrics: NDArray[np.float64], status: NDArray[np.int8]
) -> Mapping[str, Any]:
    if not held:
        return {"metrics": metrics, "status": status}
    return {
        "metrics": np.concatenate([held["metrics"], metrics]),
        "status": np.concatenate([held["status"], status]),
    }


def _behind(
    evaluation: Evaluation,
    objective: Objective,
    requirements: Sequence[Requirement],
    level: float,
    count: int,
) -> NDArray[np.bool_]:
    """Tell which of the sets that run are clearly worse than the best that may lead."""
    behind = np.zeros(count, dtype=bool)
    found = evaluation.found.get(objective.statistic)
    if found is None:
        return behind
    value = objective.sign * found.value
    leading = np.where(_may_lead(evaluation, requirements, level), value, np.nan)
    units = int(found.units[0])
    influence = found.influence.reshape(len(value), -1)
    if units < 3 or np.isnan(leading).all() or influence.shape[1] != units:
        return behind
    leader = int(np.nanargmax(leading))
    apart = influence - influence[leader]
    error = np.sqrt((apart**2).mean(axis=1) / (units - 1))
    reach = student_quantile(level, units - 1.0) * error
    with np.errstate(invalid="ignore"):
        behind[evaluation.succeeded] = (value[leader] - value) > reach
    behind[evaluation.succeeded[leader]] = False
    return behind


def _may_lead(
    evaluation: Evaluation, requirements: Sequence[Requirement], level: float
) -> NDArray[np.bool_]:
    """Tell which sets meet every requirement by more than the error of its statistic."""
    able = np.ones(len(evaluation.succeeded), dtype=bool)
    for one in requirements:
        found = evaluation.found.get(one.statistic)
        if found is None:
            return np.zeros(len(able), dtype=bool)
        freedom = np.maximum(found.units - 1.0, 1.0)
        error = evaluation.estimates(one.statistic).std_error
        reach = student_quantiles(level, freedom) * np.nan_to_num(error)
        for side in (-1.0, 1.0):
            able &= one.holds(found.value + side * reach)
    return able
