"""The parameter sets of a job."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["MODEL_PREFIX", "ParameterSpace", "Scalar"]

#: A value of a parameter.
Scalar = int | float | str | bool | None

#: Marks a parameter of the source, as in ``model.kappa``.
MODEL_PREFIX = "model."


@dataclass(frozen=True)
class ParameterSpace:
    """The parameter sets of a study, in their order.

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
