"""Models whose bars are standardised innovations times a volatility that follows from the past."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from engine.bars import Bars
from engine.sources.innovations import standardised
from engine.sources.model import Model
from engine.sources.parameter import option

__all__ = ["Filtered"]


class Filtered(Model):
    """A model with innovations of the normal law or of a history, and the variance as its state.

    A model of this kind filters a history (`filtered`), and draws from what is left of it.
    """

    states = ("variance",)
    # The law of a bar is that of the bars it was estimated on.
    has_sub_bars = False

    innovations: Any = option("normal", "Law of the standardised innovations.")

    @abstractmethod
    def filtered(self, bars: Bars) -> NDArray[np.float64]:
        """Return the standardised innovations of a history at the source's parameters."""

    def _scale_innovations(self) -> None:
        object.__setattr__(self, "innovations", standardised(self.innovations, self.sampling))

    @property
    def _drawn(self) -> NDArray[np.float64]:
        """Innovations to draw from; empty for the normal law."""
        return np.empty(0) if isinstance(self.innovations, str) else self.innovations

    @classmethod
    def from_values(
        cls, values: Mapping[str, float], bars: tuple[Bars, ...] = (), **options: Any
    ) -> Self:
        """Make the source by names; ``innovations="history"`` filters those of `bars`."""
        if options.get("innovations") == "history" and bars:
            plain = super().from_values(values, bars, **(options | {"innovations": "normal"}))
            options["innovations"] = plain.filtered(bars[0])
        return super().from_values(values, bars, **options)

    @property
    def no_leg_because(self) -> str:  # type: ignore[override]
        """Why it cannot be a leg of `Correlated`; empty with normal innovations."""
        return "" if isinstance(self.innovations, str) else "its innovations are not normal"

    def with_start_state(self, state: Mapping[str, float]) -> Self:
        """Return the same source started from a calibration's `variance` of the next bar."""
        own = {name: value for name, value in state.items() if name != "variance"}
        moved = super().with_start_state(own)
        return moved.with_parameters(v0=state["variance"]) if "variance" in state else moved
