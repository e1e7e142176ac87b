"""Parts: rectangles of cells, parameter sets × seeds of one world, run and written as one.

The cutting depends on what is missing alone, never on the machine: the same missing cells are
always cut the same way, and since all parts of a block but its last have the same number of
seeds, what a killed run left is cut as an undisturbed run would have cut it.
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engine.jobs.job import Holds, Job
from engine.jobs.space import ParameterSets
from engine.jobs.trial_status import TrialStatus
from engine.jobs.world import World
from engine.user_code import files_of, import_user_file

if TYPE_CHECKING:
    from engine.jobs.path_metrics import PathMetric

__all__ = ["Part", "Terms", "cut", "most_rows"]

# A part holds at most this many rows, bars simulated and sampled equity values: a few seconds of
# one thread and some tens of megabytes.
_ROWS = 131_072
_BARS = 2**30
_SAMPLES = 2**22
_TRADE_BARS = 2**24


@dataclass(frozen=True, eq=False)
class Terms:
    """What all parts of a job have in common: it travels once to whoever runs parts.

    Parameters
    ----------
    world : World
        What decides the numbers.
    holds : Holds
        What is kept of the cells.
    study : str
        Which study asks.
    metrics : dict of str to callable
        Own metrics.
    asked_by : str
        How its sets were chosen: ``grid``, or the method of a search.
    data, series : str
        Hash and names of the bars that the study looks at; empty where it needs none.
    trial_status : {"finished", "pruned"}
        What the ledger says of its sets; see `Job`.
    """

    world: World
    holds: Holds
    study: str
    metrics: Mapping[str, PathMetric] = field(default_factory=dict)
    asked_by: str = "grid"
    data: str = ""
    series: str = ""
    trial_status: TrialStatus = "finished"

    @classmethod
    def of(cls, job: Job) -> Terms:
        """Return the terms of a job."""
        return cls(
            world=job.world,
            holds=job.holds,
            study=job.study,
            metrics=job.metrics,
            asked_by=job.asked_by,
            data=job.lineage.data,
            series=job.lineage.series,
            trial_status=job.trial_status,
        )

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the terms with the places of the user's files that their classes come from."""
        kinds = [self.world.strategy, *self.world.source.classes, *self.metrics.values()]
        values = pickle.dumps({item.name: getattr(self, item.name) for item in fields(self)})
        return _terms_from, (files_of(*kinds), values)


@dataclass(frozen=True, eq=False)
class Part:
    """A rectangle of cells: the unit of writing, resuming and dispatching.

    Parameters
    ----------
    terms : Terms
        What it shares with the other parts of its job.
    sets : ParameterSets
        Its parameter sets.
    seeds : ndarray of uint64, shape (seeds,)
        Its seeds, ascending, all of one block.
    block : int
        Seed block, 0 to 15.
    apart : bool
        Whether another part shows its cells already: see `engine.jobs.manifest.table_key`.
    """

    terms: Terms
    sets: ParameterSets
    seeds: NDArray[np.uint64]
    block: int
    apart: bool = False

    @property
    def world(self) -> World:
        """What decides the numbers."""
        return self.terms.world

    @property
    def holds(self) -> Holds:
        """What is kept of its cells."""
        return self.terms.holds

    @cached_property
    def name(self) -> str:
        """Name of the part within its world: its block and a hash of its cells, in order."""
        digest = hashlib.sha256("".join(self.sets.ids.tolist()).encode())
        digest.update(self.seeds.astype("<u8").tobytes())
        return f"part-{self.block:02d}-{digest.hexdigest()[:16]}"

    @property
    def paths(self) -> int:
        """Paths of the part."""
        return len(self.seeds) * self.world.paths_per_seed

    @property
    def rows(self) -> int:
        """Simulations of the part."""
        return self.paths * len(self.sets)


def cut(
    job: Job,
    sets: NDArray[np.int64],
    seeds: NDArray[np.uint64],
    block: int,
    *,
    apart: bool = False,
) -> list[Part]:
    """Cut a rectangle of missing cells of one block into parts.

    Parameters
    ----------
    job : Job
        Whose cells they are.
    sets : ndarray of int64
        Positions of the parameter sets in the job.
    seeds : ndarray of uint64
        Seeds, ascending.
    block : int
        Their block.
    apart : bool
        Whether stored parts show them, which lack what the job asks.
    """
    terms = Terms.of(job)
    cells = max(1, most_rows(job) // job.world.paths_per_seed)
    set_step = min(len(sets), cells)
    seed_step = max(1, cells // len(sets))
    return [
        Part(
            terms,
            job.sets[sets[low : low + set_step]],
            seeds[first : first + seed_step],
            block,
            apart,
        )
        for first in range(0, len(seeds), seed_step)
        for low in range(0, len(sets), set_step)
    ]


def most_rows(job: Job) -> int:
    """Return how many simulations a part of a job may have; one cell may have more."""
    world, record = job.world, job.holds.record
    rows = min(_ROWS, _BARS // world.window.bar_count)
    if record.equity:
        rows = min(rows, _SAMPLES // record.equity)
    if record.trades:
        rows = min(rows, _TRADE_BARS // world.window.bar_count)
    return rows


def _terms_from(files: list[tuple[str, str]], values: bytes) -> Terms:
    for file, content in files:
        import_user_file(Path(file), content)
    return Terms(**pickle.loads(values))
