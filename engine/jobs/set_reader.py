"""Parameter sets as a search writes them, mappings of names to values, turned into numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from engine.errors import Refusal
from engine.jobs.job import Job
from engine.jobs.space import MODEL_PREFIX, ParameterSets, Scalar

__all__ = ["SetReader"]


class SetReader:
    """Reads parameter sets that a job is asked for after it was made.

    A set names every parameter of which the job has several values; what the job fixed stays, and
    all others keep the strategy's defaults.

    Parameters
    ----------
    job : Job
        Its world says which parameters of the source a set may choose.
    """

    def __init__(self, job: Job) -> None:
        world, space = job.world, job.space
        self._strategy, self._swept = world.strategy, world.swept
        self._place = {name: i for i, name in enumerate(world.strategy.parameters)}
        self._source_place = {MODEL_PREFIX + name: i for i, name in enumerate(world.swept)}
        self._own = job.sets.of_strategy[0]
        self._source = job.sets.of_source[0]
        self._open = frozenset(name for name in space.names if len(set(space.column(name))) > 1)

    def read(self, sets: Sequence[Mapping[str, Scalar]]) -> ParameterSets:
        """Return parameter sets as numbers.

        Raises
        ------
        Refusal
            If there is none, one lacks a parameter or has an unknown one, or a value is not
            allowed.
        """
        if not len(sets):
            raise Refusal("sets", "are empty", hint="give one parameter set or more")
        own = np.tile(self._own, (len(sets), 1))
        source = np.tile(self._source, (len(sets), 1))
        declared = self._strategy.parameters
        for row, given in enumerate(sets):
            if not self._open <= given.keys():
                missing = ", ".join(sorted(self._open - given.keys()))
                raise Refusal(f"sets[{row}]", f"no value of {missing}", "a value of each")
            for name, value in given.items():
                if name in self._place:
                    own[row, self._place[name]] = declared[name].encode(value)
                elif name in self._source_place:
                    source[row, self._source_place[name]] = self._number(name, value)
                else:
                    known = ", ".join((*self._source_place, *self._place))
                    raise Refusal(f"sets[{row}]", f"an unknown parameter {name}", known or "none")
        own[np.isnan(own)] = np.nan  # one kind of nothing
        return ParameterSets(self._strategy, self._swept, own + 0.0, source + 0.0)

    @staticmethod
    def _number(name: str, value: Scalar) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise Refusal(name, repr(value), "a number")
        return float(value)
