"""A deterministic season on top of a commodity's log price."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from engine.bars import Bars
from engine.compiled import fma, kernel
from engine.compiled.elementary import sincos_fast
from engine.errors import Refusal
from engine.sources.model import Model
from engine.sources.parameter import option

__all__ = ["SeasonalModel", "season", "season_names"]

_HALF_PI = 1.5707963267948966
_PAIRS = "pairs of finite numbers, or none and a calibration whose options say `seasonality: auto`"
_SCALAR = re.compile(r"season_(cos|sin)_[1-9]\d*")


def season_names(cycles: int) -> tuple[str, ...]:
    """Return the amplitudes of a season by name: ``season_cos_1``, ``season_sin_1`` and so on."""
    return tuple(f"season_{kind}_{k}" for k in range(1, cycles + 1) for kind in ("cos", "sin"))


class SeasonalModel(Model):
    """A model whose log price may carry a yearly season.

    Parameters
    ----------
    seasonality : sequence of (float, float)
        Cosine and sine amplitude, in log price, of one cycle per year, two cycles, and so on:
        ``f(t) = sum_k a_k cos(2 pi k t) + b_k sin(2 pi k t)``. The model's own dynamics hold for
        ``ln S - f``. As scalars (`values`, calibrations) they are ``season_cos_1``,
        ``season_sin_1``, ``season_cos_2`` and so on.
    year_fraction : float
        Time of the start within the year, 0 to 1.
    """

    seasonality: Any = option((), "Cosine and sine amplitudes of the yearly season.")
    year_fraction: float = option(0.0, "Time of the start within the year.")

    def validate(self) -> None:
        """Check the season."""
        try:
            table = np.array(self.seasonality, dtype=np.float64).reshape(-1, 2)
        except ValueError as error:
            raise Refusal("seasonality", repr(self.seasonality), _PAIRS) from error
        if not np.isfinite(table).all():
            raise Refusal("seasonality", repr(self.seasonality), _PAIRS)
        object.__setattr__(self, "seasonality", tuple(map(tuple, table.tolist())))
        if not 0.0 <= self.year_fraction <= 1.0:
            raise Refusal("year_fraction", str(self.year_fraction), "0 to 1")

    @classmethod
    def from_values(
        cls, values: Mapping[str, Any], bars: tuple[Bars, ...] = (), **options: Any
    ) -> Self:
        """Make the source by names; a season from its amplitudes as scalars, too."""
        scalars = {name: values[name] for name in values if _SCALAR.fullmatch(name)}
        rest = {name: value for name, value in values.items() if name not in scalars}
        if scalars:
            options["seasonality"] = _pairs(scalars)
        return super().from_values(rest, bars, **options)

    @property
    def values(self) -> dict[str, float]:
        """Parameter values by name, the season's amplitudes among them."""
        names = season_names(len(self.seasonality))
        amplitudes = [amplitude for pair in self.seasonality for amplitude in pair]
        return super().values | dict(zip(names, amplitudes, strict=True))

    def with_parameters(self, **values: float) -> Self:
        """Return the same source with some parameters, or amplitudes of its season, changed."""
        scalars = {name: values[name] for name in values if _SCALAR.fullmatch(name)}
        moved = super().with_parameters(**{n: v for n, v in values.items() if n not in scalars})
        if not scalars:
            return moved
        own = {name: value for name, value in self.values.items() if _SCALAR.fullmatch(name)}
        return dataclasses.replace(moved, seasonality=_pairs(own | scalars))

    def with_start_state(self, state: Mapping[str, float]) -> Self:
        """Return the same source started from a calibration's `year_fraction`."""
        own = {name: value for name, value in state.items() if name != "year_fraction"}
        moved = super().with_start_state(own)
        if "year_fraction" in state:
            moved = dataclasses.replace(moved, year_fraction=float(state["year_fraction"]))
        return moved

    def season_between(self, dt: float, steps: int) -> NDArray[np.float64]:
        """Season at the start and at the close of each of `steps` bars; zeros where there is none.

        Returns
        -------
        ndarray of float64, shape (steps + 1,)
            In log price.
        """
        return season(self._amplitudes(), self.year_fraction, dt, steps)

    def season_at_start(self) -> float:
        """Season in log price at the start of a path."""
        return float(season(self._amplitudes(), self.year_fraction, 1.0, 0)[0])

    def season_levels(self, dt: float, steps: int) -> NDArray[np.float64]:
        """Season at each bar's close over that at the start; empty where there is none."""
        if not self.seasonality:
            return np.empty(0)
        levels = season(self._amplitudes(), self.year_fraction, dt, steps)
        above: NDArray[np.float64] = levels[1:] - levels[0]
        return above

    def _amplitudes(self) -> NDArray[np.float64]:
        return np.array(self.seasonality, dtype=np.float64).reshape(-1, 2)


def _pairs(scalars: Mapping[str, float]) -> list[tuple[float, float]]:
    """Amplitudes by cycle; every cosine needs its sine, and every cycle those before it."""
    names = season_names(len(scalars) // 2)
    if {*names} != {*scalars}:
        raise Refusal(
            "seasonality", ", ".join(sorted(scalars)), "season_cos_k, season_sin_k from 1"
        )
    numbers = [float(scalars[name]) for name in names]
    return list(zip(numbers[::2], numbers[1::2], strict=True))


@kernel
def season(
    amplitudes: NDArray[np.float64], start: float, dt: float, steps: int
) -> NDArray[np.float64]:
    """Return the season at the start and after each of `steps` bars."""
    levels = np.zeros(steps + 1)
    for t in range(steps + 1):
        time = start + dt * t
        for k in range(amplitudes.shape[0]):
            turns = time * (k + 1)
            turns -= np.floor(turns)
            # Quarter turns off, so that the angle lies within [-pi/4, pi/4].
            quarter = np.floor(4.0 * turns + 0.5)
            sine, cosine = sincos_fast(fma(4.0, turns, -quarter) * _HALF_PI)
            if quarter == 1.0:
                sine, cosine = cosine, -sine
            elif quarter == 2.0:
                sine, cosine = -sine, -cosine
            elif quarter == 3.0:
                sine, cosine = -cosine, sine
            levels[t] += amplitudes[k, 0] * cosine + amplitudes[k, 1] * sine
    return levels
