"""What the model sources share: options, and the two stages from shocks to bars."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from engine.sources.bar_shape import shape_bars
from engine.sources.generator import FillRequest, Generator
from engine.sources.parameter import option
from engine.sources.source import Source

__all__ = ["Model", "ModelGenerator", "Sampling"]

Sampling = Literal["random", "antithetic"]
_SAMPLING = ("random", "antithetic")
NOT_GIVEN: NDArray[np.float64] = np.empty((0, 0, 0))


class Model(Source):
    """A source that draws from a stochastic model.

    Parameters
    ----------
    steps : int, optional
        Bars of each path, where `prepare` or `paths` is not told.
    volume : float or sequence of float
        Volume of every bar; from a sequence (a calibrated history) each bar's is drawn at random.
    sampling : {"random", "antithetic"}
        How the paths of one seed are drawn.
    """

    steps: int | None = option(None, "Bars of each path.")
    volume: Any = option(1e6, "Volume of every bar, or volumes to draw from.")
    sampling: Sampling = option("random", "How the paths of one seed are drawn.")

    factors = 1

    def season_levels(self, dt: float, steps: int) -> NDArray[np.float64]:
        """Season to add to each log close; empty where the model has none."""
        return np.empty(0)

    def __post_init__(self) -> None:
        volume = np.atleast_1d(np.asarray(self.volume, dtype=np.float64))
        if volume.ndim != 1 or volume.size == 0 or not np.isfinite(volume).all():
            raise ValueError(f"volume: found {self.volume!r}, allowed finite numbers >= 0")
        if (volume < 0).any():
            raise ValueError(f"volume: found {volume.min():g}, allowed >= 0")
        object.__setattr__(self, "volume", volume)
        if self.sampling not in _SAMPLING:
            raise ValueError(f"sampling: found {self.sampling!r}, allowed {', '.join(_SAMPLING)}")
        super().__post_init__()


class ModelGenerator(Generator):
    """Runs a model's kernel, which writes log prices, then shapes them into bars.

    Parameters
    ----------
    model : Model
        The source.
    request : FillRequest
        What to fill.
    kernel : callable
        ``kernel(seeds, path_ids, antithetic, given, constants, out, ohlc)``.
    constants : ndarray of float64
        What the kernel needs of parameters and dt, computed without the C library.
    """

    def __init__(
        self,
        model: Model,
        request: FillRequest,
        kernel: Callable[..., None],
        constants: NDArray[np.float64],
        *,
        lanes: int = 1,
    ) -> None:
        self.symbols = model.symbols
        self.states = model.states
        self.steps = request.steps
        self.dt = request.dt
        self.lanes = lanes
        self._kernel = kernel
        self._constants = constants
        self._start = np.array(request.s0)
        self._ohlc = request.ohlc
        self._volume: NDArray[np.float64] = model.volume
        self._season = model.season_levels(request.dt, request.steps)
        self._antithetic = model.sampling == "antithetic"
        if self._antithetic and request.paths_per_seed % 2:
            raise ValueError(
                f"paths_per_seed: found {request.paths_per_seed}, "
                "allowed an even number for antithetic sampling"
            )

    def fill(
        self,
        seeds: NDArray[np.uint64],
        path_ids: NDArray[np.uint64],
        out: NDArray[np.float64],
        scratch: Any,
    ) -> None:
        """Write paths; see `Generator.fill`."""
        self._kernel(seeds, path_ids, self._antithetic, NOT_GIVEN, self._constants, out, self._ohlc)
        shape_bars(
            seeds,
            path_ids,
            self._antithetic,
            self._start,
            self._season,
            self._volume,
            out,
            self._ohlc,
        )
