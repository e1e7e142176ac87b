"""The futures curve and its volatility by time to expiry, a calibrated model beside the data."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.calibration.calibration import Calibration
from engine.calibration.curve_data import CurveData
from engine.calibration.forecast import forecast
from engine.calibration.forecast_law import factor_law
from engine.calibration.futures_panel import FuturesPanel
from engine.errors import Refusal

__all__ = ["term_structure", "volatility_term_structure"]

Array = NDArray[np.float64]


def term_structure(
    calibration: Calibration,
    panel: FuturesPanel,
    *,
    non_positive: Literal["error", "exclude"] = "error",
) -> pl.DataFrame:
    """Prices of a calibrated model on the last date of its panel, beside those observed.

    Parameters
    ----------
    calibration : Calibration
        Of ``schwartz_smith``, ``schwartz_2f`` or ``schwartz_1f`` on the panel.
    panel : FuturesPanel
        The prices; rows after the calibration's date are left out.
    non_positive : {"error", "exclude"}
        As it was given to the estimator.

    Returns
    -------
    polars.DataFrame
        By time to expiry: ``contract``, ``maturity`` in years, ``price``, the model's ``fitted``
        and its 95 % band ``low`` to ``high`` by the errors of parameters and states.

    Raises
    ------
    ValueError
        If the calibration was made on bars, or failed.

    Examples
    --------
    >>> import engine as mc
    >>> rng = np.random.default_rng(1)
    >>> spot = 60.0 * np.exp(0.03 * rng.standard_normal((90, 1)).cumsum(axis=0))
    >>> noise = np.exp(0.004 * rng.standard_normal((90, 3)))
    >>> panel = mc.FuturesPanel.from_arrays(spot * noise, [0.1, 0.5, 1.0], dt=1 / 52)
    >>> mc.term_structure(mc.calibrate("schwartz_1f", panel), panel)["maturity"].to_list()
    [0.1, 0.5, 1.0]
    """
    data = _data(calibration, panel, non_positive)
    seen = np.flatnonzero(~np.isnan(data.y[-1]))
    order = seen[np.argsort(data.years[-1, seen], kind="stable")]
    contracts = {data.panel.labels[j]: float(data.years[-1, j]) for j in order}
    today = forecast(calibration, 0.0, contracts=contracts)
    return pl.DataFrame(
        {
            "contract": list(contracts),
            "maturity": list(contracts.values()),
            "price": np.exp(data.y[-1, order]),
            "fitted": today.path_low[1:, 0],
            "low": today.low[1:, 0],
            "high": today.high[1:, 0],
        }
    )


def volatility_term_structure(
    calibration: Calibration,
    panel: FuturesPanel,
    *,
    groups: int = 8,
    non_positive: Literal["error", "exclude"] = "error",
) -> pl.DataFrame:
    r"""Volatility of futures by time to expiry: the model's beside that of the panel's changes.

    Parameters
    ----------
    calibration, panel, non_positive
        As of `term_structure`.
    groups : int
        At most as many groups of similar time to expiry, of equal size.

    Returns
    -------
    polars.DataFrame
        ``maturity``, the mean of the group in years; ``n`` changes of log prices, their annual
        ``volatility`` about zero and its ``std_error``; and the model's ``fitted`` at that time to
        expiry, without errors of measurement.

    Raises
    ------
    ValueError
        As of `term_structure`, or if the panel has no two rows of one contract.

    Notes
    -----
    A change counts where a column's time to expiry is less by the time between the rows, or, at
    constant maturity, the same: where a column rolls to the next contract there is none. The model
    has :math:`\sqrt{e^{-2\kappa\tau} \sigma_\chi^2 + \sigma_\xi^2 + 2 e^{-\kappa\tau} \rho
    \sigma_\chi \sigma_\xi}` [1]_; the error :math:`\sigma / \sqrt{2 n}` counts changes as
    independent, which those of one day are not.

    References
    ----------
    .. [1] Schwartz, E., Smith, J. (2000), equation (10). Management Science 46, 893-911.

    Examples
    --------
    >>> import engine as mc
    >>> rng = np.random.default_rng(1)
    >>> spot = 60.0 * np.exp(0.03 * rng.standard_normal((90, 1)).cumsum(axis=0))
    >>> noise = np.exp(0.004 * rng.standard_normal((90, 3)))
    >>> panel = mc.FuturesPanel.from_arrays(spot * noise, [0.1, 0.5, 1.0], dt=1 / 52)
    >>> found = mc.volatility_term_structure(mc.calibrate("schwartz_1f", panel), panel)
    >>> found["n"].to_list()
    [89, 89, 89]
    """
    if groups < 1:
        raise Refusal("groups", repr(groups), ">= 1")
    data = _data(calibration, panel, non_positive)
    step = data.elapsed_years[1:, None]
    shorter = data.years[:-1] - data.years[1:]
    # Within three days, for weekends and clocks; a roll makes the time longer, by weeks or more.
    one = (np.abs(shorter - step) < 3.0 / 365.0) | (shorter == 0.0)
    moves = np.diff(data.y, axis=0) / np.sqrt(step)
    counted = one & ~np.isnan(moves)
    if not counted.any():
        raise Refusal(f"{panel.symbol} panel", "no two rows of one contract", "at least one pair")
    moves, years = moves[counted], data.years[1:][counted]
    # Equal times to expiry stay together.
    edges = np.unique(np.quantile(years, np.linspace(0.0, 1.0, groups + 1)[1:-1]))
    distinct = np.unique(years)
    own = np.searchsorted(distinct if len(distinct) <= groups else edges, years)
    used = np.unique(own)
    maturity = np.array([years[own == k].mean() for k in used])
    count = np.array([int(np.sum(own == k)) for k in used])
    volatility = np.array([math.sqrt(float(np.mean(moves[own == k] ** 2))) for k in used])
    law, _ = factor_law(calibration, draws=100, seed=0, spot=None, carry=None)
    kappa, sigma_chi, _, _, sigma_xi, _, rho = law.natural[:, 0]
    near = np.exp(-kappa * maturity) * sigma_chi
    return pl.DataFrame(
        {
            "maturity": maturity,
            "n": count,
            "volatility": volatility,
            "std_error": volatility / np.sqrt(2.0 * count),
            "fitted": np.sqrt(near**2 + sigma_xi**2 + 2.0 * rho * near * sigma_xi),
        }
    )


def _data(
    calibration: Calibration, panel: FuturesPanel, non_positive: Literal["error", "exclude"]
) -> CurveData:
    """Return the rows that a calibration was made on."""
    if not calibration.ok or "measurement_sd" not in calibration.diagnostics:
        raise Refusal(
            "calibration", f"one of {calibration.model}", "a successful one on a futures panel"
        )
    return CurveData.of(
        panel, as_of=calibration.as_of, window=calibration.window, non_positive=non_positive
    )
