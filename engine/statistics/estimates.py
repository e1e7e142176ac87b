"""A number with its error, of one parameter set and of many at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Estimate", "Estimates", "Method", "joined_estimates", "together"]

Kind = TypeVar("Kind", bound=np.generic)

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class Method(StrEnum):
    """How an interval came about, or why there is none."""

    STUDENT = "Student"
    """Estimate plus and minus Student's quantile times the standard error."""
    SKEWED = "Student, skewed"
    """Student's interval, widened on the side to which the outcomes are skewed."""
    KURTIC = "Student, fewer degrees"
    """Student's interval with the degrees of freedom that heavy tails leave."""
    LOGARITHM = "Student, logarithm"
    """Symmetric in the logarithm, with the degrees of freedom that heavy tails leave."""
    TAIL = "Student, tail"
    """Symmetric in the logarithm of the distance to the mean, corrected for the tail's skewness."""
    SCORE = "score"
    """Wilson's score interval of a share."""
    RULE_OF_THREE = "rule of three"
    """None, or all, of the paths show it: the end is what as many paths cannot exclude."""
    EVENTS = "events"
    """Gamma interval of a few events that come in clumps."""
    ORDER = "order statistics"
    """Between two order statistics: free of any distribution."""
    FIELLER = "Fieller"
    """The values that a test of the ratio does not reject."""
    SIMULTANEOUS = "simultaneous"
    """Valid whichever parameter set was chosen by these outcomes."""
    BUDGET = "error budget"
    """Counts all errors in: Monte Carlo, parameters, history."""
    LONG_RUN = "long-run variance"
    """Error of one history whose bars may depend on one another; no Monte Carlo error."""
    ONE_HISTORY = "one history"
    """A single path: there is no Monte Carlo error to state."""
    TOO_FEW = "too few"
    """Too few paths carry the number for an interval that would cover."""
    NO_VARIANCE = "no variance seen"
    """All outcomes are equal, which leaves the error unknown."""
    NO_INTERVAL = "no interval"
    """No interval of this statistic covers as stated; the value alone is given."""
    UNDEFINED = "undefined"
    """The value itself is not defined."""


@dataclass(frozen=True)
class Estimate:
    """A number with its error.

    Parameters
    ----------
    value : float
        The estimate; NaN if it is undefined.
    std_error : float
        Its standard error; NaN where the outcomes leave it unknown, never 0.
    low, high : float
        Confidence interval; NaN where there is none, infinite where an end is open.
    n : int
        Outcomes used.
    method : str
        A `Method`.
    idle : float or None
        Share of the outcomes in which nothing was held; None where it does not matter.
    """

    value: float
    std_error: float
    low: float
    high: float
    n: int
    method: str = Method.STUDENT
    idle: float | None = None

    @property
    def half_width(self) -> float:
        """Half the length of the confidence interval."""
        return (self.high - self.low) / 2


@dataclass(frozen=True)
class Estimates:
    """One `Estimate` per parameter set, held as arrays.

    Parameters
    ----------
    value, std_error, low, high : ndarray of float64, shape (sets,)
    n : ndarray of int64, shape (sets,)
    method : ndarray of str, shape (sets,)
    idle : ndarray of float64, shape (sets,), optional
        As in `Estimate`.
    """

    value: Floats
    std_error: Floats
    low: Floats
    high: Floats
    n: Integers
    method: NDArray[np.str_]
    idle: Floats | None = None

    def __len__(self) -> int:
        return len(self.value)

    def __getitem__(self, index: int) -> Estimate:
        idle = None if self.idle is None else float(self.idle[index])
        return Estimate(
            float(self.value[index]),
            float(self.std_error[index]),
            float(self.low[index]),
            float(self.high[index]),
            int(self.n[index]),
            str(self.method[index]),
            idle,
        )

    def __iter__(self) -> Iterator[Estimate]:
        return (self[index] for index in range(len(self)))

    @property
    def half_width(self) -> Floats:
        """Half the lengths of the confidence intervals."""
        return (self.high - self.low) / 2

    def take(self, sets: ArrayLike) -> Estimates:
        """Return those of some sets, by position."""
        chosen = np.asarray(sets, dtype=np.int64)
        return Estimates(
            self.value[chosen],
            self.std_error[chosen],
            self.low[chosen],
            self.high[chosen],
            self.n[chosen],
            self.method[chosen],
            None if self.idle is None else self.idle[chosen],
        )

    def columns(self) -> dict[str, NDArray[np.generic]]:
        """Return the columns of a statistics table, by the names they have there."""
        found: dict[str, NDArray[np.generic]] = {
            "estimate": self.value,
            "std_error": self.std_error,
            "ci_low": self.low,
            "ci_high": self.high,
            "n": self.n,
            "method": self.method,
        }
        return found if self.idle is None else found | {"idle": self.idle}


def joined_estimates(parts: Sequence[Estimates]) -> Estimates:
    """Put the sets of several parts one after the other.

    Parameters
    ----------
    parts : sequence of Estimates
        One or more.

    Returns
    -------
    Estimates
        Of all sets.
    """
    each = ("value", "std_error", "low", "high", "n", "method")
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in parts]) for name in each
    }
    return Estimates(**columns, idle=together([part.idle for part in parts]))


def together(arrays: Sequence[NDArray[Kind] | None]) -> NDArray[Kind] | None:
    """Put arrays one after the other; None where one of them is.

    Examples
    --------
    >>> together([np.array([1]), None]) is None, together([np.array([1]), np.array([2])]).tolist()
    (True, [1, 2])
    """
    known = [array for array in arrays if array is not None]
    return np.concatenate(known) if len(known) == len(arrays) else None
