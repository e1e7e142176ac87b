"""Running the parameter sets that a search asks for, and saying what each came to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from engine.errors import Refusal
from engine.jobs.batch import Batch
from engine.jobs.prepared_job import PreparedJob
from engine.jobs.space import Scalar
from engine.jobs.trial_status import TrialStatus
from engine.search.objective import Evaluation, Objective, evaluate
from engine.search.trials import Status

__all__ = ["Evaluator"]

Seeds = NDArray[np.uint64]


class Evaluator:
    """One world, prepared once, on which parameter sets are judged.

    Parameters
    ----------
    prepared : PreparedJob
        The world.
    statistics : sequence of str
        What is estimated of each set.
    objectives : sequence of Objective
        Those among them with a function of their own say how it is computed.
    """

    def __init__(
        self,
        prepared: PreparedJob,
        statistics: Sequence[str],
        objectives: Sequence[Objective] = (),
    ) -> None:
        self.prepared, self.statistics = prepared, tuple(statistics)
        self._objectives = tuple(objectives)
        #: Simulations run so far.
        self.simulations = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.prepared.close()

    @property
    def seeds(self) -> Seeds:
        """Seeds of the study."""
        return self.prepared.job.seeds

    @property
    def has_history(self) -> bool:
        """Whether the one path is a history."""
        return self.prepared.job.world.is_history

    def results(
        self, sets: Sequence[Mapping[str, Scalar]], seeds: Seeds
    ) -> tuple[list[str], list[dict[str, Any]]]:
        """Run sets on seeds.

        Returns
        -------
        ids : list of str
            Set ids.
        results : list of dict
            As `TrialTable.rows` takes them. A set that is refused, or of which a simulation fails,
            is a result with its reason.
        """
        try:
            batch = self.run(sets, seeds)
        except Refusal as refusal:
            if len(sets) == 1:
                return [""], [{"paths": 0, "status": Status.REFUSED, "reason": str(refusal)}]
            # One of them cannot be judged: it is found by halving, so that the others are.
            middle = len(sets) // 2
            (ids, found), (more_ids, more) = (
                self.results(half, seeds) for half in (sets[:middle], sets[middle:])
            )
            return ids + more_ids, found + more
        evaluation = self.evaluate(batch.metrics, batch.status, batch.metric_names)
        return batch.set_ids.tolist(), self.as_results(evaluation, batch, batch.status)

    def evaluation(self, sets: Sequence[Mapping[str, Scalar]], seeds: Seeds) -> Evaluation:
        """Return the statistics of sets on seeds, with the influence of every path."""
        batch = self.run(sets, seeds)
        return self.evaluate(batch.metrics, batch.status, batch.metric_names)

    def evaluate(
        self, metrics: NDArray[np.float64], status: NDArray[np.int8], names: Sequence[str]
    ) -> Evaluation:
        """Estimate the statistics; arguments as of `engine.search.objective.evaluate`."""
        world = self.prepared.job.world
        return evaluate(metrics, status, names, world, self.statistics, self._objectives)

    def run(
        self,
        sets: Sequence[Mapping[str, Scalar]],
        seeds: Seeds,
        *,
        status: TrialStatus = "finished",
    ) -> Batch:
        """Run sets on seeds, and count the simulations; `status` as of `PreparedJob.run`."""
        batch = self.prepared.run(sets, seeds, status=status)
        self.simulations += int(batch.status.size)
        return batch

    def as_results(
        self, evaluation: Evaluation, batch: Batch, status: NDArray[np.int8]
    ) -> list[dict[str, Any]]:
        """Return a result per set; `batch` is what ran last, `status` all that ran."""
        paths = status.shape[1]
        results: list[dict[str, Any]] = [
            {"paths": paths, "status": Status.FAILED} for _ in range(len(status))
        ]
        for position in set(range(len(results))) - set(evaluation.succeeded.tolist()):
            path = np.flatnonzero(batch.status[position] != 0)
            if len(path):
                results[position]["reason"] = batch.error(position, int(path[0]))
        for position in evaluation.succeeded.tolist():
            results[position] = {"paths": paths}
        for name in evaluation.found:
            estimates = evaluation.estimates(name)
            for row, position in enumerate(evaluation.succeeded.tolist()):
                one = estimates[row]
                results[position][name] = one.value
                results[position][f"{name}_std_error"] = one.std_error
        return results
