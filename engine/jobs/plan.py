"""Which stored parts serve a job, and which cells are still missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.jobs.blocks import BLOCKS, block_of
from engine.jobs.job import Holds, Job
from engine.jobs.manifest import Manifest
from engine.jobs.part import Part, Terms, cut, most_rows
from engine.jobs.settings import Record

__all__ = ["ANYTHING", "Piece", "Plan", "Request", "find_pieces", "make_plan"]


#: What every part holds.
ANYTHING: Final = Holds(Record.model_validate({"precision": "float32"}), (), {}, {})

# Block, positions of parameter sets, and seeds in ascending order of rectangles of cells.
_Missing = list[tuple[int, NDArray[np.int64], NDArray[np.uint64]]]


@dataclass(frozen=True)
class Request:
    """Cells of one world, and what is wanted of them.

    Parameters
    ----------
    set_ids : ndarray of str, shape (sets,)
        Parameter sets.
    seeds : ndarray of uint64, shape (seeds,)
        Seeds.
    holds : Holds
        What the parts have to hold.
    seeds_of_set : ndarray of int64, shape (sets,), optional
        How many of the seeds, from the first on, each set is wanted on; by default all.
    """

    set_ids: NDArray[np.str_]
    seeds: NDArray[np.uint64]
    holds: Holds
    seeds_of_set: NDArray[np.int64] | None = None

    def rectangles(self) -> Iterator[tuple[NDArray[np.int64], Request]]:
        """Yield rectangles that make up the cells, each with the positions of its sets."""
        first = 0
        for last in [] if self.seeds_of_set is None else np.unique(self.seeds_of_set).tolist():
            assert self.seeds_of_set is not None
            sets = np.flatnonzero(self.seeds_of_set >= last).astype(np.int64)
            if last > first:
                yield sets, Request(self.set_ids[sets], self.seeds[first:last], self.holds)
            first = last


@dataclass(frozen=True)
class Piece:
    """The cells of a job that one stored part serves.

    Parameters
    ----------
    manifest : Manifest
        The part.
    sets : ndarray of int64, shape (sets,)
        Positions of the parameter sets in the job.
    some_seeds : ndarray of uint64, shape (seeds,), optional
        The seeds, ascending; None for all of the part.
    """

    manifest: Manifest
    sets: NDArray[np.int64]
    some_seeds: NDArray[np.uint64] | None

    @property
    def seeds(self) -> NDArray[np.uint64]:
        """The seeds, ascending, shape (seeds,)."""
        return self.manifest.seeds if self.some_seeds is None else self.some_seeds

    @property
    def whole(self) -> bool:
        """Whether these are all cells of the part."""
        return self.cells == self.manifest.cells

    @property
    def cells(self) -> int:
        """Cells served."""
        some = self.some_seeds
        return len(self.sets) * (self.manifest.seed_count if some is None else len(some))


@dataclass
class Plan:
    """The stored and the missing cells of a job.

    Parameters
    ----------
    pieces : list of Piece
        Stored cells; no cell twice.
    parts : list of Part
        Parts to compute, in the order of blocks.
    """

    pieces: list[Piece] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)


@dataclass(frozen=True)
class _Rectangle:
    sets: NDArray[np.int64]  # ascending positions in the job
    seeds: NDArray[np.bool_]  # of the block's seeds


def make_plan(
    job: Job,
    manifests: Sequence[Manifest],
    block: int | None = None,
    discarded: Sequence[Manifest] = (),
) -> Plan:
    """Find the stored parts that serve a job and cut what is missing into new ones.

    A part all of whose cells have to be computed anew, because it lacks something or was discarded,
    is computed in its place. Where some of its cells have to, they become parts that lie apart: in
    both cases a world's folder has no cell twice, for whoever reads it without the manifests. What
    a part holds beside what is asked stays, so that the studies that asked for it still find it.

    Parameters
    ----------
    job : Job
        What is asked.
    manifests : sequence of Manifest
        Stored parts of its world.
    block : int, optional
        Only this seed block.
    discarded : sequence of Manifest
        Parts that are no longer among the stored ones, whose tables still lie there.
    """
    asked = Request(job.sets.ids, job.seeds, job.holds, job.seeds_of_set)
    stored = {manifest.part: manifest.holds for manifest in manifests}
    pieces, missing = find_pieces(asked, manifests, block)
    lacking = [one for one in manifests if not one.holds.satisfies(job.holds)]
    parts, missing = _in_place(job, [*lacking, *discarded], missing)
    shown = [one for one in lacking if not one.apart]
    parts += [part for rectangle in missing for part in _cut(job, shown, *rectangle)]
    parts.sort(key=lambda part: part.block)
    return Plan(pieces, [_keeping(part, stored.get(part.name)) for part in parts])


def _in_place(
    job: Job, stored: Sequence[Manifest], missing: _Missing
) -> tuple[list[Part], _Missing]:
    """Take from the missing cells whole parts that are stored, and return what is left."""
    parts: list[Part] = []
    if not missing or not stored:
        return parts, missing
    terms, largest = Terms.of(job), most_rows(job)
    position = {name: index for index, name in enumerate(job.sets.ids.tolist())}
    for manifest in sorted(stored, key=lambda manifest: (manifest.apart, manifest.part)):
        if manifest.rows > largest or not all(name in position for name in manifest.sets):
            continue
        sets = np.array([position[name] for name in manifest.sets], dtype=np.int64)
        left: _Missing = []
        found = 0
        for number, some, seeds in missing:
            there = _among(seeds, manifest.seeds)
            if number != manifest.block or not there.any() or not np.isin(sets, some).all():
                left.append((number, some, seeds))
                continue
            found += int(there.sum())
            others = some[~np.isin(some, sets)]
            if not there.all():
                left.append((number, some, seeds[~there]))
            if len(others):
                left.append((number, others, seeds[there]))
        if found == manifest.seed_count:
            parts.append(
                Part(terms, job.sets[sets], manifest.seeds, manifest.block, manifest.apart)
            )
            missing = left
    return parts, missing


def _cut(
    job: Job,
    shown: Sequence[Manifest],
    number: int,
    sets: NDArray[np.int64],
    seeds: NDArray[np.uint64],
) -> list[Part]:
    """Cut a rectangle into new cells, and those that stored parts show, which lie apart."""
    of_block = [manifest for manifest in shown if manifest.block == number]
    if not of_block:
        return cut(job, sets, seeds, number)
    pieces, new = find_pieces(Request(job.sets.ids[sets], seeds, ANYTHING), of_block, number)
    parts = [cut(job, sets[one.sets], one.seeds, number, apart=True) for one in pieces]
    parts += [cut(job, sets[some], left, number) for _, some, left in new]
    return [part for several in parts for part in several]


def _keeping(part: Part, stored: Holds | None) -> Part:
    """Return a part that keeps the metrics of the stored one that it takes the place of."""
    if stored is None:
        return part
    return replace(part, terms=replace(part.terms, holds=part.holds.with_metrics_of(stored)))


def find_pieces(
    asked: Request, manifests: Iterable[Manifest], block: int | None = None
) -> tuple[list[Piece], _Missing]:
    """Find the stored parts that serve a request, and the rectangles that none serves.

    Parameters
    ----------
    asked : Request
        Cells, and what to hold of them.
    manifests : iterable of Manifest
        Stored parts of the world.
    block : int, optional
        Only this seed block.

    Returns
    -------
    pieces : list of Piece
        Stored cells; no cell twice.
    missing : list of (block, sets, seeds)
        The other cells: positions of sets, and seeds in ascending order.
    """
    pieces: list[Piece] = []
    unserved: _Missing = []
    if asked.seeds_of_set is not None:
        manifests = list(manifests)
        for own, rectangle in asked.rectangles():
            served, left = find_pieces(rectangle, manifests, block)
            pieces += [replace(piece, sets=own[piece.sets]) for piece in served]
            unserved += [(number, own[some], seeds) for number, some, seeds in left]
        return pieces, unserved
    position = {name: index for index, name in enumerate(asked.set_ids.tolist())}
    known: dict[str, NDArray[np.int64]] = {}
    of_block: dict[int, list[Manifest]] = {}
    for manifest in sorted(manifests, key=lambda manifest: manifest.part):
        if manifest.holds.satisfies(asked.holds):
            of_block.setdefault(manifest.block, []).append(manifest)
    blocks = block_of(asked.seeds).astype(np.uint8)
    for number in range(BLOCKS) if block is None else [block]:
        seeds = np.sort(asked.seeds[blocks == number])
        if not len(seeds):
            continue
        missing = [_Rectangle(np.arange(len(position)), np.ones(len(seeds), dtype=np.bool_))]
        for manifest in of_block.get(number, []):
            if not missing:
                break
            if manifest.sets_hash not in known:
                found = [position[name] for name in manifest.sets if name in position]
                known[manifest.sets_hash] = np.sort(np.array(found, dtype=np.int64))
            sets = known[manifest.sets_hash]
            there = _among(seeds, manifest.seeds)
            if len(sets) and there.any():
                missing = _serve(pieces, manifest, sets, there, seeds, missing)
        unserved += [(number, left.sets, seeds[left.seeds]) for left in missing]
    return pieces, unserved


def _serve(
    pieces: list[Piece],
    manifest: Manifest,
    sets: NDArray[np.int64],
    there: NDArray[np.bool_],
    seeds: NDArray[np.uint64],
    missing: list[_Rectangle],
) -> list[_Rectangle]:
    """Take from the missing cells those that a part holds; return what is missing then."""
    left: list[_Rectangle] = []
    for rectangle in missing:
        common_seeds = rectangle.seeds & there
        if len(rectangle.sets) == len(sets) and np.array_equal(rectangle.sets, sets):
            common_sets, other_sets = sets, sets[:0]
        else:
            inside = np.isin(rectangle.sets, sets, assume_unique=True)
            common_sets, other_sets = rectangle.sets[inside], rectangle.sets[~inside]
        if not len(common_sets) or not common_seeds.any():
            left.append(rectangle)
            continue
        # Millions of seeds are held by nobody.
        every = int(common_seeds.sum()) == manifest.seed_count
        pieces.append(Piece(manifest, common_sets, None if every else seeds[common_seeds]))
        other_seeds = rectangle.seeds & ~there
        if other_seeds.any():
            left.append(_Rectangle(rectangle.sets, other_seeds))
        if len(other_sets):
            left.append(_Rectangle(other_sets, common_seeds))
    return left


def _among(seeds: NDArray[np.uint64], some: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Which of ascending `seeds` are among `some`, ascending too."""
    found = np.zeros(len(seeds), dtype=np.bool_)
    first = int(np.searchsorted(seeds, some[0])) if len(some) else 0
    if np.array_equal(seeds[first : first + len(some)], some):
        # Of millions of seeds parts hold runs.
        found[first : first + len(some)] = True
        return found
    where = np.searchsorted(seeds, some)
    inside = where < len(seeds)
    where = where[inside]
    found[where[seeds[where] == some[inside]]] = True
    return found
