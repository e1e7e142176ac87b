"""A job: a named list of cells, each one parameter set on one seed of one world."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engine.compiled import code_hash
from engine.execution.metric_groups import asked_metrics, group_versions, metric_groups
from engine.jobs.canonical import short_hash
from engine.jobs.lineage import Lineage
from engine.jobs.settings import JobSettings, Record
from engine.jobs.space import ParameterSets, ParameterSpace
from engine.jobs.trial_status import TrialStatus
from engine.jobs.world import World

if TYPE_CHECKING:
    from engine.jobs.path_metrics import PathMetric

__all__ = ["Holds", "Job"]


@dataclass(frozen=True)
class Holds:
    """What a part holds of its cells: what is recorded and measured. It changes no number.

    Parameters
    ----------
    record : Record
        Points of each equity curve, whether every trade is kept, and the precision of metrics.
    metrics : tuple of str
        Metrics of the engine's groups, in their order.
    groups : dict of str to int
        The groups that they belong to, and the versions of these.
    own_metrics : dict of str to str
        The study's own metrics and the hashes of their code.
    """

    record: Record
    metrics: tuple[str, ...]
    groups: Mapping[str, int]
    own_metrics: Mapping[str, str]

    def satisfies(self, wanted: Holds) -> bool:
        """Whether a part that holds this has everything that is wanted."""
        return (
            wanted.record.equity in (0, self.record.equity)
            and self.record.trades >= wanted.record.trades
            and set(wanted.metrics) <= set(self.metrics)
            and wanted.groups.items() <= self.groups.items()
            and self.record.precision in ("float64", wanted.record.precision)
            and wanted.own_metrics.items() <= self.own_metrics.items()
        )

    def with_metrics_of(self, other: Holds) -> Holds:
        """Return the same with the metrics of another beside its own, in the finer precision.

        Metrics of a group that has another version now are not taken.
        """
        if (other.metrics, other.groups) == (self.metrics, self.groups) and (
            other.record.precision == self.record.precision
        ):
            return self
        taken = [
            name
            for group in metric_groups().values()
            if other.groups.get(group.name) == group.version
            for name in group.metrics
            if name in other.metrics
        ]
        metrics = asked_metrics([*self.metrics, *taken], "record.metrics")
        finer = self.record if self.record.precision == "float64" else other.record
        record = self.record.model_copy(update={"precision": finer.precision})
        return replace(self, record=record, metrics=metrics, groups=group_versions(metrics))


@dataclass(frozen=True, eq=False)
class Job:
    """A study whose names are resolved: sources, strategies and bars are objects.

    Parameters
    ----------
    study : str
        Name of the study.
    world : World
        What decides a path and what happens on it.
    space : ParameterSpace
        Parameter sets as the study names them.
    seeds : ndarray of uint64, shape (seeds,)
        In the study's order.
    first_seeds : int
        How many of the seeds are the study's own; ``until`` adds the others.
    settings : JobSettings
        What is kept besides the metrics, when to stop adding seeds, what may fail.
    metrics : dict of str to callable
        Own metrics (`PathMetric`).
    definition : dict, optional
        The study as written; None where Python objects are part of it, which no file holds.
    file : str, optional
        The study file.
    lineage : Lineage
        The bars and the calibration it was made of.
    reads_of_ranges : tuple of str
        What needs the ranges of bars, in the words of the study's file.
    asked_by : str
        How its sets were chosen: ``grid``, or the method of a search.
    seeds_of_set : ndarray of int64, shape (sets,), optional
        How many of the seeds, from the first on, each set runs on; by default on all.
    trial_status : {"finished", "pruned"}
        What the ledger says of its sets: ``pruned`` of a round after which those that are behind
        leave, until `engine.jobs.trial_status.finish_trials` tells who ran to the end.
    """

    study: str
    world: World
    space: ParameterSpace
    seeds: NDArray[np.uint64]
    first_seeds: int
    settings: JobSettings
    metrics: Mapping[str, PathMetric] = field(default_factory=dict)
    definition: dict[str, Any] | None = None
    file: str | None = None
    lineage: Lineage = field(default_factory=Lineage)
    reads_of_ranges: tuple[str, ...] = ()
    asked_by: str = "grid"
    seeds_of_set: NDArray[np.int64] | None = None
    trial_status: TrialStatus = "finished"

    @cached_property
    def sets(self) -> ParameterSets:
        """Parameter sets as numbers, with their ids."""
        return ParameterSets.of(self.space, self.world.strategy)

    @cached_property
    def holds(self) -> Holds:
        """What its parts have to hold."""
        own = {name: code_hash(function) for name, function in self.metrics.items()}
        engine = self.world.engine
        metrics = engine.asked_metrics(self.settings.record.metrics, "record.metrics")
        return Holds(self.settings.record, metrics, engine.group_versions(metrics), own)

    @cached_property
    def fingerprint(self) -> str:
        """Hash of what is asked: the cells, and what is recorded of them.

        Seeds that ``until`` adds follow from the rest.
        """
        until = self.settings.until
        return short_hash(
            {
                "world": self.world.id,
                "sets": self.sets.ids.tolist(),
                "seeds": self.seeds[: self.first_seeds],
                "until": None if until is None else until.model_dump(),
                "holds": [
                    *(self.holds.record.equity, self.holds.record.trades),
                    *(self.holds.metrics, self.holds.groups, self.holds.record.precision),
                    self.holds.own_metrics,
                ],
            }
        )

    @property
    def paths(self) -> int:
        """Paths of the whole job."""
        return len(self.seeds) * self.world.paths_per_seed

    @property
    def simulations(self) -> int:
        """Rows of the whole job."""
        if self.seeds_of_set is not None:
            return int(self.seeds_of_set.sum()) * self.world.paths_per_seed
        return self.paths * len(self.space)
