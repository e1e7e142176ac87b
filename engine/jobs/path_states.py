"""States of a model, such as its regime, at bars of paths that are made again."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.errors import Refusal
from engine.jobs.job import Job
from engine.jobs.prepared import prepare

__all__ = ["state_at"]

# Paths that are made together.
_CHUNK = 64


def state_at(job: Job, state: str, entries: pl.DataFrame) -> NDArray[np.float64]:
    """Return a state at the closes of bars of simulations.

    Parameters
    ----------
    job : Job
        That made the simulations.
    state : str
        One of the states of its source.
    entries : polars.DataFrame, n rows
        ``simulation``, the id of one, and ``entry_bar``, counted from the first that trades.

    Returns
    -------
    ndarray of float64, shape (n,)
        The state of the simulation's path at each bar.

    Raises
    ------
    Refusal
        If the source has no such state.

    Notes
    -----
    Nothing of a path is stored: it is filled again from its seed, once for all of the simulations
    that share it.
    """
    world = job.world
    if state not in world.source.states:
        found = ", ".join(world.source.states) or "none"
        raise Refusal("state", repr(state), found)
    path, index = np.divmod(entries["simulation"].to_numpy(), len(job.space))
    places = entries["entry_bar"].to_numpy()
    sources, of_set = np.unique(job.sets.of_source, axis=0, return_inverse=True)
    of_source = of_set.reshape(-1)[index]
    values = np.empty(len(entries))
    for number in np.unique(of_source):
        wanted = of_source == number
        own = tuple(sources[number].tolist())
        values[wanted] = _of_one_source(job, state, own, path[wanted], places[wanted])
    return values


def _of_one_source(
    job: Job,
    state: str,
    own: tuple[float, ...],
    path: NDArray[np.int64],
    places: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Return the state on the paths of one set of source parameters."""
    world, first = job.world, job.world.window.first_trading_bar
    every, place = np.unique(path, return_inverse=True)
    seeds = job.seeds[every // world.paths_per_seed]
    numbers = (every % world.paths_per_seed).astype(np.uint64)
    # With parameters that are drawn, a generator is that of one seed.
    chunk = 1 if world.draw is not None else _CHUNK
    prepared = prepare(world, job.holds, job.metrics, own, int(seeds[0]))
    found = np.empty(len(path))
    for start in range(0, len(every), chunk):
        part = slice(start, start + chunk)
        generator = prepared.generator(own, int(seeds[start]))
        shape = (len(seeds[part]), len(generator.symbols), len(generator.fields), generator.steps)
        block = np.empty(shape)
        generator.fill(seeds[part], numbers[part], block, generator.scratch(shape[0]))
        inside = (place >= start) & (place < start + chunk)
        field = generator.fields.index(state)
        found[inside] = block[place[inside] - start, 0, field, first + places[inside]]
    return found
