"""Heston model from an option surface: least squares of implied volatilities."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.calibration.calibration import Calibration
from engine.calibration.option_surface import OptionSurface
from engine.calibration.surface_fit import SurfaceModel, fit_surface
from engine.calibration.surface_quotes import QuoteWeights
from engine.calibration.transforms import Transforms

__all__ = ["HESTON_SURFACE", "heston_from_surface"]

Array = NDArray[np.float64]


def _guesses(near: float, far: float, inner: Array) -> list[Array]:
    """Speeds, volatilities and correlations at the level of the quotes."""
    shapes = ((1.5, 0.5, -0.7), (4.0, 1.0, -0.5), (0.5, 0.3, -0.3), (2.0, 0.6, 0.3))
    return [np.array([near, kappa, far, xi, rho]) for kappa, xi, rho in shapes]


#: The model as the fit needs it.
HESTON_SURFACE: Final = SurfaceModel(
    name="heston",
    names=("v0", "kappa", "theta", "xi", "rho"),
    reported=("kappa", "theta", "xi", "rho", "v0"),
    lower=np.array([1e-5, 0.01, 1e-5, 0.01, -0.999]),
    upper=np.array([4.0, 50.0, 4.0, 10.0, 0.999]),
    transforms=Transforms(("log", "log", "log", "log", "atanh")),
    guesses=_guesses,
)


def heston_from_surface(
    surface: OptionSurface,
    *,
    mu: float | None = None,
    narrowest: float = 1e-4,
    weights: QuoteWeights = "equal",
) -> Calibration:
    r"""Fit the Heston model to implied volatilities.

    Parameters
    ----------
    surface : OptionSurface
        The quotes. The out-of-the-money option of each strike is used; where only the other is
        quoted, put-call parity makes one of it.
    mu : float, optional
        Real-world drift, which options do not determine; by default the carry that the forwards
        imply.
    narrowest : float
        Quotes with less vega than this share of the spot are left out.
    weights : {"equal", "vega", "spread"}
        What an error of implied volatility counts for: the same everywhere; in proportion to the
        quote's vega, so that price errors count the same; in inverse proportion to its spread.

    Returns
    -------
    Calibration
        ``diagnostics`` has `rmse_volatility`, the root mean square error of implied volatility
        over the `quotes_used`, each once whatever the weights.

    Raises
    ------
    ValueError
        If quotes are too few, all of one expiry or of fewer than three strikes, leave a parameter
        open, or are missed by more than a quarter of their mean volatility.

    Notes
    -----
    Residuals are :math:`\sigma_{BS}(\mathrm{model\ price}) - \sigma_{BS}(\mathrm{quote})`, inverted
    exactly at every step, with the derivative of the model price over the vega at the model's
    volatility; steps are those of Levenberg and Marquardt in logarithms of the parameters. The best
    of several fixed starts is returned. Errors are those of nonlinear least squares, as if
    quote errors were independent; a parameter on its bound has none.
    """
    return fit_surface(HESTON_SURFACE, surface, mu=mu, narrowest=narrowest, weights=weights)
