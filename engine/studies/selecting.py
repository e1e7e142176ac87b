"""Running until the best parameter set is selected: more seeds for the sets that may be it.

Looks are those of `engine.statistics.sequential_selection.SequentialSelection`. All sets run on the
first seeds, those that may still be the best on more. What is looked at is a beginning of the
seeds, so a study that is resumed selects as an unbroken one does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from engine.errors import Refusal
from engine.jobs.job import Job
from engine.jobs.space import ParameterSpace
from engine.results.definitions import Statistic, find_statistic
from engine.results.outcomes import Outcomes
from engine.results.read_outcomes import read_outcomes
from engine.results.results import Results
from engine.statistics.linearised import Linearised
from engine.statistics.sequential_selection import SequentialSelection
from engine.studies.until import extend

__all__ = ["Selecting"]

# Of fewer paths differences need not be normal, nor their variances known.
_FEWEST_PATHS = 50


@dataclass(frozen=True)
class Selecting:
    """A job whose best set is being selected.

    Parameters
    ----------
    whole : Job
        All of its sets, with the seeds that the first look needs.
    plan : SequentialSelection
        With the looks so far.
    seeds_of_set : tuple of int
        Seeds that each set ran on.
    """

    whole: Job
    plan: SequentialSelection
    seeds_of_set: tuple[int, ...]

    @classmethod
    def of(cls, job: Job) -> Selecting:
        """Begin with the job's own seeds, or as many as the first look needs."""
        until = job.settings.until
        assert until is not None
        assert until.selected is not None
        first = math.ceil(_FEWEST_PATHS / _units_per_seed(job))
        first = min(max(len(job.seeds), first), max(until.max_seeds, len(job.seeds)))
        promise = until.selected
        try:
            plan = SequentialSelection(len(job.space), promise.indifference, promise.probability)
        except Refusal as refusal:
            raise refusal.within("until.selected") from None
        return cls(extend(job, first), plan, (first,) * len(job.space))

    @property
    def job(self) -> Job:
        """The sets that may be the best, on the seeds of the next look."""
        sets = self.plan.alive
        of = self.whole.space
        if len(sets) < len(of):
            space = ParameterSpace(of.names, tuple(of.sets[one] for one in sets), 0)
            part = replace(self.whole, space=space)
        else:
            part = self.whole
        return replace(extend(part, self.seeds_of_set[sets[0]]), trial_status="pruned")

    @property
    def result(self) -> Job:
        """All sets, each on the seeds that it ran on."""
        counts = np.array(self.seeds_of_set, dtype=np.int64)
        grown = extend(self.whole, int(counts.max()))
        return replace(grown, seeds_of_set=counts)

    @property
    def most(self) -> int:
        """Seeds at most."""
        until = self.whole.settings.until
        assert until is not None
        return max(until.max_seeds, len(self.whole.seeds))

    def look(self, results: Results) -> tuple[Selecting, str | None]:
        """Let sets leave that are behind, and say why it is done, if it is.

        Parameters
        ----------
        results : Results
            All rows of `job`.

        Returns
        -------
        Selecting
            With this look, and the seeds of the next one.
        str or None
            Why no more seeds are added; None where some are.
        """
        until = self.whole.settings.until
        assert until is not None
        assert until.selected is not None
        entry = find_statistic(results, until.statistic, "until.statistic")
        plan = self.plan.tell(_on_common_paths(results, entry))
        promise = f"with probability {until.selected.probability:g}"
        seeds = self.seeds_of_set[self.plan.alive[0]]
        ran = f"after {seeds:,} seeds, {sum(self.seeds_of_set):,} cells"
        if plan.selected is not None:
            of = f"of {plan.sets:,} by {until.statistic} {promise}"
            why = f"set {plan.selected} is selected as the best {of} {ran}"
            return replace(self, plan=plan), f"{why}, within {until.selected.indifference:g}"
        if seeds >= self.most:
            some = ", ".join(map(str, plan.alive[:10])) + (", …" if len(plan.alive) > 10 else "")
            why = f"stopped at max_seeds = {self.most:,} with {len(plan.alive):,} sets that may be"
            return replace(self, plan=plan), f"{why} the best by {until.statistic}: {some}"
        wanted = math.ceil(plan.ask() / _units_per_seed(self.whole))
        wanted = min(self.most, max(seeds + 1, wanted))
        alive = set(plan.alive)
        counts = [wanted if one in alive else count for one, count in enumerate(self.seeds_of_set)]
        return replace(self, plan=plan, seeds_of_set=tuple(counts)), None


def _on_common_paths(results: Results, entry: Statistic) -> Linearised:
    """Estimate on the paths on which no set failed, so that all sets have the same."""
    failed = results.lazy.filter(pl.col("status") == "failed").select(results.unit()).unique()
    units = failed.collect().to_series()
    if len(units):
        results = results.filter(~results.unit().is_in(units.implode()))
    outcomes = read_outcomes(results, ["parameter_set"], [*entry.needs])
    assert outcomes is not None
    return _idle_is_nothing(entry.of(outcomes), outcomes)


def _idle_is_nothing(found: Linearised, outcomes: Outcomes) -> Linearised:
    """Give a ratio of a set that never held a position the value 0."""
    idle = np.isnan(found.value) & (outcomes.idle_share >= 1.0)
    return replace(found, value=np.where(idle, 0.0, found.value))


def _units_per_seed(job: Job) -> float:
    """Independent observations that a seed makes."""
    return job.world.paths_per_seed / job.world.paths_per_unit
