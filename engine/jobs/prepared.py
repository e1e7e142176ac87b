"""A world made ready to run: compiled engine and prepared generators, shared by threads."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from engine.jobs.engine import PreparedEngine
from engine.jobs.job import Holds
from engine.jobs.ledger import time_block_ends
from engine.jobs.path_metrics import PathMetric, PathMetrics
from engine.jobs.world import World
from engine.sources import Generator, Historical
from engine.sources.dynamics import WithDynamics, dynamics_of

__all__ = ["Prepared", "prepare"]

# Generators kept ready: enough for every worker's neighbourhood in a sweep of source parameters.
_GENERATORS = 256


class Prepared:
    """Generators and strategy engine of a world. Parameter sets and seeds come with each part.

    Parameters
    ----------
    world : World
        What is simulated.
    holds : Holds
        What is recorded and measured.
    metrics : dict of str to callable
        Own metrics.
    some_source : tuple of float
        Values of the swept source parameters of any set: they give the shape of a path.
    seed : int
        Any seed.
    """

    def __init__(
        self,
        world: World,
        holds: Holds,
        metrics: Mapping[str, PathMetric],
        some_source: tuple[float, ...],
        seed: int,
    ) -> None:
        self.world = world
        self._lock = threading.Lock()
        #: Last bars of the stretches of time of an outcome vector, on history.
        self.block_ends = time_block_ends(world.steps) if world.is_history else None
        #: Whether equity is sampled at every bar: own metrics and outcomes on history need it.
        self.whole_curves = bool(metrics) or world.is_history
        self._generators: OrderedDict[tuple[tuple[float, ...], int], Generator] = OrderedDict()
        first = self.generator(some_source, seed)
        self.fields = first.fields
        self.symbols = first.symbols
        self.engine: PreparedEngine = world.engine.prepare(
            world.strategy,
            world.execution,
            symbols=first.symbols,
            fields=first.fields,
            steps=world.window.bar_count,
            bars_per_year=world.bars_per_year,
            bars_per_session=world.bars_per_session,
            warm_up=world.window.warm_up,
            # Where equity is needed at every bar, what is recorded is picked from it.
            record_equity=world.steps if self.whole_curves else holds.record.equity,
            record_trades=holds.record.trades,
            groups=tuple(holds.groups),
            timestamps=first.timestamps,
            exchange=world.calendar.exchange,
            timeframe=world.calendar.timeframe,
            history=world.source.bars if isinstance(world.source, Historical) else None,
        )
        self.path_metrics = PathMetrics(metrics) if metrics else None
        self.metric_names = (*self.engine.metric_names, *metrics)
        #: Positions of the metrics that have no value on bars without ranges.
        self.of_ranges = [
            position
            for position, name in enumerate(self.engine.metric_names)
            if name in world.engine.range_metrics
        ]
        count = holds.record.equity
        self.sample_bars = np.array(
            [(k + 1) * world.steps // count - 1 for k in range(count)], dtype=np.int64
        )

    def generator(self, source_values: tuple[float, ...], seed: int) -> Generator:
        """Return the generator of a source; with drawn parameters, that of the seed.

        Parameters
        ----------
        source_values : tuple of float
            Values of the swept source parameters.
        seed : int
            Used where parameters are drawn per seed.
        """
        world = self.world
        key = (source_values, seed if world.draw is not None else 0)
        with self._lock:
            if key in self._generators:
                self._generators.move_to_end(key)
                return self._generators[key]
        model = world.source
        if world.swept:
            model = model.with_parameters(**dict(zip(world.swept, source_values, strict=True)))
        if world.draw is not None:
            model = world.draw.apply(model, seed)
        generator: Generator = model.prepare(
            calendar=world.calendar,
            paths_per_seed=world.paths_per_seed,
            history=world.history,
            **world.path.model_dump(),
        )
        if world.engine.reads_dynamics:
            generator = WithDynamics(generator, dynamics_of(model))
        with self._lock:
            self._generators[key] = generator
            while len(self._generators) > _GENERATORS:
                self._generators.popitem(last=False)
        return generator


def prepare(
    world: World,
    holds: Holds,
    metrics: Mapping[str, PathMetric],
    some_source: tuple[float, ...],
    seed: int,
) -> Prepared:
    """Prepare a world; once per process for the same numbers and the same record of them."""
    return _prepare(_Key(world, holds, metrics, some_source, seed))


class _Key:
    """Makes requests that are prepared alike the same to the cache."""

    def __init__(
        self,
        world: World,
        holds: Holds,
        metrics: Mapping[str, PathMetric],
        some_source: tuple[float, ...],
        seed: int,
    ) -> None:
        self.arguments = (world, holds, metrics, some_source, seed)
        own, groups = tuple(holds.own_metrics.items()), tuple(holds.groups.items())
        self._same = (world.id, holds.record.equity, holds.record.trades, groups, own)

    def __hash__(self) -> int:
        return hash(self._same)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and self._same == other._same


@lru_cache(maxsize=8)
def _prepare(key: _Key) -> Prepared:
    return Prepared(*key.arguments)
