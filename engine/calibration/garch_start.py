"""Today's variance of a history, filtered by GARCH, for sources that have no state of their own."""

from __future__ import annotations

from datetime import date

from engine.bars import Bars
from engine.calibration.garch import estimate_garch
from engine.calibration.window import Window
from engine.sources.variance_start import VarianceStart

__all__ = ["garch_start"]


def garch_start(
    bars: Bars, *, as_of: date | None = None, window: str | Window = "full"
) -> VarianceStart:
    """Filter the variance of the bar after a history.

    Parameters
    ----------
    bars : Bars
        The history: 500 returns or more.
    as_of : datetime.date, optional
        Later bars are ignored.
    window : str or Window
        ``full``, ``expanding`` or ``rolling:Ny``.

    Returns
    -------
    VarianceStart
        For the option `start_variance` of `GBM` and `Bootstrap`.

    Raises
    ------
    ValueError
        If the history does not suffice, see `estimate_garch`.

    Examples
    --------
    >>> import numpy as np
    >>> import engine as mc
    >>> path = mc.GARCH().paths(seeds=[2], steps=2000).values[0, 0]
    >>> bars = mc.Bars("SIM", np.arange(2000) * 86_400_000_000, *path[:5])
    >>> start = mc.garch_start(bars)
    >>> 0.9 < start.persistence < 1.0
    True
    """
    found = estimate_garch(bars, as_of=as_of, window=window)
    # An optimiser stops where what is left to gain is rounding; a path must not depend on that.
    return VarianceStart(
        variance=float(f"{found.parameters['v0']:.4g}"),
        persistence=round(float(found.diagnostics["persistence"]), 5),
        bar_years=1.0 / bars.calendar.bars_per_year,
    )
