"""Cutting parts into chunks of about ten milliseconds, by what bars are found to cost."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np

from engine.jobs.prepared import Prepared
from engine.jobs.simulate import Chunk, PartArrays, chunk_limit

__all__ = ["Chunking"]

#: Wanted duration of a chunk, and the duration above which a path's parameter sets are split.
_CHUNK_NS = 10e6
_LONGEST_NS = 100e6

# First guesses, replaced by measurement: nanoseconds per bar of a path and of a simulation.
_PATH_NS = 30.0
_SIMULATION_NS = 10.0


class Chunking:
    """Cuts the parts of a world, and learns from each chunk how long a bar takes.

    Parameters
    ----------
    prepared : Prepared
        The world.
    """

    def __init__(self, prepared: Prepared) -> None:
        self.prepared = prepared
        self._lock = threading.Lock()
        self._path_ns = _PATH_NS * prepared.world.path.sub_bars
        self._simulation_ns = _SIMULATION_NS

    def learn(self, chunk: Chunk, elapsed_ns: float) -> None:
        """Correct the guessed cost of a bar by what this chunk took."""
        paths, bars = chunk.paths[1] - chunk.paths[0], self.prepared.world.window.bar_count
        guess = paths * bars * (self._path_ns + len(chunk.sets) * self._simulation_ns)
        # The estimate moves half-way: one chunk delayed by another process must not dominate.
        factor = min(max((elapsed_ns / guess) ** 0.5, 0.25), 4.0)
        with self._lock:
            self._path_ns *= factor
            self._simulation_ns *= factor

    def nanoseconds(self, arrays: PartArrays) -> float:
        """Return how long one thread is thought to take for a part."""
        part, bars = arrays.part, self.prepared.world.window.bar_count
        of_paths = len(arrays.source_values) * self._path_ns
        return part.paths * bars * (of_paths + len(part.sets) * self._simulation_ns)

    def chunks(self, arrays: PartArrays, wanted_ns: float | None = None) -> Iterator[Chunk]:
        """Cut a part; what chunks cost meanwhile decides how large the next ones are.

        Parameters
        ----------
        arrays : PartArrays
            The part.
        wanted_ns : float, optional
            Wanted duration of a chunk, for a part that has to be shared among threads.
        """
        part = arrays.part
        together = self.prepared.engine.sets_at_once
        if together is not None:
            yield from _of_long_paths(arrays, together)
            return
        wanted = _CHUNK_NS if wanted_ns is None else wanted_ns
        world, paths, each = part.world, part.paths, part.world.paths_per_seed
        first = self.prepared.generator(arrays.source_values[0], int(part.seeds[0]))
        lanes = max(1, int(getattr(first, "lanes", 1)))
        limit = chunk_limit(self.prepared, len(part.sets))
        for source_index in range(len(arrays.source_values)):
            sets = np.flatnonzero(arrays.source_of_set == source_index)
            low = 0
            while low < paths:
                bar_ns = self._path_ns + len(sets) * self._simulation_ns
                count = int(wanted / (world.window.bar_count * bar_ns))
                count = min(max(count, 1), limit, paths - low)
                if lanes < count < paths - low:
                    count -= count % lanes
                if world.draw is not None:
                    count = min(count, each - low % each)
                yield from self._cut_sets(arrays, source_index, (low, low + count), sets)
                low += count

    def _cut_sets(
        self, arrays: PartArrays, source_index: int, paths: tuple[int, int], sets: np.ndarray
    ) -> Iterator[Chunk]:
        """Cut the parameter sets of a path that is too long for all of them in one chunk."""
        steps = self.prepared.world.window.bar_count
        cost = steps * len(sets) * self._simulation_ns
        if paths[1] - paths[0] > 1 or cost < _LONGEST_NS:
            yield Chunk(arrays, source_index, paths, sets)
            return
        # The worker that takes the next piece generates the path again unless it has it, so a
        # piece outweighs the generation.
        fewest = int(np.ceil(8 * self._path_ns / self._simulation_ns))
        # It is never so long that Ctrl-C has to wait for it.
        most = int(_LONGEST_NS / (steps * self._simulation_ns))
        piece = max(min(fewest, most), int(_CHUNK_NS * 2 / (steps * self._simulation_ns)), 1)
        # A power of two: the same groups of sets come again on every path, however the guesses
        # waver, and what the engine plans for a group is planned once.
        piece = 1 << (piece.bit_length() - 1)
        for low in range(0, len(sets), piece):
            yield Chunk(arrays, source_index, paths, sets[low : low + piece])


def _of_long_paths(arrays: PartArrays, together: int) -> Iterator[Chunk]:
    """Cut a part into single paths, and their sets in two halves or more, whatever they cost."""
    for source_index in range(len(arrays.source_values)):
        sets = np.flatnonzero(arrays.source_of_set == source_index)
        size = min(together, -(-len(sets) // 2))
        for path in range(arrays.part.paths):
            for low in range(0, len(sets), size):
                yield Chunk(arrays, source_index, (path, path + 1), sets[low : low + size])
