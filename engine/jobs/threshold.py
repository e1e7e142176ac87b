"""Comparisons of a number with a bound, as files write them: ``>= 100``."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Threshold"]

_COMPARISONS: Final[dict[str, Any]] = {
    ">=": np.greater_equal,
    "<=": np.less_equal,
    ">": np.greater,
    "<": np.less,
}
_TEXT: Final = re.compile(r"\s*(>=|<=|>|<)\s*(\S+)\s*")


@dataclass(frozen=True)
class Threshold:
    """How a number compares with a bound.

    Parameters
    ----------
    comparison : {">=", "<=", ">", "<"}
        How it compares.
    bound : float
        With what.
    """

    comparison: str
    bound: float

    @classmethod
    def read(cls, text: object) -> Self | None:
        """Read a comparison with a finite number; None if it is none.

        Examples
        --------
        >>> Threshold.read("<= -0.5"), Threshold.read("about 3")
        (Threshold(comparison='<=', bound=-0.5), None)
        """
        found = _TEXT.fullmatch(text) if isinstance(text, str) else None
        try:
            bound = float(found[2]) if found is not None else math.nan
        except ValueError:
            bound = math.nan
        return cls(found[1], bound) if found is not None and math.isfinite(bound) else None

    def holds(self, values: ArrayLike) -> NDArray[np.bool_]:
        """Whether it holds, for each value; not where that is undefined.

        Returns
        -------
        ndarray of bool, shaped as `values`
        """
        with np.errstate(invalid="ignore"):
            return np.asarray(_COMPARISONS[self.comparison](values, self.bound), dtype=bool)
