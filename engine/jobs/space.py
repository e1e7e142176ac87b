"""The parameter sets of a job."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from engine.strategies import Strategy

__all__ = ["MODEL_PREFIX", "ParameterSets", "ParameterSpace", "Scalar"]

#: A value of a parameter.
Scalar = int | float | str | bool | None

#: Marks a parameter of the source, as in ``model.kappa``.
MODEL_PREFIX = "model."


@dataclass(frozen=True)
class ParameterSpace:
    """The parameter sets of a study as it names them, in their order.

    Parameters
    ----------
    names : tuple of str
        Source parameters (``model.*``) first, then the strategy's.
    sets : tuple of tuple
        One tuple of values per set; the last name varies fastest in a grid.
    dropped : int
        How many sets the constraints removed.
    repeated : int
        How many points of the search were dropped because an earlier one is the same set.
    """

    names: tuple[str, ...]
    sets: tuple[tuple[Scalar, ...], ...]
    dropped: int
    repeated: int = 0

    def __len__(self) -> int:
        return len(self.sets)

    def __getitem__(self, index: int) -> dict[str, Scalar]:
        return dict(zip(self.names, self.sets[index], strict=True))

    def column(self, name: str) -> list[Scalar]:
        """Values of one parameter, a value per set."""
        position = self.names.index(name)
        return [values[position] for values in self.sets]


@dataclass(frozen=True, eq=False)
class ParameterSets:
    """Parameter sets as numbers: every parameter of the strategy, and the swept ones of the source.

    Parameters
    ----------
    strategy : type of Strategy
        Declares the parameters.
    swept : tuple of str
        Names of the source's parameters that sets choose.
    of_strategy : ndarray of float64, shape (sets, strategy parameters)
        As `Parameter.encode` makes them, defaults included.
    of_source : ndarray of float64, shape (sets, swept)
        Values of the source's parameters.
    """

    strategy: type[Strategy]
    swept: tuple[str, ...]
    of_strategy: NDArray[np.float64]
    of_source: NDArray[np.float64]

    @classmethod
    def of(cls, space: ParameterSpace, strategy: type[Strategy]) -> ParameterSets:
        """Encode the sets of a study; parameters that it does not name keep their defaults."""
        swept = tuple(
            name.removeprefix(MODEL_PREFIX) for name in space.names if name.startswith(MODEL_PREFIX)
        )
        own = np.empty((len(space), len(strategy.parameters)))
        for position, (name, declared) in enumerate(strategy.parameters.items()):
            if name in space.names:
                own[:, position] = [declared.encode(value) for value in space.column(name)]
            else:
                own[:, position] = declared.encode(declared.default)
        model = np.empty((len(space), len(swept)))
        for position, name in enumerate(swept):
            model[:, position] = space.column(MODEL_PREFIX + name)
        # Minus zero becomes zero, and every NaN the same: equal sets have equal bits.
        own[np.isnan(own)] = np.nan
        return cls(strategy, swept, own + 0.0, model + 0.0)

    def __len__(self) -> int:
        return len(self.of_strategy)

    def __getitem__(self, chosen: NDArray[np.int64]) -> ParameterSets:
        if np.array_equal(chosen, np.arange(len(self))):
            return self  # with its hashes, which every part of a job needs
        return ParameterSets(
            self.strategy, self.swept, self.of_strategy[chosen], self.of_source[chosen]
        )

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle without what follows from the numbers."""
        return ParameterSets, (self.strategy, self.swept, self.of_strategy, self.of_source)

    def joined(self, others: Sequence[ParameterSets]) -> ParameterSets:
        """Return these and other sets of the same strategy, in this order."""
        every = [self, *others]
        return ParameterSets(
            self.strategy,
            self.swept,
            np.concatenate([one.of_strategy for one in every]),
            np.concatenate([one.of_source for one in every]),
        )

    @cached_property
    def ids(self) -> NDArray[np.str_]:
        """Set ids, shape (sets,): hashes of the canonical sets, 16 hexadecimal digits."""
        names = "|".join((*(MODEL_PREFIX + name for name in self.swept), *self.strategy.parameters))
        base = hashlib.sha256(names.encode())
        rows = np.concatenate([self.of_source, self.of_strategy], axis=1).astype("<f8")
        found = []
        for row in rows:
            digest = base.copy()
            digest.update(row.tobytes())
            found.append(digest.hexdigest()[:16])
        return np.array(found, dtype="U16")

    @cached_property
    def as_json(self) -> list[str]:
        """Each set as JSON, with its values as they were declared."""
        names = [*(MODEL_PREFIX + name for name in self.swept), *self.strategy.parameters]
        declared = list(self.strategy.parameters.values())
        return [
            json.dumps(
                dict(
                    zip(
                        names,
                        [*own, *(p.decode(code) for p, code in zip(declared, codes, strict=True))],
                        strict=True,
                    )
                )
            )
            for own, codes in zip(self.of_source.tolist(), self.of_strategy.tolist(), strict=True)
        ]

    @cached_property
    def distinct_sources(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Distinct rows of `of_source`, shape (sources, swept), and which one each set has."""
        if not self.swept:
            return np.empty((1, 0)), np.zeros(len(self), dtype=np.int64)
        values, first, of_set = np.unique(
            self.of_source, axis=0, return_index=True, return_inverse=True
        )
        # In the order in which they are first met, as the sets stand.
        order = np.argsort(first, kind="stable")
        rank = np.empty(len(order), dtype=np.int64)
        rank[order] = np.arange(len(order))
        return values[order], rank[of_set.reshape(-1)]
