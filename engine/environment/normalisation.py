"""Means and spreads of features, fitted on training data alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import Refusal

__all__ = ["Normalisation"]


@dataclass(frozen=True, eq=False)
class Normalisation:
    """What observed features are shifted and divided by: ``(value - mean) / spread``.

    That of an environment is fitted on the paths of its own seeds, those it trains on. Give it to
    the environments in which the agent is judged, ``make_env(..., normalise=train.normalisation)``,
    which then fit nothing.

    Parameters
    ----------
    names : tuple of str
        Features.
    mean, spread : ndarray of float64, shape (features,)
        Mean and standard deviation; 1 for a feature that does not vary.
    """

    names: tuple[str, ...]
    mean: NDArray[np.float64]
    spread: NDArray[np.float64]

    @classmethod
    def none(cls, names: tuple[str, ...]) -> Normalisation:
        """Return the one that leaves features as they are."""
        return cls(names, np.zeros(len(names)), np.ones(len(names)))

    @classmethod
    def fit(cls, names: tuple[str, ...], rows: Iterable[NDArray[np.float64]]) -> Normalisation:
        """Fit to rows of shape (features, bars), one block per path; undefined values are left out.

        The sums are taken about the first path's means, so that features of one level lose nothing.

        Raises
        ------
        Refusal
            If a feature has values so large that their squares are no numbers.
        """
        count = np.zeros(len(names))
        first = total = square = np.zeros(len(names))
        for place, block in enumerate(rows):
            defined = np.isfinite(block)
            filled = np.where(defined, block, 0.0)
            if place == 0:
                seen = np.maximum(defined.sum(axis=1), 1)
                first = filled.sum(axis=1) / seen
            apart = np.where(defined, block - first[:, None], 0.0)
            count = count + defined.sum(axis=1)
            total = total + apart.sum(axis=1)
            with np.errstate(over="ignore"):
                square = square + (apart * apart).sum(axis=1)
            if not np.isfinite(square).all():
                name, largest = names[int(np.argmin(np.isfinite(square)))], np.abs(apart).max()
                raise Refusal(
                    "features",
                    f"{name}, which is {largest:.0e} from its mean on a path",
                    "values whose squares are numbers",
                    hint="its source's parameters may be another unit's",
                )
        seen = np.maximum(count, 1.0)
        mean = total / seen
        variance = np.maximum(square / seen - mean * mean, 0.0)
        spread = np.sqrt(variance)
        # A constant feature is told apart from rounding by its size.
        constant = spread <= 1e-12 * np.maximum(np.abs(first + mean), 1.0)
        return cls(names, first + mean, np.where(constant, 1.0, spread))

    def checked(self, names: tuple[str, ...]) -> Normalisation:
        """Return it, if it is of these features.

        Raises
        ------
        Refusal
            If it is not.
        """
        if self.names != names:
            other = next((name for name in self.names if name not in names), "another order")
            raise Refusal("normalise", f"that of {other}", f"one of {', '.join(names)}")
        return self

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values, for JSON."""
        return {
            "names": list(self.names),
            "mean": self.mean.tolist(),
            "spread": self.spread.tolist(),
        }
