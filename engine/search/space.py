"""The box that is searched: each parameter as a number from 0 to 1, and back."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import Refusal
from engine.jobs.space import Scalar
from engine.studies.expand import dropped_by
from engine.studies.values import Distribution, choice

__all__ = ["Dimension", "SearchSpace"]

Floats = NDArray[np.float64]
Test = Callable[[Mapping[str, Any]], bool]


@dataclass(frozen=True)
class Dimension:
    """One parameter of a search.

    Parameters
    ----------
    name : str
        Of the strategy, or ``model.NAME`` of the source.
    values : Distribution
        How a number in [0, 1) becomes a value. A list of values is a choice.
    """

    name: str
    values: Distribution

    @property
    def count(self) -> int | None:
        """How many values there are; None of a real number."""
        if self.values.kind == "choice":
            return len(self.values.arguments)
        if self.values.is_whole:
            low, high = self.values.bounds
            return int(high) - int(low) + 1
        return None

    @property
    def is_ordered(self) -> bool:
        """Whether a step to a near value means something: words and switches have no order."""
        numbers = [
            value
            for value in self.values.arguments
            if isinstance(value, int | float) and not isinstance(value, bool)
        ]
        return self.values.kind != "choice" or (
            len(numbers) == len(self.values.arguments) and numbers == sorted(numbers)
        )

    def at(self, index: int) -> float:
        """Where in [0, 1) the value number `index` lies, of values that can be counted."""
        if self.values.kind == "choice":
            return self.values.quantile(self.values.arguments[index])
        return self.values.quantile(int(self.values.bounds[0]) + index)


@dataclass(frozen=True)
class SearchSpace:
    """Every parameter that a search moves, and those that it leaves alone.

    A *point* has a number in [0, 1) per dimension. Of values that can be counted, a point that
    `settle` returned lies amid the share of its value, so that equal sets are equal points.

    Parameters
    ----------
    dimensions : tuple of Dimension
        What moves.
    fixed : mapping
        Parameters of the study with one value.
    known : mapping
        Defaults of the others, which constraints may name.
    tests : mapping of str to callable
        A set is allowed if every one holds for the mapping of its values; by their texts.
    conditions : mapping of str to callable
        Parameters that matter only where a test holds; elsewhere they have the value of `known`,
        so that sets that differ in nothing that matters are one set.

    Examples
    --------
    >>> from engine.studies import integer
    >>> space = SearchSpace.of({"fast": integer(5, 20), "slow": [50, 100, 200]})
    >>> space.sets(space.settle(np.array([[0.1, 0.9]])))
    [{'fast': 6, 'slow': 200}]
    """

    dimensions: tuple[Dimension, ...]
    fixed: Mapping[str, Scalar]
    known: Mapping[str, Any]
    tests: Mapping[str, Test] = field(default_factory=dict)
    conditions: Mapping[str, Test] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        values: Mapping[str, Sequence[Scalar] | Distribution],
        *,
        known: Mapping[str, Any] | None = None,
        tests: Mapping[str, Test] | None = None,
        conditions: Mapping[str, Test] | None = None,
    ) -> SearchSpace:
        """Make a space of lists and distributions by name; a list of one value stays as it is.

        Raises
        ------
        Refusal
            If nothing moves.
        """
        moving: list[Dimension] = []
        fixed: dict[str, Scalar] = {}
        for name, given in values.items():
            if isinstance(given, Distribution):
                moving.append(Dimension(name, given))
            elif len(given) == 1:
                fixed[name] = given[0]
            else:
                moving.append(Dimension(name, choice(list(given))))
        if not moving:
            raise Refusal(
                "parameters",
                "no parameter that a search could move",
                "a list, a range or a distribution for at least one",
            )
        return cls(
            tuple(moving), fixed, dict(known or {}), dict(tests or {}), dict(conditions or {})
        )

    def __len__(self) -> int:
        return len(self.dimensions)

    @property
    def count(self) -> int | None:
        """How many points there are, before constraints; None where a real number moves."""
        counts = [dimension.count for dimension in self.dimensions]
        if any(count is None for count in counts):
            return None
        return math.prod(count for count in counts if count is not None)

    def settle(self, points: Floats) -> Floats:
        """Move points into the box, and those of values that can be counted amid their share.

        Parameters
        ----------
        points : ndarray of float64, shape (points, dimensions)
            Numbers beyond 0 and 1 are cut.
        """
        settled = np.clip(points, 0.0, np.nextafter(1.0, 0.0))
        for column, dimension in enumerate(self.dimensions):
            if dimension.count is not None:
                settled[:, column] = [
                    dimension.values.quantile(dimension.values.value(float(u)))
                    for u in settled[:, column]
                ]
        if self.conditions:
            # What does not matter lies in the middle, so that equal sets are equal points.
            settled[~self.matters(self._plain(settled))] = 0.5
        return settled

    def sets(self, points: Floats) -> list[dict[str, Scalar]]:
        """Return the parameter set of each point, fixed parameters among them."""
        return [self.plain(values) for values in self._plain(points)]

    def points(self, sets: Sequence[Mapping[str, Scalar]]) -> Floats:
        """Return where parameter sets lie, shape (sets, dimensions)."""
        matter = self.matters(sets)
        return np.array(
            [
                [
                    dimension.values.quantile(values[dimension.name]) if own else 0.5
                    for dimension, own in zip(self.dimensions, row, strict=True)
                ]
                for values, row in zip(sets, matter.tolist(), strict=True)
            ]
        ).reshape(len(sets), len(self))

    def matters(self, sets: Sequence[Mapping[str, Scalar]]) -> NDArray[np.bool_]:
        """Say which parameters matter in each of some sets.

        Parameters
        ----------
        sets : sequence of mapping
            Values by name of parameter.

        Returns
        -------
        ndarray of bool, shape (sets, dimensions)
        """
        found = np.ones((len(sets), len(self)), dtype=bool)
        for column, dimension in enumerate(self.dimensions):
            test = self.conditions.get(dimension.name)
            if test is not None:
                found[:, column] = [test({**self.known, **values}) for values in sets]
        return found

    def plain(self, values: Mapping[str, Scalar]) -> dict[str, Scalar]:
        """Return a set with the value of `known` for every parameter that does not matter in it."""
        if not self.conditions:
            return dict(values)
        (row,) = self.matters([values]).tolist()
        idle = [item.name for item, own in zip(self.dimensions, row, strict=True) if not own]
        return {**values, **{name: self.known[name] for name in idle}}

    def _plain(self, points: Floats) -> list[dict[str, Scalar]]:
        return [
            {
                **self.fixed,
                **{
                    dimension.name: dimension.values.value(float(u))
                    for dimension, u in zip(self.dimensions, point, strict=True)
                },
            }
            for point in points
        ]

    def allows(self, values: Mapping[str, Scalar]) -> bool:
        """Whether every constraint holds for a parameter set."""
        named = {**self.known, **values}
        return all(test(named) for test in self.tests.values())

    def dropped_by(self, sets: Iterable[Mapping[str, Scalar]]) -> str:
        """Say of several constraints how many parameter sets each drops by itself."""
        return dropped_by(self.tests, ({**self.known, **values} for values in sets))
