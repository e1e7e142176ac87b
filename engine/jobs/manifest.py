"""Manifests: what a finished part holds, beside its tables and with their checksums."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import ValidationError

from engine.jobs.canonical import short_hash
from engine.jobs.job import Holds
from engine.jobs.part import Part
from engine.jobs.settings import Record

__all__ = [
    "SCHEMA_VERSION",
    "Manifest",
    "OtherVersion",
    "manifests_hash",
    "pack_seeds",
    "table_key",
    "unpack_seeds",
]

#: Of the tables and of the manifest itself.
SCHEMA_VERSION = 3


class OtherVersion(ValueError):
    """A manifest of another version: what it is of has to be computed again."""


@dataclass(frozen=True, eq=False)
class Manifest:
    """A finished part.

    Parameters
    ----------
    world : str
        Id of its world.
    part : str
        Name of the part.
    block : int
        Seed block.
    sets : tuple of str
        Ids of its parameter sets, in the order of its rows.
    seed_runs : ndarray of uint64, shape (runs, 3)
        Its seeds, ascending, as `pack_seeds` writes them: a part of a hundred thousand consecutive
        seeds of its block holds three numbers.
    paths_per_seed : int
        Paths of each seed.
    holds : Holds
        What is kept of its cells.
    rows, failed : int
        Simulations, and those of them that failed.
    first_error : str or None
        Error of the first failed simulation.
    files : dict
        Per table: relative path, bytes and SHA-256.
    schema_version : int
        Of the tables.
    """

    world: str
    part: str
    block: int
    sets: tuple[str, ...]
    seed_runs: NDArray[np.uint64]
    paths_per_seed: int
    holds: Holds
    rows: int
    failed: int
    first_error: str | None
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    schema_version: int = SCHEMA_VERSION

    @classmethod
    def of(
        cls, part: Part, failed: int, first_error: str | None, files: dict[str, dict[str, Any]]
    ) -> Manifest:
        """Describe a part that has been computed."""
        return cls(
            world=part.world.id,
            part=part.name,
            block=part.block,
            sets=tuple(part.sets.ids.tolist()),
            seed_runs=np.array(pack_seeds(part.seeds), dtype=np.uint64),
            paths_per_seed=part.world.paths_per_seed,
            holds=part.holds,
            rows=part.rows,
            failed=failed,
            first_error=first_error,
            files=files,
        )

    @property
    def apart(self) -> bool:
        """Whether its rows lie apart, since another part shows their cells to every reader."""
        path: str = self.files["simulations"].get("path", "")
        return path == table_key("simulations", self.world, self.part, apart=True)

    @property
    def seeds(self) -> NDArray[np.uint64]:
        """Its seeds, ascending, shape (seeds,); made when they are asked for."""
        return unpack_seeds(self.seed_runs)

    @cached_property
    def seed_count(self) -> int:
        """How many seeds it has."""
        return int(self.seed_runs[:, 2].sum())

    @property
    def cells(self) -> int:
        """Parameter sets × seeds."""
        return len(self.sets) * self.seed_count

    @cached_property
    def sets_hash(self) -> str:
        """Names the list of sets, which many parts of a world share."""
        return hashlib.sha256("".join(self.sets).encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """Return the manifest as plain JSON values."""
        holds = self.holds
        return {
            "schema_version": self.schema_version,
            "world": self.world,
            "part": self.part,
            "block": self.block,
            "rows": self.rows,
            "failed": self.failed,
            "first_error": self.first_error,
            "paths_per_seed": self.paths_per_seed,
            "holds": {
                "equity": holds.record.equity,
                "trades": holds.record.trades,
                "metrics": list(holds.metrics),
                "groups": dict(holds.groups),
                "precision": holds.record.precision,
                "own_metrics": dict(holds.own_metrics),
            },
            "files": self.files,
            "seeds": self.seed_runs.tolist(),
            "sets": list(self.sets),
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Manifest:
        """Read a manifest back.

        Raises
        ------
        OtherVersion
            If another version of the engine wrote it.
        ValueError
            If it is damaged or contradicts itself.
        """
        if content.get("schema_version", SCHEMA_VERSION) != SCHEMA_VERSION:
            raise OtherVersion(f"a manifest of version {content['schema_version']}")
        try:
            holds = content["holds"]
            made = cls(
                **{name: content[name] for name in ("world", "part", "block", "rows", "failed")},
                sets=tuple(content["sets"]),
                seed_runs=np.array(content["seeds"], dtype=np.uint64).reshape(-1, 3),
                paths_per_seed=content["paths_per_seed"],
                holds=Holds(
                    Record.model_validate(
                        {name: holds[name] for name in ("equity", "trades", "precision")}
                    ),
                    tuple(holds["metrics"]),
                    dict(holds["groups"]),
                    dict(holds["own_metrics"]),
                ),
                first_error=content["first_error"],
                files=content["files"],
                schema_version=content["schema_version"],
            )
            sound = (
                made.rows == made.cells * made.paths_per_seed
                and 0 <= made.failed <= made.rows
                and "simulations" in made.files
                and ("equity" in made.files) == (made.holds.record.equity > 0)
                and ("trades" in made.files) == made.holds.record.trades
            )
        except (TypeError, KeyError, AttributeError, OverflowError, ValidationError):
            raise ValueError("a manifest that is damaged") from None
        if not sound:
            raise ValueError("a manifest that contradicts itself")
        return made


def table_key(table: str, world: str, part: str, *, apart: bool = False) -> str:
    """Return the key of a part's table.

    Rows of cells that another part of the world's folder has already lie in a folder of their own,
    whose name begins with an underline: pandas and Arrow pass over it, so that a reader of the
    world's folder finds each cell once.

    Examples
    --------
    >>> table_key("simulations", "w", "part-00-a")
    'simulations/w/part-00-a.parquet'
    >>> table_key("simulations", "w", "part-00-a", apart=True)
    'simulations/w/_more/part-00-a.parquet'
    """
    folder = f"{world}/_more" if apart and table == "simulations" else world
    return f"{table}/{folder}/{part}.parquet"


def manifests_hash(manifests: Iterable[Manifest]) -> str:
    """Hash of what parts hold, whatever their order: equal exactly when their files are."""
    distinct = {(one.world, one.part): one.files for one in manifests}
    return short_hash([[place[1], distinct[place]] for place in sorted(distinct)])


def pack_seeds(seeds: NDArray[np.uint64]) -> list[list[int]]:
    """Write ascending seeds as runs ``[first, step, count]``: consecutive seeds take one run."""
    runs: list[list[int]] = []
    low = 0
    steps = np.diff(seeds)
    # Where the step changes, a run ends.
    ends = np.flatnonzero(np.diff(steps)) + 1 if len(steps) > 1 else np.empty(0, dtype=np.int64)
    for end in [*ends.tolist(), len(seeds) - 1]:
        if end < low:
            continue
        step = int(steps[low]) if end > low else 1
        runs.append([int(seeds[low]), step, end - low + 1])
        low = end + 1
    return runs


def unpack_seeds(runs: ArrayLike) -> NDArray[np.uint64]:
    """Return the seeds that `pack_seeds` wrote, shape (seeds,)."""
    first, step, count = np.asarray(runs, dtype=np.uint64).reshape(-1, 3).T
    counts = count.astype(np.int64)
    within = np.arange(int(counts.sum()), dtype=np.uint64)
    if len(counts) > 1:
        within -= np.repeat((np.cumsum(counts) - counts).astype(np.uint64), counts)
        first, step = np.repeat(first, counts), np.repeat(step, counts)
    found: NDArray[np.uint64] = first + step * within
    return found
