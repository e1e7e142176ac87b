"""Compile a project's kernels ahead of their use, in a process of its own.

The first run of a checkout compiles its kernels for most of a minute; doing so on another core
while bars come in hides most of it. Later runs find them on disk.
"""

from __future__ import annotations

import datetime
import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from mc_assets.project import Project
from mc_assets.study_files import searched_studies

if TYPE_CHECKING:
    from engine.bars import Bars
    from engine.calibration import Calibration
    from engine.jobs.job import Job

__all__ = ["Warming", "warm_paths", "warm_strategies"]


class Warming:
    """`warm_strategies` and `warm_paths` in a process beside this one.

    Where nothing was ever compiled each has its own: both then take their time. Their errors are
    ignored: they recur, with a message, where the kernels are used.
    """

    def __init__(self) -> None:
        from engine.compiled.cache import cache_folder
        from engine.compiled.shipped import has_shipped_kernels

        calls = ["warm_strategies()", "warm_paths()"]
        if has_shipped_kernels() or any(cache_folder().glob("*/*.kernel")):
            calls = ["; ".join(calls)]
        self._processes = [
            subprocess.Popen(
                [sys.executable, "-c", f"from mc_assets.warm import *; {call}"],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                stdin=subprocess.DEVNULL,
            )
            for call in calls
        ]

    def wait(self) -> None:
        """Wait until what was started has ended."""
        for process in self._processes:
            process.wait()

    def kill(self) -> None:
        """End what was started."""
        for process in self._processes:
            process.kill()


def warm_paths() -> None:
    """Draw a path of every study of the project: this compiles its source."""
    for job in _jobs():
        world = job.world
        world.source.paths(
            seeds=[1],
            calendar=world.calendar,
            paths_per_seed=world.paths_per_seed,
            **world.path.model_dump(),
        )


def warm_strategies() -> None:
    """Run the strategy of every study on a flat path: this compiles it and the order engine."""
    import numpy as np

    from engine.jobs.prepared import prepare

    for job in _jobs():
        some_source = tuple(job.sets.of_source[0].tolist())
        prepared = prepare(job.world, job.holds, job.metrics, some_source, 1)
        engine = prepared.engine
        path = np.full(
            (1, len(prepared.symbols), len(prepared.fields), job.world.window.bar_count), 100.0
        )
        metrics = np.empty((1, 1, len(engine.metric_names)))
        status = np.empty((1, 1), dtype=np.int8)
        engine.run(path, job.sets.of_strategy[:1], metrics, status, engine.scratch())


def _jobs() -> Iterator[Job]:
    """Yield the project's studies, resolved with made-up bars."""
    from engine.studies import Study, load_definition
    from engine.studies.overrides import override

    project = Project.from_environment()
    searches = searched_studies(project.studies)
    for name, path in project.study_files.items():
        if name in searches:
            continue  # its sets are drawn when it is searched
        definition = override(load_definition(path), ["until=null"], seeds="1")
        yield Study.from_definition(definition, path).resolve(_MadeUpMarketData())


class _MadeUpMarketData:
    """Bars and calibrations of the right types; their values do not matter."""

    def bars(self, symbol: str, timeframe: str, *, columns: Sequence[str] = ()) -> Bars:
        import numpy as np

        from engine.bars import Bars
        from engine.calendar import BarCalendar

        close = 100.0 * np.exp(0.01 * np.cumsum(np.sin(np.arange(600.0) ** 2)))
        opened = np.concatenate([close[:1], close[:-1]])
        return Bars(
            symbol,
            np.arange(600, dtype=np.int64) * 86_400_000_000,
            opened,
            np.maximum(opened, close),
            np.minimum(opened, close),
            close,
            np.ones(600),
            BarCalendar("XNYS", timeframe),
            columns=dict.fromkeys(columns, close - opened),
        )

    def calibration(
        self, symbol: str, timeframe: str, model: str, as_of: Literal["latest"] | datetime.date
    ) -> Calibration:
        from engine.calibration import calibrate

        return calibrate(model, self.bars(symbol, timeframe))
