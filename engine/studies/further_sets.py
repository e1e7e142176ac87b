"""Whether parameter sets that a search asks for can be judged in the world of its study."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.errors import Refusal
from engine.jobs.job import Job
from engine.jobs.space import MODEL_PREFIX, ParameterSets
from engine.strategies.parameters import Choice
from engine.strategies.warm_up import bars_before
from engine.studies.bar_form import reads_of_ranges
from engine.studies.definition import StudyDefinition
from engine.studies.resolve_source import source_error

__all__ = ["FurtherSets"]


class FurtherSets:
    """Checks parameter sets beside those that a study lists.

    A world is fixed when it is made: how many bars indicators warm up on, and whether bars have
    ranges. A set that needs more would be judged on other bars than the rest.

    Parameters
    ----------
    job : Job
        The study's.
    definition : StudyDefinition
        The study as written.
    """

    def __init__(self, job: Job, definition: StudyDefinition) -> None:
        self._job = job
        world = job.world
        self._warm_up = 0 if definition.source.warm_up == 0 else world.path.warm_up
        self._bars_before: dict[tuple[str, tuple[float, ...]], int] = {}
        self._sources: set[bytes] = set()
        own = job.sets.of_strategy
        self._hull = np.array([own.min(axis=0), own.max(axis=0)])
        self._need_ranges = not world.has_ranges and definition.source.bars != "close"
        if self._need_ranges:
            # Mostly nothing that the strategy allows reads a range, so that no set has to be asked.
            self._need_ranges = bool(self._reads(self._widest(self._hull)))

    def __call__(self, sets: ParameterSets) -> None:
        """Refuse sets that need more than the world has.

        Raises
        ------
        Refusal
            If one does.
        """
        self._check_sources(sets)
        if self._warm_up:
            self._check_warm_up(sets)
        if self._need_ranges:
            self._check_ranges(sets)

    def _check_sources(self, sets: ParameterSets) -> None:
        source = self._job.world.source
        for row in sets.of_source if sets.swept else ():
            if row.tobytes() in self._sources:
                continue
            values = dict(zip(sets.swept, row.tolist(), strict=True))
            try:
                source.with_parameters(**values)
            except (TypeError, ValueError) as error:
                refused = source_error(error)
                name = refused.field.removeprefix("source.")
                raise Refusal(MODEL_PREFIX + name, refused.found, refused.allowed) from None
            self._sources.add(row.tobytes())

    def _check_warm_up(self, sets: ParameterSets) -> None:
        world, names = self._job.world, list(sets.strategy.parameters)
        for label, indicator in sets.strategy.indicators.items():
            columns = [names.index(item.name) for item in indicator.parameters_of()]
            for row in set(map(tuple, sets.of_strategy[:, columns].tolist())):
                needed = self._bars_before.get((label, row))
                if needed is None:
                    given = dict(zip((names[column] for column in columns), row, strict=True))
                    found = bars_before(indicator, given, world.calendar, world.bars_per_session)
                    needed = self._bars_before[label, row] = found or 0
                if needed > int(self._warm_up):
                    raise Refusal(
                        "sets",
                        f"a set whose indicator {label} needs {needed} bars before its first value",
                        f"at most {self._warm_up}, the bars before the paths of this world",
                        hint="widen the study's parameters, or give it a longer warm_up",
                    )

    def _check_ranges(self, sets: ParameterSets) -> None:
        every = np.concatenate([self._hull, sets.of_strategy])
        hull = np.array([every.min(axis=0), every.max(axis=0)])
        if np.array_equal(hull, self._hull, equal_nan=True):
            return
        reads = self._reads(hull)
        if reads:
            raise Refusal(
                "sets",
                f"sets that read the ranges of bars ({', '.join(reads)})",
                "sets that closes decide: the paths of this world have no ranges",
                hint="prepare the study with bars: ohlc",
            )
        self._hull = hull

    def _reads(self, hull: NDArray[np.float64]) -> tuple[str, ...]:
        world = self._job.world
        bounds = ParameterSets(world.strategy, (), hull, np.empty((2, 0)))
        return reads_of_ranges(bounds, world.execution, None, self._job.metrics)

    def _widest(self, hull: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the least and the largest code of each parameter that its declaration allows."""
        widest = hull.copy()
        for column, declared in enumerate(self._job.world.strategy.parameters.values()):
            if isinstance(declared, Choice):
                codes = [declared.encode(choice) for choice in declared.choices]
                widest[:, column] = min(codes), max(codes)
            else:
                widest[0, column] = -np.inf if declared.low is None else declared.low
                widest[1, column] = np.inf if declared.high is None else declared.high
        return widest
