"""European option prices of the Bates model from its characteristic function."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import Refusal
from engine.pricing.characteristic import characteristic_price
from engine.pricing.heston_prices import check_heston, heston_characteristic

__all__ = ["bates_characteristic", "bates_price"]

Array = NDArray[np.float64]
Complex = NDArray[Any]

_LARGEST_EXPONENT = 600.0


def bates_price(
    spot: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    *,
    v0: float,
    kappa: float,
    theta: float,
    xi: float,
    rho: float,
    jump_intensity: float,
    mean_log_jump: float,
    jump_vol: float,
    rate: ArrayLike = 0.0,
    dividend: ArrayLike = 0.0,
    call: ArrayLike = True,
    tolerance: float = 1e-14,
) -> Array:
    r"""Price of European options under Bates's stochastic volatility with jumps.

    Parameters
    ----------
    spot, strike : array_like
        Price of the underlying and strike; all arguments but the model's parameters broadcast.
    years : array_like
        Time to expiry in years. Strikes of one expiry share the work.
    v0, kappa, theta, xi, rho : float
        Variance of the diffusion now, per year, its speed of reversion, long-run level and
        volatility, and its correlation with the price.
    jump_intensity : float
        Expected jumps per year under the pricing measure.
    mean_log_jump, jump_vol : float
        Mean and standard deviation of a jump of the log price.
    rate, dividend : array_like
        Continuously compounded; for an option on a future set both to the same rate.
    call : array_like of bool
        Call or put.
    tolerance : float
        Size below which the integrand is cut off, relative to the strike.

    Returns
    -------
    ndarray of float64, shape (...)
        NaN where spot or strike is not positive or the option has expired.

    Raises
    ------
    Refusal
        If a parameter of the model is outside its bounds; if all other arguments are single numbers
        and one of them is impossible.

    Notes
    -----
    The transform of `heston_price`, with the characteristic function of `Heston` times
    :math:`\exp(\lambda T (e^{imz - \delta^2 z^2 / 2} - 1 - iz\bar{k}))`,
    :math:`\bar{k} = e^{m + \delta^2 / 2} - 1` [1]_: `heston_price` where
    :math:`\lambda = 0`, `merton_price` where the variance stays where it is. Parameters are those
    of the source `Bates`.

    References
    ----------
    .. [1] Bates, D. (1996). Jumps and stochastic volatility: exchange rate processes implicit in
       Deutsche Mark options. Review of Financial Studies 9, 69-107.

    Examples
    --------
    >>> import engine as mc
    >>> variance = {"v0": 0.04, "kappa": 1.5, "theta": 0.04, "xi": 0.5, "rho": -0.7}
    >>> jumps = {"jump_intensity": 0.5, "mean_log_jump": -0.1, "jump_vol": 0.15}
    >>> mc.bates_price(100.0, [90.0, 100.0], 0.5, **variance, **jumps).round(4)
    array([12.8539,  6.0993])
    """
    variance = {"v0": v0, "kappa": kappa, "theta": theta, "xi": xi, "rho": rho}
    check_heston(variance)
    for name, value in (("jump_intensity", jump_intensity), ("jump_vol", jump_vol)):
        if not 0.0 <= value < math.inf:
            raise Refusal(name, f"{value}", "0 or more")
    if not math.isfinite(mean_log_jump):
        raise Refusal("mean_log_jump", f"{mean_log_jump}", "a finite number")
    if mean_log_jump + 0.5 * jump_vol**2 > _LARGEST_EXPONENT:
        raise Refusal(
            "jump_vol",
            f"{jump_vol:g} with mean_log_jump {mean_log_jump:g}",
            f"mean_log_jump + jump_vol^2 / 2 <= {_LARGEST_EXPONENT:g}",
        )
    model = variance | {
        "jump_intensity": jump_intensity,
        "mean_log_jump": mean_log_jump,
        "jump_vol": jump_vol,
    }

    def characteristic(z: Complex, t: float) -> Complex:
        return bates_characteristic(z, t, **model)

    return characteristic_price(
        characteristic,
        spot=spot,
        strike=strike,
        years=years,
        rate=rate,
        dividend=dividend,
        call=call,
        tolerance=tolerance,
    )


def bates_characteristic(
    u: Complex,
    years: float,
    *,
    v0: float,
    kappa: float,
    theta: float,
    xi: float,
    rho: float,
    jump_intensity: float,
    mean_log_jump: float,
    jump_vol: float,
) -> Complex:
    """Characteristic function of the log of the price over its forward, at complex arguments."""
    z = np.asarray(u, dtype=np.complex128)
    diffusion = heston_characteristic(z, years, v0=v0, kappa=kappa, theta=theta, xi=xi, rho=rho)
    growth = math.expm1(mean_log_jump + 0.5 * jump_vol**2)
    jump = np.expm1(1j * mean_log_jump * z - 0.5 * (jump_vol * z) ** 2) - 1j * growth * z
    return np.asarray(diffusion * np.exp(jump_intensity * years * jump))
