"""What the model sources share: options, and the two stages from shocks to bars."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from engine.bars import Bars
from engine.errors import Refusal
from engine.sources.bar_shape import shape_bars
from engine.sources.generator import FillRequest, Generator
from engine.sources.parameter import option
from engine.sources.sampling import NOT_GIVEN, SAMPLING, Sampling, ShockNets, check_sampling
from engine.sources.source import Source

__all__ = ["Model", "ModelGenerator"]


class Model(Source):
    """A source that draws from a stochastic model.

    Parameters
    ----------
    steps : int, optional
        Bars of each path, where `prepare` or `paths` is not told.
    volume : float or sequence of float
        Volume of every bar; from a sequence (a calibrated history) each bar's is drawn at random.
        In study files ``history`` means the volumes of the symbol's bars.
    sampling : {"random", "antithetic", "moment_matching", "sobol"}
        How the ``paths_per_seed`` paths of one seed are drawn. ``antithetic``: in pairs with
        mirrored shocks. ``moment_matching``: the shocks of every step get mean 0 and variance 1
        over the paths. ``sobol``: a scrambled Sobol net with Brownian bridge construction; each
        seed is an independent scramble, so errors are estimated over seeds.
    """

    steps: int | None = option(None, "Bars of each path.")
    volume: Any = option(1e6, "Volume of every bar, or volumes to draw from.")
    sampling: Sampling = option("random", "How the paths of one seed are drawn.")

    factors = 1
    has_sub_bars = True
    no_leg_because = ""

    def __post_init__(self) -> None:
        try:
            volume = np.atleast_1d(np.array(self.volume, dtype=np.float64))
        except (TypeError, ValueError):
            volume = np.array([np.nan])
        if volume.ndim != 1 or volume.size == 0 or not np.isfinite(volume).all():
            raise Refusal("volume", repr(self.volume), "finite numbers >= 0")
        if (volume < 0).any():
            raise Refusal("volume", f"{volume.min():g}", ">= 0")
        object.__setattr__(self, "volume", volume)
        if self.sampling not in SAMPLING:
            raise Refusal("sampling", repr(self.sampling), ", ".join(SAMPLING))
        super().__post_init__()

    @classmethod
    def from_values(
        cls, values: Mapping[str, float], bars: tuple[Bars, ...] = (), **options: Any
    ) -> Self:
        """Make the source by names; ``volume="history"`` draws from the volumes of `bars`."""
        if isinstance(options.get("volume"), str):
            if options["volume"] != "history" or not bars:
                raise Refusal(
                    "volume",
                    repr(options["volume"]),
                    "a number, numbers, or 'history' for a source with a symbol",
                )
            options["volume"] = bars[0].volume
        return super().from_values(values, bars, **options)

    def season_levels(self, dt: float, steps: int) -> NDArray[np.float64]:
        """Season to add to each log close; empty where the model has none."""
        return np.empty(0)


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
    lanes : int
        Paths that the kernel steps side by side.
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
        check_sampling(model.sampling, request.paths_per_seed, model.factors * request.steps)
        self.symbols = model.symbols
        self.states = model.states
        self.steps = request.steps
        self.dt = request.dt
        self.lanes = lanes
        self._kernel = kernel
        self._constants = constants
        self._factors = model.factors
        self._points = request.paths_per_seed
        self._start = np.array(request.s0)
        self._ohlc = request.ohlc
        self._volume: NDArray[np.float64] = model.volume
        self._season = model.season_levels(request.dt, request.steps)
        self._sampling = model.sampling
        self._antithetic = model.sampling == "antithetic"

    def scratch(self, paths: int) -> Any:
        """Make room for the shocks of a seed, where they are drawn together."""
        if self._sampling in ("moment_matching", "sobol"):
            return ShockNets(self._sampling, self._points, self._factors, self.steps)
        return None

    def fill(
        self,
        seeds: NDArray[np.uint64],
        path_ids: NDArray[np.uint64],
        out: NDArray[np.float64],
        scratch: Any,
    ) -> None:
        """Write paths; see `Generator.fill`."""
        given = NOT_GIVEN if scratch is None else scratch.shocks(seeds, path_ids)
        self.fill_from(seeds, path_ids, self._antithetic, given, out)

    def fill_from(
        self,
        seeds: NDArray[np.uint64],
        path_ids: NDArray[np.uint64],
        antithetic: bool,
        given: NDArray[np.float64],
        out: NDArray[np.float64],
    ) -> None:
        """Write paths from given shocks or, where there are none, from drawn ones."""
        self._kernel(seeds, path_ids, antithetic, given, self._constants, out, self._ohlc)
        shape_bars(
            seeds,
            path_ids,
            antithetic,
            self._start,
            self._season,
            self._volume,
            out,
            self._ohlc,
        )
