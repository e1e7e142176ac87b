"""Bates model from an option surface: least squares of implied volatilities."""

from __future__ import annotations

from datetime import date

import numpy as np
from numpy.typing import NDArray

from engine.calibration.calibration import Calibration
from engine.calibration.heston_surface import HESTON_SURFACE
from engine.calibration.option_surface import OptionSurface
from engine.calibration.surface_fit import SurfaceModel, fit_surface
from engine.calibration.surface_quotes import QuoteWeights
from engine.calibration.transforms import Transforms
from engine.errors import Refusal

__all__ = ["estimate_bates"]

Array = NDArray[np.float64]

_JUMPS = ("jump_intensity", "mean_log_jump", "jump_vol")


def estimate_bates(
    data: OptionSurface,
    *,
    as_of: date | None = None,
    mu: float | None = None,
    narrowest: float = 1e-4,
    weights: QuoteWeights = "equal",
) -> Calibration:
    r"""Estimate the Bates model from the prices of options.

    Parameters
    ----------
    data : OptionSurface
        The quotes; jumps show in the smiles of short expiries.
    as_of : datetime.date, optional
        Not before the date of the quotes.
    mu, narrowest, weights
        See `heston_from_surface`.

    Returns
    -------
    Calibration
        ``mu``, ``kappa``, ``theta``, ``xi``, ``rho``, ``v0``, ``jump_intensity``,
        ``mean_log_jump``, ``jump_vol``; variance as the start state. ``diagnostics`` has
        `rmse_volatility`, and `rmse_volatility_of_heston` of the best fit without jumps.

    Raises
    ------
    ValueError
        If quotes are fewer than eleven, all of one expiry or of fewer than three strikes, leave a
        parameter open, or are missed by more than a quarter of their mean volatility.

    Notes
    -----
    The fit of `heston_from_surface`, begun from the best Heston fit with several kinds of jumps
    beside it, with the exact gradient of the characteristic function of `bates_price`. Parameters
    are those of the pricing measure.
    """
    if as_of is not None and as_of < data.as_of:
        raise Refusal("as_of", str(as_of), f">= {data.as_of}, the quotes' date")
    return fit_surface(_BATES_SURFACE, data, mu=mu, narrowest=narrowest, weights=weights)


def _guesses(near: float, far: float, inner: Array) -> list[Array]:
    """Jumps of several kinds beside the best diffusion, which leaves them some variance."""
    calmer = inner * np.array([0.8, 1.0, 0.8, 0.8, 1.0])
    kinds = ((0.5, -0.15, 0.1), (3.0, -0.04, 0.05), (0.1, -0.4, 0.2), (0.5, 0.1, 0.1))
    return [np.append(calmer, jumps) for jumps in kinds]


_BATES_SURFACE = SurfaceModel(
    name="bates",
    names=(*HESTON_SURFACE.names, *_JUMPS),
    reported=(*HESTON_SURFACE.reported, *_JUMPS),
    lower=np.append(HESTON_SURFACE.lower, [1e-3, -1.5, 1e-3]),
    upper=np.append(HESTON_SURFACE.upper, [50.0, 1.0, 1.0]),
    transforms=Transforms((*HESTON_SURFACE.transforms.kinds, "log", "linear", "log")),
    guesses=_guesses,
    extends=HESTON_SURFACE,
)
