"""A job made ready to run: compiled engines and prepared generators, shared by threads."""

from __future__ import annotations

import threading
from collections import OrderedDict
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from engine.jobs.job import Job
from engine.jobs.path_metrics import PathMetrics
from engine.jobs.space import MODEL_PREFIX
from engine.sources import Generator
from engine.strategies import StrategyEngine, prepare_strategy

__all__ = ["Prepared", "prepare_job"]

# Generators kept ready: enough for every worker's neighbourhood in a sweep of source parameters.
_GENERATORS = 256


class Prepared:
    """Generators and strategy engine of a job.

    Parameters
    ----------
    job : Job
        The resolved study.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self._lock = threading.Lock()
        self._generators: OrderedDict[tuple[int, int], Generator] = OrderedDict()
        first = self.generator(0, int(job.seeds[0]))
        self.fields = first.fields
        self.symbols = first.symbols
        #: Whether paths come from code that is not ours.
        self.foreign = not type(job.sources[0]).__module__.startswith("engine.")
        self.engine: StrategyEngine = prepare_strategy(
            job.strategy,
            job.execution,
            symbols=first.symbols,
            fields=first.fields,
            steps=job.steps,
            bars_per_year=job.calendar.bars_per_year,
            bars_per_session=job.calendar.bars_per_session,
            # Own metrics see equity at every bar; fewer points are then picked from it.
            equity_samples=job.steps if job.metrics else job.record.equity,
            record_trades=job.record.trades,
            timestamps=first.timestamps,
        )
        self.path_metrics = PathMetrics(job.metrics) if job.metrics else None
        self.metric_names = (*self.engine.metric_names, *job.metrics)
        count = job.record.equity
        self.sample_bars = np.array(
            [(k + 1) * job.steps // count - 1 for k in range(count)], dtype=np.int64
        )
        own = [name for name in job.space.names if not name.startswith(MODEL_PREFIX)]
        columns = {name: job.space.column(name) for name in own}
        self.parameters: NDArray[np.float64] = np.array(
            [
                self.engine.encode({name: columns[name][index] for name in own})
                for index in range(len(job.space))
            ],
            dtype=np.float64,
        ).reshape(len(job.space), len(self.engine.parameter_names))

    def generator(self, source: int, seed: int) -> Generator:
        """Return the generator of a source; with drawn parameters, that of the seed.

        Parameters
        ----------
        source : int
            Position in ``job.sources``.
        seed : int
            Used where parameters are drawn per path.
        """
        key = (source, seed if self.job.draw is not None else 0)
        with self._lock:
            if key in self._generators:
                self._generators.move_to_end(key)
                return self._generators[key]
        job = self.job
        model = job.sources[source]
        if job.draw is not None:
            model = job.draw.apply(model, seed)
        generator = model.prepare(
            calendar=job.calendar, paths_per_seed=job.paths_per_seed, **job.path.model_dump()
        )
        with self._lock:
            self._generators[key] = generator
            while len(self._generators) > _GENERATORS:
                self._generators.popitem(last=False)
        return generator


def prepare_job(job: Job) -> Prepared:
    """Prepare a job; once per process and fingerprint."""
    return _prepare(_Key(job))


class _Key:
    """Makes jobs with the same numbers the same to the cache."""

    def __init__(self, job: Job) -> None:
        self.job = job

    def __hash__(self) -> int:
        return hash(self.job.fingerprint)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and self.job.fingerprint == other.job.fingerprint


@lru_cache(maxsize=4)
def _prepare(key: _Key) -> Prepared:
    return Prepared(key.job)
