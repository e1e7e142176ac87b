"""Which part of the history an estimate uses, and with which weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engine.errors import Refusal
from engine.models import BUILT_IN, calibrated_on

__all__ = ["Window"]


@dataclass(frozen=True)
class Window:
    """Estimation window.

    Parameters
    ----------
    kind : {"full", "expanding", "rolling", "exponential"}
        ``full`` and ``expanding`` use everything up to the as-of date with equal weights (an
        expanding window is a full one that is recalibrated as dates pass); ``rolling`` the last
        `years`; ``exponential`` everything with weights that halve every `years`.
    years : float
        Length of a rolling window or half-life of an exponential one, in years of 365.25 days.

    Raises
    ------
    ValueError
        If the kind is unknown, or `years` is missing or superfluous.
    """

    kind: Literal["full", "expanding", "rolling", "exponential"] = "full"
    years: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in ("full", "expanding", "rolling", "exponential"):
            raise Refusal("window", repr(self.kind), "full, expanding, rolling:Ny, exponential:Ny")
        if self.kind in ("rolling", "exponential") and not self.years > 0.0:
            raise Refusal(f"window {self.kind} years", str(self.years), "> 0")
        if self.kind in ("full", "expanding") and self.years != 0.0:
            raise Refusal(f"window {self.kind} years", str(self.years), "0")

    @classmethod
    def parse(cls, text: str | Window) -> Window:
        """Read ``"full"``, ``"expanding"``, ``"rolling:5y"`` or ``"exponential:0.5y"``."""
        if isinstance(text, Window):
            return text
        kind, _, length = text.partition(":")
        years = 0.0
        if length:
            try:
                years = float(length.removesuffix("y"))
            except ValueError:
                raise Refusal(
                    "window", repr(text), "full, expanding, rolling:Ny, exponential:Ny"
                ) from None
        return cls(kind, years)  # type: ignore[arg-type]

    def __str__(self) -> str:
        return self.kind if self.years == 0.0 else f"{self.kind}:{self.years:g}y"

    def require_equal_weights(self, what: str) -> None:
        """Refuse exponential weights where an estimator does not accept them.

        Raises
        ------
        ValueError
            If the window is exponential; `what` names what is estimated.
        """
        if self.kind == "exponential":
            raise Refusal(
                f"window of {what}",
                str(self),
                "full, expanding, rolling:Ny (exponential weights are for "
                f"{', '.join(_weighted())} on bars)",
            )

    def weights(self, timestamps: NDArray[np.int64], end: int) -> NDArray[np.float64]:
        """Weight of each observation: 0 outside the window, at most 1.

        Parameters
        ----------
        timestamps : ndarray of int64, shape (n,)
            Instants of the observations in microseconds.
        end : int
            Instant the window ends at; the age of an observation counts from here.
        """
        age = (end - timestamps) / (365.25 * 86_400_000_000.0)
        if self.kind == "rolling":
            return (age < self.years).astype(np.float64)
        if self.kind == "exponential":
            return np.asarray(np.exp2(-age / self.years))
        return np.ones(len(timestamps))


def _weighted() -> list[str]:
    """Names of the models whose estimators weight bars."""
    return [name for name in calibrated_on("Bars") if BUILT_IN[name].weighted]
