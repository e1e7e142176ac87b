"""Maps between bounded parameters and the optimiser's unbounded variables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["Transforms"]

Array = NDArray[np.float64]
Kind = Literal["log", "atanh", "logit", "linear"]


@dataclass(frozen=True)
class Transforms:
    """One map per parameter.

    Parameters
    ----------
    kinds : tuple of str
        ``log`` for positive parameters, ``atanh`` for correlations in (-1, 1), ``logit`` for
        probabilities in (0, 1), ``linear`` for the rest.
    """

    kinds: tuple[Kind, ...]

    def to_theta(self, natural: Array) -> Array:
        """Optimiser's variables of these parameters."""
        theta = np.array(natural, dtype=np.float64)
        for i, kind in enumerate(self.kinds):
            if kind == "log":
                theta[i] = np.log(theta[i])
            elif kind == "atanh":
                theta[i] = np.arctanh(theta[i])
            elif kind == "logit":
                theta[i] = np.log(theta[i] / (1.0 - theta[i]))
        return theta

    def to_natural(self, theta: Array) -> Array:
        """Parameters of these optimiser's variables."""
        natural = np.array(theta, dtype=np.float64)
        for i, kind in enumerate(self.kinds):
            if kind == "log":
                natural[i] = np.exp(natural[i])
            elif kind == "atanh":
                natural[i] = np.tanh(natural[i])
            elif kind == "logit":
                natural[i] = 1.0 / (1.0 + np.exp(-natural[i]))
        return natural

    def slope(self, natural: Array) -> Array:
        """Differentiate each parameter with respect to its variable."""
        slope = np.ones(len(natural))
        for i, kind in enumerate(self.kinds):
            if kind == "log":
                slope[i] = natural[i]
            elif kind == "atanh":
                slope[i] = 1.0 - natural[i] ** 2
            elif kind == "logit":
                slope[i] = natural[i] * (1.0 - natural[i])
        return slope
