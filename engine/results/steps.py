"""Parameter sets step by step: as many at once as fit into memory, a large one part by part."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, Protocol, TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.jobs.pool import worker_count
from engine.results.definitions import Statistic
from engine.results.outcomes import Outcomes
from engine.results.read_outcomes import (
    held_at_once,
    read_in_columns,
    read_outcomes,
    steps_of_sets,
)
from engine.results.rows import Rows
from engine.statistics.lockstep import Computation, PartLayout, Run, in_lockstep

__all__ = ["Step", "WholeStep", "read_steps"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Made = TypeVar("Made")

# Outcomes from which on several statistics are estimated at once, and how many: each takes ten
# times the memory of its outcomes.
_MANY_ROWS: Final = 100_000
_MOST_THREADS: Final = 4

# Paths of a part: influences of as many tell the error of a history (`error_budget`).
_PART_PATHS: Final = 131_072
# Paths of a set that are held: parts are read again for every sum, which takes longer.
_MOST_PATHS: Final = 4_000_000


class Step(Protocol):
    """Parameter sets whose statistics are estimated together."""

    @property
    def groups(self) -> pl.DataFrame:
        """The keys of each group, a row each."""

    @property
    def idle_share(self) -> Floats:
        """Share of idle paths per group; NaN where rows do not say."""

    @property
    def units(self) -> Integers:
        """The first independent units, ascending."""

    def each(
        self, wanted: Mapping[str, Statistic], estimate: Callable[[Outcomes, Statistic], Made]
    ) -> dict[str, Made]:
        """Estimate statistics by name, several at a time where there are many outcomes.

        What is estimated should not hold influences: they are as many numbers as there are
        outcomes, and of a part they are its own.
        """


@dataclass(frozen=True)
class WholeStep:
    """Groups whose outcomes are held.

    Parameters
    ----------
    outcomes : Outcomes
        Of every group.
    """

    outcomes: Outcomes

    @property
    def groups(self) -> pl.DataFrame:
        """The keys of each group, a row each."""
        return self.outcomes.groups

    @property
    def idle_share(self) -> Floats:
        """Share of idle paths per group; NaN where rows do not say."""
        return self.outcomes.idle_share

    @property
    def units(self) -> Integers:
        """The independent units, ascending."""
        return np.unique(self.outcomes.layout.units)

    def each(
        self, wanted: Mapping[str, Statistic], estimate: Callable[[Outcomes, Statistic], Made]
    ) -> dict[str, Made]:
        """Estimate statistics by name, as `Step` says."""
        several = int(self.outcomes.layout.rows.sum()) >= _MANY_ROWS
        workers = min(_MOST_THREADS, worker_count("auto")) if several else 1
        if workers == 1:
            return {name: estimate(self.outcomes, entry) for name, entry in wanted.items()}
        with ThreadPoolExecutor(workers) as pool:
            made = pool.map(lambda entry: estimate(self.outcomes, entry), wanted.values())
            return dict(zip(wanted, made, strict=True))


@dataclass(frozen=True)
class _PartedStep:
    """One parameter set whose outcomes are read part by part."""

    rows: Rows
    keys: list[str]
    number: int

    @property
    def groups(self) -> pl.DataFrame:
        """The keys of the set."""
        return self._first.groups

    @cached_property
    def idle_share(self) -> Floats:
        """Share of idle paths; NaN where rows do not say."""
        return self._computed({"": ()}, lambda outcomes, _: outcomes.idle_share)[""]

    @property
    def units(self) -> Integers:
        """The first independent units, ascending."""
        return np.unique(self._first.layout.units)

    def each(
        self, wanted: Mapping[str, Statistic], estimate: Callable[[Outcomes, Statistic], Made]
    ) -> dict[str, Made]:
        """Estimate statistics by name, as `Step` says."""
        needs = {name: entry.needs for name, entry in wanted.items()}
        return self._computed(needs, lambda outcomes, name: estimate(outcomes, wanted[name]))

    def _computed(
        self, needs: Mapping[str, Sequence[str]], of: Callable[[Outcomes, str], Made]
    ) -> dict[str, Made]:
        def computation(name: str) -> Computation[Outcomes, Made]:
            def on(part: Outcomes, run: Run) -> Made:
                return of(
                    replace(part, layout=PartLayout.of_part(part.layout, run, self._known)), name
                )

            return Computation(on, len(self.parts))

        def parts(left: set[str]) -> Iterator[Outcomes]:
            for paths in self.parts:
                columns = sorted({column for name in left for column in needs[name]})
                part = self._read(columns, paths)
                assert part is not None
                yield part
                del part  # before the next is read

        workers = min(_MOST_THREADS, worker_count("auto"))
        with ThreadPoolExecutor(workers) if workers > 1 else nullcontext() as pool:
            return in_lockstep({name: computation(name) for name in needs}, parts, pool)

    @cached_property
    def parts(self) -> list[range]:
        """Paths of each part: whole units, those without an outcome left out."""
        unit, stored = self.rows.paths_per_unit, self.rows.stored
        assert stored is not None
        paths = stored.paths
        size = -(-_PART_PATHS // unit) * unit
        every = [range(first, min(first + size, paths)) for first in range(0, paths, size)]
        if self._known is not None:
            return every
        return [part for part in every if self._read([], part) is not None]

    @cached_property
    def _known(self) -> tuple[int, int] | None:
        """Outcomes and units of the set, where none failed or is missing."""
        stored = self.rows.stored
        assert stored is not None
        paths, sets = stored.paths, self.rows.summary.parameter_sets
        if stored.failed or stored.simulations != paths * sets:
            return None
        return paths, -(-paths // self.rows.paths_per_unit)

    @cached_property
    def _first(self) -> Outcomes:
        found = self._read([], self.parts[0])
        assert found is not None
        return found

    def _read(self, columns: list[str], paths: range) -> Outcomes | None:
        one = range(self.number, self.number + 1)
        found = read_outcomes(self.rows, self.keys, columns, sets=one, paths=paths)
        if found is None or self.rows.paths_per_unit == 1 or found.layout.cell_rows is not None:
            return found
        # Units hold several outcomes in other parts.
        single = np.ones(len(found.layout.units), dtype=np.int64)
        return replace(found, layout=replace(found.layout, cell_rows=single))


def read_steps(
    rows: Rows, keys: list[str], wanted: Mapping[str, Statistic], *, parted: bool = True
) -> Iterator[Step]:
    """Read outcomes for statistics, of so many parameter sets at once as fit into memory.

    Parameters
    ----------
    rows : Rows
        Of one study.
    keys : list of str
        Columns to group by.
    wanted : mapping of str to Statistic
        What is to be estimated of the outcomes.
    parted : bool
        Whether a set that does not fit may be read part by part, as those that are stored can.

    Yields
    ------
    Step
        Groups by number.
    """
    needed = sorted({column for entry in wanted.values() for column in entry.needs})
    for sets in steps_of_sets(rows, keys, len(needed)) if wanted else []:
        if parted and _too_large(rows, keys, needed):
            of = rows.summary.parameter_sets
            every = (_PartedStep(rows, keys, one) for one in (range(of) if sets is None else sets))
            yield from (one for one in every if one.parts)
            continue
        outcomes = read_outcomes(rows, keys, needed, sets=sets)
        if outcomes is not None:
            yield WholeStep(outcomes)
        del outcomes  # else two steps are held while the next is read


def _too_large(rows: Rows, keys: list[str], columns: list[str]) -> bool:
    """Tell whether one parameter set has more outcomes than are held at once."""
    most = max(held_at_once(len(columns)), _MOST_PATHS)
    stored = rows.stored
    return read_in_columns(rows, keys, columns) and stored is not None and stored.paths > most
