"""A deterministic season on top of a commodity's log price."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.compiled import fma, kernel
from engine.compiled.elementary import sincos_fast
from engine.errors import Refusal
from engine.sources.model import Model
from engine.sources.parameter import option

__all__ = ["SeasonalModel", "season"]

_HALF_PI = 1.5707963267948966


class SeasonalModel(Model):
    """A model whose log price may carry a yearly season.

    Parameters
    ----------
    seasonality : sequence of (float, float)
        Cosine and sine amplitude, in log price, of one cycle per year, two cycles, and so on:
        ``f(t) = sum_k a_k cos(2 pi k t) + b_k sin(2 pi k t)``. The model's own dynamics hold for
        ``ln S - f``.
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
            raise Refusal(
                "seasonality", repr(self.seasonality), "pairs of finite numbers"
            ) from error
        if not np.isfinite(table).all():
            raise Refusal("seasonality", repr(self.seasonality), "pairs of finite numbers")
        object.__setattr__(self, "seasonality", tuple(map(tuple, table.tolist())))
        if not 0.0 <= self.year_fraction <= 1.0:
            raise Refusal("year_fraction", str(self.year_fraction), "0 to 1")

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
