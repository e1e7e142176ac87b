"""A resolved study and its division into blocks and parts.

A *job* is a study in which every name has become a thing: bars, calibrated parameters, parameter
sets, seeds. A *part* is a slice of its paths × parameter sets that is simulated, written and
resumed as one. The division depends on the job alone, never on the machine, so a part means the
same rows everywhere.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engine.calendar import BarCalendar
from engine.jobs.lineage import Lineage
from engine.jobs.settings import PathSettings, Record, Until
from engine.jobs.space import ParameterSpace
from engine.user_code import files_of, import_user_file

if TYPE_CHECKING:
    from engine.execution import Execution
    from engine.jobs.draw import ParameterDraw
    from engine.jobs.path_metrics import PathMetric
    from engine.sources import Source
    from engine.strategies import Strategy

__all__ = ["BLOCKS", "PART_LIMITS", "Job", "PartSpec", "block_parts", "job_parts"]

#: Seed blocks of every study, project-wide: the partitions of its simulations.
BLOCKS = 16

# A part holds at most so many rows, bars simulated and sampled equity values: a few seconds of
# one thread and some tens of megabytes.
_PART_ROWS = 131_072
_PART_BARS = 2**30
_PART_SAMPLES = 2**22
_PART_TRADE_BARS = 2**24

#: Enters the fingerprint: parts cut otherwise are other files.
PART_LIMITS = (BLOCKS, _PART_ROWS, _PART_BARS, _PART_SAMPLES, _PART_TRADE_BARS)


@dataclass(frozen=True, eq=False)
class Job:
    """Everything a part needs to know, as plain picklable values.

    Parameters
    ----------
    study : str
        Name of the study.
    fingerprint : str
        Hash of everything below that decides the numbers.
    sources : tuple of Source
        One per distinct set of source parameters.
    source_of_set : ndarray of int64, shape (parameter sets,)
        Which source each parameter set runs on.
    draw : ParameterDraw, optional
        Draws source parameters per path.
    strategy : type of Strategy
        What trades.
    execution : Execution
        Costs, fills, sizing.
    space : ParameterSpace
        Parameter sets.
    seeds : ndarray of uint64, shape (seeds,)
        In the study's order.
    rounds : tuple of int
        Ends, in seeds, of the batches that ``until`` has added so far; the first is the study's
        own seed set.
    paths_per_seed : int
        Paths generated from each seed.
    path : PathSettings
        How paths are made; its ``steps`` are known here.
    calendar : BarCalendar
        Gives the length of a bar and the annualisation.
    record : Record
        What is kept besides the metrics.
    failure_allowance : float
        Share of simulations that may fail.
    until : Until, optional
        When to stop adding seeds.
    metrics : dict of str to callable
        Own metrics (`PathMetric`).
    definition : dict, optional
        The study as written; None where Python objects are part of it, which no file holds.
    file : str, optional
        The study file.
    lineage : Lineage
        The bars and the calibration it was made of.
    """

    study: str
    fingerprint: str
    sources: tuple[Source, ...]
    source_of_set: NDArray[np.int64]
    draw: ParameterDraw | None
    strategy: type[Strategy]
    execution: Execution
    space: ParameterSpace
    seeds: NDArray[np.uint64]
    rounds: tuple[int, ...]
    paths_per_seed: int
    path: PathSettings
    calendar: BarCalendar
    record: Record
    failure_allowance: float
    until: Until | None = None
    metrics: Mapping[str, PathMetric] = field(default_factory=dict)
    definition: dict[str, Any] | None = None
    file: str | None = None
    lineage: Lineage = field(default_factory=Lineage)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the job with the places of the user's files that its classes come from."""
        kinds = [self.strategy, *(type(source) for source in self.sources), *self.metrics.values()]
        values = pickle.dumps({item.name: getattr(self, item.name) for item in fields(self)})
        return _job_from, (files_of(*kinds), values)

    @property
    def steps(self) -> int:
        """Bars of a path."""
        assert self.path.steps is not None
        return self.path.steps

    @property
    def paths(self) -> int:
        """Paths of the whole study."""
        return len(self.seeds) * self.paths_per_seed

    @property
    def simulations(self) -> int:
        """Rows of the whole study."""
        return self.paths * len(self.space)


@dataclass(frozen=True)
class PartSpec:
    """A slice of a job: the unit of writing, resuming and dispatching.

    Parameters
    ----------
    job : Job
        The resolved study.
    block : int
        Seed block, counted from 0.
    round : int
        Batch of seeds it belongs to.
    number : int
        Position within block and round.
    paths : tuple of int
        First path and the one after the last.
    sets : tuple of int
        First parameter set and the one after the last.
    """

    job: Job
    block: int
    round: int
    number: int
    paths: tuple[int, int]
    sets: tuple[int, int]

    @property
    def key(self) -> str:
        """Name of the part within its block, in the order of its simulations."""
        return f"part-{self.round:03d}-{self.number:05d}"

    @property
    def rows(self) -> int:
        """Simulations of the part."""
        return (self.paths[1] - self.paths[0]) * (self.sets[1] - self.sets[0])


def _job_from(files: list[tuple[str, str]], values: bytes) -> Job:
    for file, content in files:
        import_user_file(Path(file), content)
    return Job(**pickle.loads(values))


def job_parts(job: Job, first_round: int = 0) -> list[PartSpec]:
    """All parts of a job from a round on, in the order of their simulations."""
    return [
        part
        for number in range(first_round, len(job.rounds))
        for block in range(BLOCKS)
        for part in _parts(job, block, number)
    ]


def block_parts(job: Job, block: int) -> list[PartSpec]:
    """Parts of one seed block."""
    if not 0 <= block < BLOCKS:
        raise ValueError(f"block: found {block}, allowed 0 to {BLOCKS - 1}")
    return [part for number in range(len(job.rounds)) for part in _parts(job, block, number)]


def _parts(job: Job, block: int, number: int) -> list[PartSpec]:
    start = job.rounds[number - 1] if number else 0
    seeds = job.rounds[number] - start
    first = (start + seeds * block // BLOCKS) * job.paths_per_seed
    last = (start + seeds * (block + 1) // BLOCKS) * job.paths_per_seed
    rows = max(1, min(_PART_ROWS, _PART_BARS // job.steps))
    if job.record.equity:
        rows = max(1, min(rows, _PART_SAMPLES // job.record.equity))
    if job.record.trades:
        rows = max(1, min(rows, _PART_TRADE_BARS // job.steps))
    sets = len(job.space)
    set_step = min(sets, rows)
    path_step = max(1, rows // sets)
    slices = [
        ((path, min(path + path_step, last)), (low, min(low + set_step, sets)))
        for path in range(first, last, path_step)
        for low in range(0, sets, set_step)
    ]
    return [
        PartSpec(job, block, number, index, paths, of_sets)
        for index, (paths, of_sets) in enumerate(slices)
    ]
