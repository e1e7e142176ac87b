"""What members came to on the same paths: the scenarios that capital is allocated over."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from engine.errors import Refusal

__all__ = ["Scenarios"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Scenarios:
    """Growth of one unit of capital in every member, on the same paths.

    Parameters
    ----------
    names : tuple of str
        Of the members.
    growth : ndarray of float64, shape (members, paths, 1 + points)
        Equity as a share of what the member began with; 1 at first.
    years : float
        Length of the paths.
    market : ndarray of float64, shape (paths, 1 + points), optional
        Growth of holding what the members trade.

    Raises
    ------
    Refusal
        If shapes do not fit or growth is not finite.

    Examples
    --------
    >>> growth = np.array([[[1.0, 1.1], [1.0, 0.9]], [[1.0, 1.0], [1.0, 1.2]]])
    >>> Scenarios(("a", "b"), growth, years=1.0).outcomes.round(2).tolist()
    [[0.1, 0.0], [-0.1, 0.2]]
    """

    names: tuple[str, ...]
    growth: Floats
    years: float
    market: Floats | None = None

    def __post_init__(self) -> None:
        if self.growth.ndim != 3 or self.growth.shape[0] != len(self.names):
            raise Refusal(
                "growth",
                f"shape {self.growth.shape}",
                f"({len(self.names)} members, paths, 1 + points)",
            )
        if not np.isfinite(self.growth).all():
            raise Refusal("growth", "a number that is not finite", "finite numbers")

    @property
    def outcomes(self) -> Floats:
        """Returns over the whole path.

        Returns
        -------
        ndarray of float64, shape (paths, members)
            What one unit of capital earned.
        """
        return np.ascontiguousarray((self.growth[:, :, -1] - self.growth[:, :, 0]).T)

    @property
    def returns(self) -> Floats:
        """Returns from point to point.

        Returns
        -------
        ndarray of float64, shape (members, paths, points)
            0 where nothing was left.
        """
        before = self.growth[:, :, :-1]
        moves = np.diff(self.growth, axis=2)
        return np.divide(moves, before, out=np.zeros_like(moves), where=before > 0.0)

    def take(self, paths: NDArray[np.int64]) -> Self:
        """Return the scenarios of some paths, in their order; a path may stand twice."""
        market = None if self.market is None else self.market[paths]
        return replace(self, growth=self.growth[:, paths], market=market)
