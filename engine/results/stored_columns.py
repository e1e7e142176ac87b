"""Columns of a study's stored parts, parameter set by parameter set.

A part holds all its sets on a path before the next path, and a statistic wants all paths of a set.
Looking for the rows of some sets would read every part again each time, so each column is turned
round once, when it is first asked for, and put away: in memory where it is small, else in a file
that has no name (`engine.results.shelf`). Where each row belongs follows from the manifests.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.jobs.plan import Piece
from engine.jobs.store import Store
from engine.jobs.summary import JobSummary
from engine.results.seed_positions import SeedPositions
from engine.results.shelf import Shelf, Shelved

__all__ = ["SetColumns", "StoredColumns"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

# Numbers that are read at once.
_MOST_READ: Final = 2_000_000
# Column that says which simulations succeeded.
_STATUS: Final = "status"


@dataclass(frozen=True)
class SetColumns:
    """Columns of the successful simulations of some parameter sets, sorted by set and path.

    Parameters
    ----------
    sets : ndarray of int64, shape (sets,)
        Numbers of the sets that have any, ascending.
    rows : ndarray of int64, shape (sets,)
        Simulations of each.
    paths : ndarray of int64, shape (simulations,)
        The path of each simulation, counted over all seeds of the study.
    columns : dict of str to ndarray of float64, shape (simulations,)
        Metrics; NaN where null.
    """

    sets: Integers
    rows: Integers
    paths: Integers
    columns: dict[str, Floats]


@dataclass(frozen=True)
class _Place:
    """Where the cells of a piece are: in its part, and in the study.

    Parameters
    ----------
    sets : ndarray of int64
        Numbers of its sets in the study, ascending.
    paths : range or ndarray of int64
        Numbers of its paths in the study, ascending.
    part_sets : ndarray of int64
        Positions of the sets in the part.
    part_paths : range or ndarray of int64
        Positions of the paths in the part.
    """

    sets: Integers
    paths: range | Integers
    part_sets: Integers
    part_paths: range | Integers


class StoredColumns:
    """Metrics of a study as they are stored, by parameter set.

    Parameters
    ----------
    lazy : polars.LazyFrame
        The rows that they are the columns of.
    store : ParquetStore or MemoryStore
        Where the parts are.
    summary : JobSummary
        The study as it was asked.
    set_ids : ndarray of str, shape (sets,)
        Its parameter sets, in its order.
    seeds : ndarray of uint64, shape (seeds,)
        Its seeds, in its order.
    pieces : sequence of Piece
        The stored cells that serve it.
    shelf : Shelf
        Where columns are put away.
    """

    def __init__(
        self,
        lazy: pl.LazyFrame,
        store: Store,
        summary: JobSummary,
        set_ids: NDArray[np.str_],
        seeds: NDArray[np.uint64],
        pieces: Sequence[Piece],
        shelf: Shelf,
    ) -> None:
        self.lazy = lazy
        self._store, self._summary, self._pieces = store, summary, list(pieces)
        self._set_ids, self._seeds, self._shelf = set_ids, seeds, shelf
        self._held: dict[str, list[Shelved]] = {}
        self._lock = threading.Lock()
        self._places: list[_Place] = []
        self._keys: pl.DataFrame | None = None

    @property
    def failed(self) -> bool:
        """Whether any simulation of the parts failed."""
        return any(piece.manifest.failed for piece in self._pieces)

    @property
    def simulations(self) -> int:
        """Simulations that are stored, those that failed among them."""
        return sum(piece.cells for piece in self._pieces) * self._summary.paths_per_seed

    @property
    def paths(self) -> int:
        """Paths of the study, over all seeds."""
        return len(self._seeds) * self._summary.paths_per_seed

    def holds(self, columns: Sequence[str]) -> bool:
        """Whether all of some columns are metrics that are stored."""
        return {*columns} <= {*self._summary.metrics}

    def keys(self, columns: Sequence[str]) -> pl.DataFrame:
        """Return ``parameter_set`` and other columns that are the same in all rows of a set.

        Returns
        -------
        polars.DataFrame
            One row per parameter set that has rows, by number.
        """
        with self._lock:
            if self._keys is None:
                self._keys = self._read_keys()
        return self._keys[list(dict.fromkeys(["parameter_set", *columns]))]

    def read(self, columns: Sequence[str], sets: range, paths: range | None = None) -> SetColumns:
        """Return columns of the successful simulations of some parameter sets.

        Parameters
        ----------
        columns : sequence of str
            Of those that are held.
        sets : range
            Numbers of parameter sets.
        paths : range, optional
            Only these paths, counted over all seeds.

        Raises
        ------
        Refusal
            If there is no room to put the columns away.
        """
        wanted = [*columns, *([_STATUS] if self.failed else [])]
        with self._lock:
            self._hold([name for name in wanted if name not in self._held])
        if paths is None:
            paths = range(self.paths)
        there = [self._within(place, sets, paths) for place in self._places]
        cells = sum((last - first) * _length(into) for first, last, into, _ in there)
        whole = cells == len(sets) * len(paths) and not self.failed
        held = None if whole else np.zeros((len(sets), len(paths)), dtype=np.bool_)
        where: list[tuple[int, Any]] = []
        for number, (first, last, of_paths, _) in enumerate(there):
            if first == last or not _length(of_paths):
                continue
            of_sets = self._places[number].sets[first:last] - sets.start
            into: Any = (_run(of_sets), of_paths if isinstance(of_paths, slice) else _run(of_paths))
            if not any(isinstance(one, slice) for one in into):
                into = np.ix_(*into)
            where.append((number, into))
            if held is not None:
                held[into] = True
        found = {}
        for name in wanted:
            # Column by column, so that the processor's cache holds what is filled.
            values = found[name] = np.empty((len(sets), len(paths)))
            for number, into in where:
                first, last, _, some = there[number]
                values[into] = self._shelf.take(self._held[name][number], first, last, some)
        if held is None:
            flat = {name: values.ravel() for name, values in found.items()}
            own = np.arange(sets.start, sets.stop, dtype=np.int64)
            of_path = np.tile(np.arange(paths.start, paths.stop, dtype=np.int64), len(sets))
            return SetColumns(own, np.full(len(sets), len(paths)), of_path, flat)
        if self.failed:
            held[found.pop(_STATUS) != 1.0] = False
        rows = held.sum(axis=1)
        kept = np.flatnonzero(rows)
        return SetColumns(
            kept + sets.start,
            rows[kept],
            np.nonzero(held)[1] + paths.start,
            {name: values[held] for name, values in found.items()},
        )

    def _hold(self, columns: list[str]) -> None:
        """Read columns of every part, and put them away set by set."""
        if not self._places:
            self._places = [*self._placed()]
        if not columns:
            return
        dtype = pl.Float32() if self._summary.record.precision == "float32" else pl.Float64()
        chosen = [
            (pl.col(name) == "ok") if name == _STATUS else pl.col(name).cast(dtype)
            for name in columns
        ]
        taken: dict[str, list[Shelved]] = {name: [] for name in columns}
        for first, last in self._alike(len(columns)):
            manifests = [piece.manifest for piece in self._pieces[first:last]]
            frame = self._store.scan("simulations", manifests).select(chosen)
            table = frame.with_columns(pl.all().cast(pl.Float64)).collect()
            ends = np.cumsum([0, *(manifest.rows for manifest in manifests)]).tolist()
            for name in columns:
                values = table.drop_in_place(name).to_numpy()
                for k, manifest in enumerate(manifests):
                    place = self._places[first + k]
                    part = values[ends[k] : ends[k + 1]].reshape(-1, len(manifest.sets))
                    part = part[_slice(place.part_paths)]
                    taken[name].append(self._shelf.put(part.T[_run(place.part_sets)]))
        self._held |= taken

    def _alike(self, columns: int) -> Iterator[tuple[int, int]]:
        """Cut the pieces into runs whose parts have the same columns and are read at once."""
        first, rows, known = 0, 0, None
        for number, piece in enumerate(self._pieces):
            holds = piece.manifest.holds
            kind = (holds.metrics, holds.record.precision, *sorted(holds.own_metrics))
            full = (rows + piece.manifest.rows) * columns > _MOST_READ
            if number > first and (kind != known or full):
                yield first, number
                first, rows = number, 0
            known, rows = kind, rows + piece.manifest.rows
        if self._pieces:
            yield first, len(self._pieces)

    def _placed(self) -> Iterator[_Place]:
        positions = SeedPositions(self._seeds)
        each = self._summary.paths_per_seed
        numbers = {name: number for number, name in enumerate(self._set_ids.tolist())}
        known: dict[str, Integers] = {}
        for piece in self._pieces:
            manifest = piece.manifest
            if manifest.sets_hash not in known:
                own = np.full(len(numbers), -1, dtype=np.int64)
                for place, name in enumerate(manifest.sets):
                    if name in numbers:
                        own[numbers[name]] = place
                known[manifest.sets_hash] = own
            of_study = positions.of(piece.seeds)
            of_part = np.searchsorted(manifest.seeds, piece.seeds)
            if not (of_study[1:] > of_study[:-1]).all():
                order = np.argsort(of_study)
                of_study, of_part = of_study[order], of_part[order]
            yield _Place(
                piece.sets,
                _paths(of_study, each),
                known[manifest.sets_hash][piece.sets],
                _paths(of_part, each),
            )

    @staticmethod
    def _within(
        place: _Place, sets: range, paths: range
    ) -> tuple[int, int, slice | Integers, slice]:
        """Return which of a piece's sets and paths are wanted: where these belong, and which."""
        first, last = np.searchsorted(place.sets, [sets.start, sets.stop]).tolist()
        if isinstance(place.paths, range):
            begin, end = (_place_of(one, place.paths) for one in (paths.start, paths.stop))
            into: slice | Integers = _slice(place.paths[begin:end], -paths.start)
        else:
            begin, end = np.searchsorted(place.paths, [paths.start, paths.stop]).tolist()
            into = place.paths[begin:end] - paths.start
        return first, last, into, slice(begin, end)

    def _read_keys(self) -> pl.DataFrame:
        """Read the parameters of every set from the first path of parts that hold it."""
        missing = np.ones(len(self._set_ids), dtype=np.bool_)
        tables = []
        for piece in self._pieces:
            if not missing[piece.sets].any():
                continue
            missing[piece.sets] = False
            first = self._store.scan("simulations", [piece.manifest])
            names = ["world", "set_id", *self._summary.parameters]
            tables.append(first.head(len(piece.manifest.sets)).select(names).collect())
        rows = pl.concat(tables, how="diagonal_relaxed").unique("set_id", keep="first")
        numbers = pl.DataFrame(
            {
                "set_id": self._set_ids.tolist(),
                "parameter_set": np.arange(len(self._set_ids), dtype=np.int32),
            }
        )
        return (
            rows.join(numbers, on="set_id", how="inner")
            .with_columns(pl.lit(self._summary.study).alias("study"))
            .sort("parameter_set")
        )


