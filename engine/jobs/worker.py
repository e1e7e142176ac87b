"""What one thread reuses from chunk to chunk: paths, outputs, scratch memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.jobs.engine import Tape
from engine.jobs.kept_paths import KeptPaths
from engine.jobs.part import Part
from engine.jobs.prepared import Prepared
from engine.jobs.store import MemoryStore, ParquetStore
from engine.sources import Generator

__all__ = ["Worker", "identity_of"]


@dataclass(frozen=True)
class _Scratch:
    owner: Generator
    paths: int
    content: Any


@dataclass
class Worker:
    """Buffers that one thread reuses from chunk to chunk.

    Parameters
    ----------
    prepared : Prepared
        The world.
    kept : KeptPaths, optional
        Where paths stay from batch to batch.
    store : ParquetStore or MemoryStore, optional
        Where long simulations keep what they have come to.
    not_finite : ndarray of int64
        Paths of the latest fill in which a price is not finite.
    """

    prepared: Prepared
    kept: KeptPaths | None = None
    store: ParquetStore | MemoryStore | None = None
    not_finite: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    _values: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    _metrics: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    _status: NDArray[np.int8] = field(default_factory=lambda: np.empty(0, dtype=np.int8))
    _equity: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    _filled: tuple[Any, ...] | None = None
    _scratch: _Scratch | None = None
    _engine_scratch: Any = None
    _tape: Tape | None = None

    def values(self, paths: int) -> NDArray[np.float64]:
        """Return a buffer of shape (paths, symbols, fields, bars)."""
        prepared = self.prepared
        shape = (
            paths,
            len(prepared.symbols),
            len(prepared.fields),
            prepared.world.window.bar_count,
        )
        size = int(np.prod(shape))
        if self._values.size < size:
            self._values = np.empty(size)
        return self._values[:size].reshape(shape)

    def fill(
        self, part: Part, source_values: tuple[float, ...], first: int, count: int
    ) -> NDArray[np.float64]:
        """Generate paths ``first`` to ``first + count`` of a part, unless they are there."""
        each = part.world.paths_per_seed
        seed = int(part.seeds[first // each])
        key = (part.name, source_values, first, count)
        stays = None if self.kept is None else self.kept.room(first, count)
        values = self.values(count) if stays is None else stays
        if stays is None and self._filled == key:
            return values
        self._filled = None
        if stays is not None and self.kept is not None and self.kept.holds(first, count):
            self.not_finite = self.kept.not_finite(first, count)
            return values
        generator = self.prepared.generator(source_values, seed)
        # Scratch belongs to a generator; one at a time keeps memory flat in a sweep.
        own = self._scratch
        if own is None or own.owner is not generator or own.paths < count:
            own = self._scratch = _Scratch(generator, count, generator.scratch(count))
        seeds, paths = identity_of(part, first, first + count)
        generator.fill(seeds, paths, values, own.content)
        self._check(values, foreign=part.world.foreign)
        if stays is None:
            self._filled = key
        elif self.kept is not None:
            self.kept.mark(first, count, self.not_finite)
        return values

    def _check(self, values: NDArray[np.float64], *, foreign: bool) -> None:
        """Note the paths in which a price is not finite."""
        # A sum is finite only if every price is: one pass, no temporary. Models of ours cannot
        # lose another price than all with the close, so that one of them will do.
        prices = values[:, :, :4, :] if foreign else values[:, :, 3:4, :]
        self.not_finite = np.flatnonzero(~np.isfinite(prices.sum(axis=(1, 2, 3))))

    def outputs(
        self, paths: int, sets: int
    ) -> tuple[NDArray[np.float64], NDArray[np.int8], NDArray[np.float64] | None]:
        """Return arrays for the engine's metrics, statuses and equity curves of a chunk."""
        rows = paths * sets
        columns = len(self.prepared.engine.metric_names)
        samples = len(self.prepared.engine.sample_bars)
        if self._metrics.size < rows * columns:
            self._metrics = np.empty(rows * columns)
            self._status = np.empty(rows, dtype=np.int8)
        if self._equity.size < rows * samples:
            self._equity = np.empty(rows * samples)
        return (
            self._metrics[: rows * columns].reshape(paths, sets, columns),
            self._status[:rows].reshape(paths, sets),
            self._equity[: rows * samples].reshape(paths, sets, samples) if samples else None,
        )

    @property
    def tape(self) -> Tape:
        """Trades of the latest chunk, where they are recorded."""
        if self._tape is None:
            self._tape = self.prepared.engine.tape()
        return self._tape

    def unfinished(self, part: Part) -> dict[str, Any]:
        """Return what an engine of long paths is given beside the rest."""
        if self.prepared.engine.sets_at_once is None:
            return {}
        return {"unfinished": None if self.store is None else self.store.unfinished(part)}

    @property
    def engine_scratch(self) -> Any:
        """Scratch memory of the strategy engine."""
        if self._engine_scratch is None:
            self._engine_scratch = self.prepared.engine.scratch()
        return self._engine_scratch


def identity_of(part: Part, first: int, end: int) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Return seeds of some paths of a part, and their numbers within the seed."""
    index = np.arange(first, end)
    each = part.world.paths_per_seed
    return part.seeds[index // each], (index % each).astype(np.uint64)
