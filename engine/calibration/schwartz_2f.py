"""Schwartz two-factor model: the Schwartz-Smith estimate in terms of spot and yield."""

from __future__ import annotations

import math
from datetime import date
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engine.calibration.calibration import Calibration
from engine.calibration.curve_data import Initial, Measurement
from engine.calibration.curve_fit import state_covariance
from engine.calibration.curve_season import Seasonality
from engine.calibration.futures_panel import FuturesPanel
from engine.calibration.schwartz_smith import PARAMETERS, estimate_schwartz_smith
from engine.calibration.window import Window

__all__ = ["estimate_schwartz_2f"]

Array = NDArray[np.float64]

_NAMES = ("mu", "sigma_spot", "kappa", "alpha", "sigma_yield", "rho", "lambda_")


def estimate_schwartz_2f(
    panel: FuturesPanel,
    *,
    as_of: date | None = None,
    window: str | Window = "full",
    rate: float = 0.0,
    non_positive: Literal["error", "exclude"] = "error",
    measurement: Measurement = "per_contract",
    initial: Initial = "diffuse",
    seasonality: Seasonality = 0,
    minimum: int = 30,
) -> Calibration:
    r"""Estimate the Schwartz two-factor model from futures prices.

    Parameters
    ----------
    panel : FuturesPanel
        Futures prices; prices may be missing and maturities may vary.
    rate : float
        Riskless rate per year. Futures prices determine ``alpha - r`` and ``mu - r`` only, so it
        shifts those two.
    as_of, window, non_positive, measurement, initial, seasonality, minimum
        See `estimate_schwartz_smith`.

    Returns
    -------
    Calibration
        ``mu``, ``sigma_spot``, ``kappa``, ``alpha``, ``sigma_yield``, ``rho``, ``lambda_``, the
        given ``r`` and the filtered convenience yield ``delta0``; the amplitudes of a season.

    Notes
    -----
    The model is the Schwartz-Smith model in other variables [1]_, so its maximum likelihood
    estimate is that one's image: :math:`\sigma_1^2 = \sigma_\chi^2 + \sigma_\xi^2 + 2 \rho
    \sigma_\chi \sigma_\xi`, :math:`\sigma_2 = \kappa\sigma_\chi`, :math:`\lambda =
    \kappa\lambda_\chi`, :math:`\alpha = r + \lambda_\chi - \mu^*_\xi - \sigma_1^2/2`,
    :math:`\mu = \mu_\xi + \alpha + \sigma_1^2/2`, :math:`\delta = \alpha + \kappa\chi`.
    The covariance follows by the derivative of this map.

    References
    ----------
    .. [1] Schwartz, E., Smith, J. (2000), table 1. Management Science 46, 893-911.
    """
    smith = estimate_schwartz_smith(
        panel,
        as_of=as_of,
        window=window,
        non_positive=non_positive,
        measurement=measurement,
        initial=initial,
        seasonality=seasonality,
        minimum=minimum,
    )
    point = np.array([smith.parameters[name] for name in PARAMETERS])
    values = _image(point, rate)
    jacobian = np.empty((7, 7))
    for i in range(7):
        step = np.zeros(7)
        step[i] = 1e-6 * max(1.0, abs(point[i]))
        jacobian[:, i] = (_image(point + step, rate) - _image(point - step, rate)) / (2 * step[i])
    parameters = dict(zip(_NAMES, values.tolist(), strict=True))
    chi = smith.start_state["chi"]
    delta = parameters["alpha"] + parameters["kappa"] * chi
    # The rate is given, so its error is zero; the yield follows from level, speed and chi.
    of_smith, covariance = smith.joint_covariance()
    season = [name for name in smith.parameters if name not in PARAMETERS]
    parameters |= {"r": rate, "delta0": delta} | {name: smith.parameters[name] for name in season}
    rows = [*parameters, "convenience_yield", "spot"]
    carried = np.zeros((len(rows), len(of_smith)))
    carried[:7, :7] = jacobian
    for name in (*season, "spot"):
        carried[rows.index(name), of_smith.index(name)] = 1.0
    for name in ("delta0", "convenience_yield"):
        row = rows.index(name)
        carried[row, :7] = jacobian[_NAMES.index("alpha")] + chi * jacobian[_NAMES.index("kappa")]
        carried[row, of_smith.index("chi")] = parameters["kappa"]
    joint = carried @ covariance @ carried.T
    size = len(parameters)
    start_state = {"convenience_yield": delta, "spot": smith.start_state["spot"]}
    start_state |= {n: v for n, v in smith.start_state.items() if n == "year_fraction"}
    return Calibration.of(
        "schwartz_2f",
        symbol=smith.symbol,
        timeframe=smith.timeframe,
        as_of=smith.as_of,
        parameters=parameters,
        covariance=joint[:size, :size],
        log_likelihood=smith.log_likelihood,
        free_parameters=7 + len(season) + len(smith.diagnostics["measurement_sd"]),
        n=smith.n,
        window=smith.window,
        diagnostics=smith.diagnostics | {"schwartz_smith": smith.parameters},
        start_state=start_state,
        state_covariance=state_covariance(joint, tuple(parameters), ("convenience_yield", "spot")),
    )


def _image(point: Array, rate: float) -> Array:
    """Turn Schwartz-Smith parameters, in the order of `PARAMETERS`, into those of `_NAMES`."""
    kappa, sigma_chi, lambda_chi, mu_xi, sigma_xi, mu_star, rho = point
    variance = sigma_chi**2 + sigma_xi**2 + 2.0 * rho * sigma_chi * sigma_xi
    spot = math.sqrt(variance)
    alpha = rate + lambda_chi - mu_star - 0.5 * variance
    return np.array(
        [
            mu_xi + alpha + 0.5 * variance,
            spot,
            kappa,
            alpha,
            kappa * sigma_chi,
            (sigma_chi + rho * sigma_xi) / spot,
            kappa * lambda_chi,
        ]
    )