def _run(numbers: Integers) -> slice | Integers:
    """Return numbers with the same step between them as a slice, which is quicker to fill."""
    if len(numbers) == 1:
        return slice(int(numbers[0]), int(numbers[0]) + 1)
    steps = np.diff(numbers)
    if steps[0] > 0 and (steps == steps[0]).all():
        return slice(int(numbers[0]), int(numbers[-1]) + 1, int(steps[0]))
    return numbers


def _paths(seeds: Integers, each: int) -> range | Integers:
    """Return the numbers of the paths of seeds, with one step between them as a range."""
    paths = (seeds[:, None] * each + np.arange(each, dtype=np.int64)).ravel()
    steps = np.diff(paths)
    if len(paths) and (not len(steps) or (steps[0] > 0 and (steps == steps[0]).all())):
        step = int(steps[0]) if len(steps) else 1
        return range(int(paths[0]), int(paths[-1]) + 1, step)
    return paths


def _place_of(path: int, paths: range) -> int:
    """Count the paths below one."""
    return min(max(-((paths.start - path) // paths.step), 0), len(paths))


def _slice(numbers: range | Integers, shift: int = 0) -> slice | Integers:
    if not isinstance(numbers, range):
        return numbers
    if not numbers:
        return slice(0, 0)
    return slice(numbers.start + shift, numbers.stop + shift, numbers.step)


def _length(numbers: slice | Integers) -> int:
    if isinstance(numbers, slice):
        return len(range(numbers.start, numbers.stop, numbers.step or 1))
    return len(numbers)
