"""A source made ready for one horizon: what worker threads share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from engine.bars import BAR_FIELDS

__all__ = ["BarForm", "FillRequest", "Generator"]

#: Whether bars have simulated ranges, or only opens and closes.
BarForm: TypeAlias = Literal["ohlc", "close"]


@dataclass(frozen=True)
class FillRequest:
    """What a source is asked to be prepared for.

    Parameters
    ----------
    steps : int
        Bars of each path.
    s0 : tuple of float
        Start price of each symbol.
    dt : float
        Length of a bar in years.
    ohlc : bool
        Whether highs and lows inside the bar are drawn.
    paths_per_seed : int
        Paths that share a seed; sampling schemes balance over them.
    """

    steps: int
    s0: tuple[float, ...]
    dt: float
    ohlc: bool
    paths_per_seed: int


class Generator(ABC):
    """Fills blocks of paths; immutable, so threads share one.

    Attributes
    ----------
    symbols : tuple of str
        Second axis of a block.
    states : tuple of str
        The model's own fields, after the five of a bar.
    steps : int
        Bars of each path, those to warm up on included.
    warm_up : int
        Bars before the first that counts.
    dt : float
        Length of a bar in years.
    timestamps : ndarray of int64, shape (steps,), optional
        Opening instants, microseconds since 1970-01-01 UTC, where the source has them.
    lanes : int
        Preferred multiple of paths per fill.
    """

    symbols: tuple[str, ...]
    states: tuple[str, ...] = ()
    steps: int
    warm_up: int = 0
    dt: float
    timestamps: NDArray[np.int64] | None = None
    lanes: int = 1

    @property
    def fields(self) -> tuple[str, ...]:
        """Third axis of a block: the five fields of a bar, then the states."""
        return BAR_FIELDS + self.states

    def scratch(self, paths: int) -> Any:
        """Make the buffers one worker needs to fill up to `paths` paths at a time."""
        return None

    @abstractmethod
    def fill(
        self,
        seeds: NDArray[np.uint64],
        path_ids: NDArray[np.uint64],
        out: NDArray[np.float64],
        scratch: Any,
    ) -> None:
        """Write the paths of the given seeds and path numbers.

        Parameters
        ----------
        seeds, path_ids : ndarray of uint64, shape (n,)
            A path is a function of the two alone.
        out : ndarray of float64, shape (n, symbols, fields, steps)
            C-contiguous; every value is written. The GIL is released meanwhile.
        scratch : object
            What `scratch` returned; used by one thread at a time.
        """
