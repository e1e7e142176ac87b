"""The ledger's rows of a part: one per parameter set, with its outcome on fixed blocks."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.jobs.blocks import block_of
from engine.jobs.ledger import OUTCOME_BLOCKS, SCHEMA
from engine.jobs.part import Terms
from engine.jobs.prepared import Prepared
from engine.jobs.simulate import PartArrays
from engine.jobs.space import ParameterSets
from engine.jobs.trial_status import TrialStatus
from engine.sources import Historical

__all__ = ["Outcomes", "trial_rows"]


@dataclass(frozen=True, eq=False)
class Outcomes:
    """What the ledger needs of simulations: every set on every seed.

    Parameters
    ----------
    sets : ParameterSets
        The parameter sets.
    seeds : ndarray of uint64, shape (seeds,)
        The seeds, each with as many paths as the others.
    ok : ndarray of bool, shape (paths, sets)
        Which simulations succeeded.
    net_pnl, sharpe : ndarray of float64, shape (paths, sets)
        Of those that did.
    time_blocks : ndarray of float32, shape (paths, sets, blocks), optional
        On history, the profit in each stretch of time, in account currency.
    """

    sets: ParameterSets
    seeds: NDArray[np.uint64]
    ok: NDArray[np.bool_]
    net_pnl: NDArray[np.float64]
    sharpe: NDArray[np.float64]
    time_blocks: NDArray[np.float32] | None

    @classmethod
    def of(cls, arrays: PartArrays, prepared: Prepared) -> Outcomes:
        """Take them from the arrays of a part; nothing of these is kept."""
        part, names, ok = arrays.part, arrays.kept, arrays.status == 0
        # Not every engine has one.
        sharpe = arrays.metrics[names.index("sharpe")] if "sharpe" in names else np.nan
        return cls(
            part.sets,
            part.seeds,
            ok,
            np.where(ok, arrays.metrics[names.index("net_pnl")], np.nan),
            np.where(ok, sharpe, np.nan),
            arrays.time_blocks,
        )

    def joined(self, others: Sequence[Outcomes]) -> Outcomes:
        """Return these and those of other sets on the same seeds."""
        every = [self, *others]
        blocks = [one.time_blocks for one in every if one.time_blocks is not None]
        return Outcomes(
            self.sets.joined([one.sets for one in others]),
            self.seeds,
            np.concatenate([one.ok for one in every], axis=1),
            np.concatenate([one.net_pnl for one in every], axis=1),
            np.concatenate([one.sharpe for one in every], axis=1),
            np.concatenate(blocks, axis=1) if blocks else None,
        )

    def chosen(self, sets: NDArray[np.int64], seeds: NDArray[np.int64]) -> Outcomes:
        """Return those of some sets and seeds, by their positions."""
        each = len(self.ok) // len(self.seeds)
        paths = (seeds[:, None] * each + np.arange(each)).ravel()
        cells = np.ix_(paths, sets)
        return Outcomes(
            self.sets[sets],
            self.seeds[seeds],
            self.ok[cells],
            self.net_pnl[cells],
            self.sharpe[cells],
            None if self.time_blocks is None else self.time_blocks[cells],
        )

    def by_block(self) -> list[Outcomes]:
        """Return those of each seed block, seeds ascending, as the parts of a study hold them."""
        every, of_seed = np.arange(len(self.sets)), block_of(self.seeds)
        order = np.argsort(self.seeds)
        return [
            self.chosen(every, order[of_seed[order] == number]) for number in np.unique(of_seed)
        ]


def trial_rows(
    outcomes: Outcomes, prepared: Prepared, terms: Terms, status: TrialStatus = "finished"
) -> pl.DataFrame:
    """Return the ledger's rows of the outcomes of one seed block: one per parameter set.

    Parameters
    ----------
    outcomes : Outcomes
        Of ascending seeds of one block.
    prepared : Prepared
        Their world.
    terms : Terms
        Who asked.
    status : {"finished", "pruned"}
        Whether these are the last seeds that the sets were asked on, or a round after which those
        that are behind leave.

    Returns
    -------
    polars.DataFrame
        Columns of `engine.jobs.ledger.SCHEMA`.
    """
    world, each = terms.world, terms.world.paths_per_seed
    ok, pnl, sharpe, seeds = outcomes.ok, outcomes.net_pnl, outcomes.sharpe, outcomes.seeds
    known = ok.sum(axis=0)
    mean, deviation = _moments(pnl, known)
    cash = world.execution.cash
    if outcomes.time_blocks is not None:
        kind, blocks = "time", np.arange(outcomes.time_blocks.shape[2])
        outcome = outcomes.time_blocks[0].astype(np.float64) / cash
        outcome[~ok[0]] = np.nan
        paths = np.repeat(ok[:1].T, len(blocks), axis=1)
    else:
        of_path = np.repeat(seeds % np.uint64(OUTCOME_BLOCKS), each)
        kind, blocks = "seeds", np.unique(of_path)
        member = (of_path == blocks[:, None]).astype(np.float64)
        paths = (member @ ok).T
        sums = (member @ np.where(ok, pnl, 0.0)).T
        outcome = np.divide(sums, paths * cash, out=np.full(sums.shape, np.nan), where=paths > 0)
    sets = len(outcomes.sets)
    sharpe_mean, _ = _moments(sharpe, np.isfinite(sharpe).sum(axis=0))
    columns: dict[str, Any] = {
        "trial": _trials(world.trial_id, outcomes.sets),
        "family": world.strategy.name,
        "code": world.code_hash,
        "data": terms.data,
        "series": terms.series,
        "world": world.id,
        "set_id": outcomes.sets.ids.tolist(),
        "parameters": outcomes.sets.as_json,
        "study": terms.study,
        "asked_by": terms.asked_by,
        "status": status,
        "engine_version": world.engine.version,
        "tried_at": datetime.datetime.now(datetime.UTC),
        "seeds": len(seeds),
        "first_seed": int(seeds[0]),
        "last_seed": int(seeds[-1]),
        "paths": len(ok),
        "failed": len(ok) - known,
        "mean_net_pnl": mean,
        "std_net_pnl": deviation,
        "mean_sharpe": sharpe_mean,
        "blocks_of": kind,
        "block": np.tile(blocks.astype(np.uint8), (sets, 1)),
        "outcome": outcome.astype(np.float32),
        "block_paths": paths.astype(np.uint32),
        "market": [_market(prepared)] * sets,
    }
    return pl.DataFrame(
        [_column(name, columns[name], dtype, sets) for name, dtype in SCHEMA.items()]
    )


def _market(prepared: Prepared) -> list[float] | None:
    """Return of the price in each stretch of time of a history, of several symbols the mean."""
    source, ends = prepared.world.source, prepared.block_ends
    if ends is None or not isinstance(source, Historical):
        return None
    first = len(source.bars[0]) - prepared.world.steps
    found = []
    for bars in source.bars:
        prices = np.concatenate([[bars.open[first]], bars.close[first + ends]])
        moves, before = np.diff(prices), np.abs(prices[:-1])
        unknown = np.full(len(moves), np.nan)
        found.append(np.divide(moves, before, out=unknown, where=before > 0.0))
    return [float(value) for value in np.mean(found, axis=0)]


def _column(name: str, values: Any, dtype: pl.DataType, sets: int) -> pl.Series:
    """Make a column of one value per set, or of one that all sets share.

    Without expressions: each costs as much as simulating hundreds of bars.
    """
    if isinstance(values, np.ndarray):
        column = pl.Series(
            name, np.ascontiguousarray(values).reshape(-1), nan_to_null=values.ndim == 1
        )
        return (column if values.ndim == 1 else column.reshape(values.shape)).cast(dtype)
    if isinstance(values, list):
        return pl.Series(name, values, dtype=dtype)
    return pl.Series(name, [values], dtype=dtype).new_from_index(0, sets)


@lru_cache(maxsize=4)
def _trials(world: str, sets: ParameterSets) -> list[str]:
    """Return the trial of each set; the parts of a job share their sets."""
    return [
        hashlib.sha256(f"{world}{set_id}".encode()).hexdigest()[:16] for set_id in sets.ids.tolist()
    ]


def _moments(
    values: NDArray[np.float64], count: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation over paths, shape (sets,); NaN where undefined."""
    nothing = np.full(values.shape[1], np.nan)
    mean = np.divide(np.nansum(values, axis=0), count, out=nothing.copy(), where=count > 0)
    squares = np.nansum((values - mean) ** 2, axis=0)
    variance = np.divide(squares, count - 1, out=nothing, where=count > 1)
    return mean, np.sqrt(variance)
