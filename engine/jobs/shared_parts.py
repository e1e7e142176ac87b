"""What travels to whoever runs parts elsewhere: what they share, once, and the place of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from threading import Event
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.files import as_files
from engine.jobs.blocks import block_of
from engine.jobs.manifest import Manifest, pack_seeds, unpack_seeds
from engine.jobs.part import Part, Terms
from engine.jobs.pool import PartPool
from engine.jobs.space import ParameterSets
from engine.jobs.store import ParquetStore

__all__ = ["PartPlace", "PartResult", "SharedParts", "run_part"]


@dataclass(frozen=True, eq=False)
class PartPlace:
    """Which of the shared sets and seeds a part has, as runs of positions.

    Sets and seeds of a part lie beside each other, so that it takes as many bytes for a million
    seeds as for one.

    Parameters
    ----------
    terms : int
        Position of its terms among the shared ones.
    block : int
        Seed block.
    sets, seeds : ndarray of uint64, shape (runs, 3)
        First position, step and count of each run.
    apart : bool
        Whether another part shows its cells.
    """

    terms: int
    block: int
    sets: NDArray[np.uint64]
    seeds: NDArray[np.uint64]
    apart: bool = False


@dataclass(frozen=True)
class PartResult:
    """What is not known of a part before it has run.

    Parameters
    ----------
    failed : int
        Simulations that failed.
    first_error : str or None
        Error of the first of them.
    files : dict
        Per table: relative path, bytes and SHA-256.
    """

    failed: int
    first_error: str | None
    files: dict[str, dict[str, Any]]

    def of(self, part: Part) -> Manifest:
        """Return the manifest of the part that came to this."""
        return Manifest.of(part, self.failed, self.first_error, self.files)


@dataclass(frozen=True, eq=False)
class SharedParts:
    """The parts of a job without their places: world, sets, seeds.

    Parameters
    ----------
    terms : tuple of Terms
        What they share; several where parts hold more than was asked, as those before them did.
        Pickled first: they bring the user's files along.
    sets : ParameterSets
        All sets of the parts.
    seeds : ndarray of uint64, shape (seeds,)
        All seeds of the parts, by block, ascending in each.
    """

    terms: tuple[Terms, ...]
    sets: ParameterSets
    seeds: NDArray[np.uint64]

    @classmethod
    def of(cls, parts: Sequence[Part]) -> SharedParts:
        """Return what parts of one job share."""
        distinct = list({id(part.sets): part.sets for part in parts}.values())
        sets = distinct[0].joined(distinct[1:]) if len(distinct) > 1 else distinct[0]
        _, first = np.unique(sets.ids, return_index=True)
        seeds = np.unique(np.concatenate([part.seeds for part in parts]))
        order = np.lexsort((seeds, block_of(seeds)))
        terms: list[Terms] = []
        for part in parts:
            if all(part.holds != one.holds for one in terms):
                terms.append(part.terms)
        return cls(tuple(terms), sets[np.sort(first)], seeds[order])

    def place(self, part: Part) -> PartPlace:
        """Return the place of a part."""
        sets = np.array([self._position[name] for name in part.sets.ids.tolist()], dtype=np.uint64)
        of_seed = block_of(self.seeds)
        first = int(np.searchsorted(of_seed, part.block))
        last = int(np.searchsorted(of_seed, part.block, side="right"))
        seeds = first + np.searchsorted(self.seeds[first:last], part.seeds)
        (terms,) = [n for n, one in enumerate(self.terms) if one.holds == part.holds]
        return PartPlace(terms, part.block, _runs(sets), _runs(seeds.astype(np.uint64)), part.apart)

    def part(self, place: PartPlace) -> Part:
        """Return the part at a place."""
        sets = unpack_seeds(place.sets).astype(np.int64)
        seeds = self.seeds[unpack_seeds(place.seeds).astype(np.int64)]
        return Part(self.terms[place.terms], self.sets[sets], seeds, place.block, place.apart)

    @cached_property
    def _position(self) -> dict[str, int]:
        return {name: position for position, name in enumerate(self.sets.ids.tolist())}

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle without what follows from the rest."""
        return SharedParts, (self.terms, self.sets, self.seeds)


def run_part(
    shared: SharedParts, place: PartPlace, root: str, stop: Event | None = None
) -> PartResult | None:
    """Simulate and write one part, in this thread, unless it is finished already.

    A module-level function of plain picklable arguments: any executor can run it, here or on
    another machine that sees `root`.

    Parameters
    ----------
    shared : SharedParts
        What travels once.
    place : PartPlace
        Which part.
    root : str
        The data root.
    stop : threading.Event, optional
        Ends the part between two chunks; nothing of it is written then.

    Returns
    -------
    PartResult, optional
        None where it was stopped.
    """
    store, part = ParquetStore(as_files(root)), shared.part(place)
    manifest = store.finished(part)
    if manifest is None:
        made: list[Manifest] = []
        pool = PartPool([part], store, on_part=made.append, stop=stop)
        pool.work()
        pool.raise_first()
        if not made:
            return None
        manifest = made[0]
    return PartResult(manifest.failed, manifest.first_error, manifest.files)


def _runs(positions: NDArray[np.uint64]) -> NDArray[np.uint64]:
    if (np.diff(positions.astype(np.int64)) > 0).all():
        runs = pack_seeds(positions)
    else:  # sets in an order of their own
        runs = [[int(position), 1, 1] for position in positions]
    return np.array(runs, dtype=np.uint64)
