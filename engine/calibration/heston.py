"""Heston model: from an option surface, or from the history of bars."""

from __future__ import annotations

from datetime import date
from typing import Literal

from engine.bars import Bars
from engine.calibration.calibration import Calibration
from engine.calibration.heston_history import heston_from_history
from engine.calibration.heston_surface import heston_from_surface
from engine.calibration.option_surface import OptionSurface
from engine.calibration.sample import SpotSample
from engine.calibration.surface_quotes import QuoteWeights
from engine.calibration.window import Window
from engine.errors import Refusal

__all__ = ["estimate_heston"]


def estimate_heston(
    data: Bars | OptionSurface,
    *,
    as_of: date | None = None,
    window: str | Window = "full",
    non_positive: Literal["error", "exclude"] | float = "error",
    overnight: Literal["exclude", "include"] = "exclude",
    minimum: int = 250,
    mu: float | None = None,
    narrowest: float = 1e-4,
    weights: QuoteWeights = "equal",
) -> Calibration:
    r"""Estimate the Heston model.

    Parameters
    ----------
    data : Bars or OptionSurface
        Bars: moments of a variance proxy (see `heston_from_history` for the method and its
        weakness). An option surface: least squares of implied volatilities, see
        `heston_from_surface`.
    as_of, window, non_positive, overnight, minimum
        Bars only, see `SpotSample.from_bars`.
    mu : float, optional
        Option surface only: real-world drift, which options do not determine; by default the
        carry that the forwards imply.
    narrowest : float
        Option surface only: quotes with less vega than this share of the spot are left out.
    weights : {"equal", "vega", "spread"}
        Option surface only: what an error of implied volatility counts for.

    Returns
    -------
    Calibration
        ``mu``, ``kappa``, ``theta``, ``xi``, ``rho``, ``v0``; variance as the start state.

    Notes
    -----
    Parameters from a surface are those of the pricing measure.
    """
    if isinstance(data, OptionSurface):
        if as_of is not None and as_of < data.as_of:
            raise Refusal("as_of", str(as_of), f">= {data.as_of}, the quotes' date")
        return heston_from_surface(data, mu=mu, narrowest=narrowest, weights=weights)
    sample = SpotSample.from_bars(
        data,
        as_of=as_of,
        window=window,
        non_positive=non_positive,
        overnight=overnight,
        minimum=minimum,
    )
    return heston_from_history(data, sample)
