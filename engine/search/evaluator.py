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
from engine.search.objective import Evaluation, evaluate
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
    """

    def __init__(self, prepared: PreparedJob, statistics: Sequence[str]) -> None:
        self.prepared, self.statistics = prepared, tuple(statistics)
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
            batch = self._run(sets, seeds)
        except Refusal as refusal:
            if len(sets) == 1:
                return [""], [{"paths": 0, "status": Status.REFUSED, "reason": str(refusal)}]
            # One of them cannot be judged: each by itself, so that the others are.
            ids: list[str] = []
            found: list[dict[str, Any]] = []
            for one in sets:
                own_id, own = self.results([one], seeds)
                ids += own_id
                found += own
            return ids, found
        return batch.set_ids.tolist(), self._of_batch(batch)

    def evaluation(self, sets: Sequence[Mapping[str, Scalar]], seeds: Seeds) -> Evaluation:
        """Return the statistics of sets on seeds, with the influence of every path."""
        return evaluate(self._run(sets, seeds), self.prepared.job.world, self.statistics)

    def _run(self, sets: Sequence[Mapping[str, Scalar]], seeds: Seeds) -> Batch:
        batch = self.prepared.run(sets, seeds)
        self.simulations += int(batch.status.size)
        return batch

    def _of_batch(self, batch: Batch) -> list[dict[str, Any]]:
        evaluation = evaluate(batch, self.prepared.job.world, self.statistics)
        paths = batch.status.shape[1]
        results: list[dict[str, Any]] = [
            {"paths": paths, "status": Status.FAILED} for _ in range(len(batch.status))
        ]
        for position in set(range(len(results))) - set(evaluation.succeeded.tolist()):
            path = int(np.flatnonzero(batch.status[position] != 0)[0])
            results[position]["reason"] = batch.error(position, path)
        for row, position in enumerate(evaluation.succeeded.tolist()):
            results[position] = {"paths": paths, "_row": row}
        for name in evaluation.found:
            estimates = evaluation.estimates(name)
            for position in evaluation.succeeded.tolist():
                one = estimates[results[position]["_row"]]
                results[position][name] = one.value
                results[position][f"{name}_std_error"] = one.std_error
        return results
