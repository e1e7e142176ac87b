"""Blocks of paths from a generator: one for all seeds, or one chunk after another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from engine.errors import Refusal
from engine.price_block import PriceBlock
from engine.sources.generator import Generator

__all__ = ["blocks", "one_block", "seed_array"]

# Values of one chunk of work: small enough for the cache, large enough to hide the call.
_CHUNK_VALUES = 1 << 18


def one_block(
    generator: Generator, seeds: NDArray[np.uint64], paths_per_seed: int, threads: int
) -> PriceBlock:
    """Make the paths of all seeds in one block of memory.

    Parameters
    ----------
    generator : Generator
        Makes the paths.
    seeds : ndarray of uint64, shape (seeds,)
        Seeds.
    paths_per_seed : int
        Paths of each seed; they lie together.
    threads : int
        Threads to use; the numbers do not depend on it.

    Returns
    -------
    PriceBlock
        ``len(seeds) * paths_per_seed`` paths.
    """
    seed_of_path = np.repeat(seeds, paths_per_seed)
    path_ids = np.arange(seed_of_path.size, dtype=np.uint64) % np.uint64(paths_per_seed)
    shape = (seed_of_path.size, len(generator.symbols), len(generator.fields), generator.steps)
    values = np.empty(shape)
    _fill(generator, seed_of_path, path_ids, values, threads)
    return PriceBlock(
        values,
        seed_of_path,
        generator.symbols,
        generator.fields,
        generator.dt,
        generator.timestamps,
        generator.warm_up,
    )


def blocks(
    generator: Generator, seeds: NDArray[np.uint64], paths_per_chunk: int
) -> Iterator[PriceBlock]:
    """Make one path per seed, a chunk at a time in the same memory.

    Parameters
    ----------
    generator : Generator
        Makes the paths.
    seeds : ndarray of uint64, shape (seeds,)
        Seeds.
    paths_per_chunk : int
        Paths per block; the numbers do not depend on it.

    Yields
    ------
    PriceBlock
        A view of the same buffer each time, which holds until the next one is asked for.
    """
    shape = (len(generator.symbols), len(generator.fields), generator.steps)
    values = np.empty((paths_per_chunk, *shape))
    path_ids = np.zeros(paths_per_chunk, dtype=np.uint64)
    scratch = generator.scratch(paths_per_chunk)
    for first in range(0, seeds.size, paths_per_chunk):
        chunk = seeds[first : first + paths_per_chunk]
        part = values[: chunk.size]
        generator.fill(chunk, path_ids[: chunk.size], part, scratch)
        yield PriceBlock(
            part,
            chunk,
            generator.symbols,
            generator.fields,
            generator.dt,
            generator.timestamps,
        )


def seed_array(seeds: int | Iterable[int]) -> NDArray[np.uint64]:
    """Seeds as an array of uint64.

    Raises
    ------
    ValueError
        If there is none, or one is not a whole number in [0, 2**64).
    """
    if isinstance(seeds, np.ndarray) and seeds.dtype == np.uint64:
        return np.atleast_1d(seeds)
    given = [seeds] if isinstance(seeds, int | np.integer) else list(seeds)
    for seed in given:
        if isinstance(seed, bool) or int(seed) != seed or not 0 <= seed < 2**64:
            raise Refusal("seeds", repr(seed), "whole numbers from 0 to 2**64 - 1")
    if not given:
        raise Refusal("seeds", "none", "at least one")
    return np.array([int(seed) for seed in given], dtype=np.uint64)


def _fill(
    generator: Generator,
    seeds: NDArray[np.uint64],
    path_ids: NDArray[np.uint64],
    values: NDArray[np.float64],
    threads: int,
) -> None:
    per_path = max(1, values[0].size)
    size = max(1, _CHUNK_VALUES // per_path)
    size = -(-size // generator.lanes) * generator.lanes
    starts = range(0, seeds.size, size)

    def work(first: int) -> None:
        scratch = generator.scratch(size)
        for start in starts[first::threads]:
            chunk = slice(start, start + size)
            generator.fill(seeds[chunk], path_ids[chunk], values[chunk], scratch)

    if threads == 1 or len(starts) == 1:
        for first in range(threads):
            work(first)
        return
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, range(threads)))
