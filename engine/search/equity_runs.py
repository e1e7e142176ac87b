"""Equity of every parameter set at every bar, a few seeds at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.errors import Refusal
from engine.files import FileStore
from engine.jobs.job import Job
from engine.jobs.prepared_job import PreparedJob
from engine.jobs.settings import Record
from engine.market_data import MarketData
from engine.studies import Study

__all__ = ["EquityRuns", "Scored", "equity_of", "recording_equity"]

Floats = NDArray[np.float64]
Scored = dict[str, NDArray[np.float64]]

# Equity at every bar of every set takes this many bytes at a time.
_BYTES: Final = 64_000_000
# Of more bars equity is read at as many points, which is what a study can record.
_MOST_POINTS: Final = 100_000


@dataclass(frozen=True, eq=False)
class EquityRuns:
    """Every set of a study on every path, measured by equity at every close.

    Parameters
    ----------
    study : Study
        The study, recording equity.
    job : Job
        Its job.
    points : int
        At how many closes equity is read.
    """

    study: Study
    job: Job
    points: int

    @classmethod
    def of(cls, study: Study, market_data: MarketData | None) -> EquityRuns:
        """Resolve a study.

        Raises
        ------
        Refusal
            If it cannot be, or has one parameter set.
        """
        job = study.resolve(market_data)
        if len(job.space) < 2:
            raise Refusal("parameters", "one parameter set", "several, to choose from")
        points = min(job.world.steps, _MOST_POINTS)
        return cls(recording_equity(study, points), job, points)

    @property
    def points_per_year(self) -> float:
        """Points of equity in a year."""
        return self.job.world.bars_per_year * self.points / self.job.world.steps

    @property
    def sets(self) -> list[dict[str, Any]]:
        """The parameter sets."""
        return [self.job.space[index] for index in range(len(self.job.space))]

    def span(self, first: int, last: int) -> slice:
        """Return where equity from before bar `first` to the close of bar `last` lies."""
        steps = self.job.world.steps
        ends = np.array([(k + 1) * steps // self.points - 1 for k in range(self.points)])
        begin, end = np.searchsorted(ends, first), np.searchsorted(ends, last, side="right")
        return slice(int(begin), int(end) + 1)

    def measured(
        self,
        measure: Callable[[Floats], Scored],
        *,
        ledger: FileStore | None,
        market_data: MarketData | None,
        workers: str | int | None,
        asked_by: str,
    ) -> Iterator[tuple[int, Scored]]:
        """Run all sets, a few seeds at a time.

        Parameters
        ----------
        measure : callable
            Takes equity of shape (sets, paths, 1 + points), the cash before the first bar in front;
            returns arrays with the sets along their second axis.
        ledger, market_data, workers, asked_by
            As of `Study.prepare`.

        Yields
        ------
        first_path : int
            Number of the first path.
        measured : dict
            Of all sets on these paths.

        Raises
        ------
        Refusal
            If a simulation fails.
        """
        sets, per_seed = self.sets, self.job.world.paths_per_seed
        # All sets of a few seeds at a time, or where the paths are long some sets of one.
        per_set = 8 * self.points * per_seed
        set_step = max(_BYTES // per_set, 1)
        seed_step = max(_BYTES // (per_set * len(sets)), 1)
        with self.study.prepare(
            ledger=ledger, market_data=market_data, workers=workers, asked_by=asked_by
        ) as prepared:
            for first in range(0, len(self.job.seeds), seed_step):
                seeds = self.job.seeds[first : first + seed_step]
                parts = [
                    measure(equity_of(prepared, sets[start : start + set_step], seeds))
                    for start in range(0, len(sets), set_step)
                ]
                yield (
                    first * per_seed,
                    {
                        name: np.concatenate([one[name] for one in parts], axis=1)
                        for name in parts[0]
                    },
                )


def recording_equity(study: Study, points: int) -> Study:
    """Return a study that records equity at so many points, and nothing else."""
    recorded = Record.model_validate({"metrics": ("net_pnl", "final_equity"), "equity": points})
    definition = study.definition.model_copy(update={"record": recorded, "until": None})
    whole = Study.from_definition(definition, study.file)
    whole.live = study.live
    return whole


def equity_of(
    prepared: PreparedJob, sets: Sequence[dict[str, Any]], seeds: NDArray[np.uint64]
) -> Floats:
    """Return equity of shape (sets, paths, 1 + points), the cash before the first bar in front.

    Raises
    ------
    Refusal
        If a simulation fails.
    """
    batch = prepared.run(sets, seeds)
    if (batch.status != 0).any():
        bad, path = (int(axis[0]) for axis in np.nonzero(batch.status))
        raise Refusal("strategy", f"a simulation that failed ({batch.error(bad, path)})", "none")
    cash = batch.metric("final_equity") - batch.metric("net_pnl")
    return np.concatenate([cash[:, :, None], batch.curves], axis=2, dtype=np.float64)
