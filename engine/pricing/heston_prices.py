"""European option prices of the Heston model from its characteristic function."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import Refusal
from engine.pricing.characteristic import characteristic_price

__all__ = ["check_heston", "heston_characteristic", "heston_price"]

Array = NDArray[np.float64]
Complex = NDArray[Any]


def heston_price(
    spot: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    *,
    v0: float,
    kappa: float,
    theta: float,
    xi: float,
    rho: float,
    rate: ArrayLike = 0.0,
    dividend: ArrayLike = 0.0,
    call: ArrayLike = True,
    tolerance: float = 1e-14,
) -> Array:
    r"""Price of European options under Heston's stochastic volatility.

    Parameters
    ----------
    spot, strike : array_like
        Price of the underlying and strike; all arguments but the model's parameters broadcast.
    years : array_like
        Time to expiry in years. Strikes of one expiry share the work.
    v0, kappa, theta, xi, rho : float
        Variance now, its speed of reversion, long-run level and volatility, and its correlation
        with the price.
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
    :math:`C = S e^{-qT} - \frac{\sqrt{SK}e^{-(r+q)T/2}}{\pi} \int_0^\infty
    \mathrm{Re}[e^{iuk} \phi(u - i/2)] \frac{du}{u^2 + 1/4}` with
    :math:`k = \ln(S/K) + (r-q)T` [1]_, by the trapezoid rule, which converges exponentially for
    this integrand; the characteristic function is in the form without branch cuts [2]_.

    References
    ----------
    .. [1] Lewis, A. (2001). A simple option formula for general jump-diffusion and other
       exponential Levy processes.
    .. [2] Albrecher, H., Mayer, P., Schoutens, W., Tistaert, J. (2007). The little Heston trap.

    Examples
    --------
    >>> import engine as mc
    >>> model = {"v0": 0.04, "kappa": 1.5, "theta": 0.04, "xi": 0.5, "rho": -0.7}
    >>> mc.heston_price(100.0, [90.0, 100.0], 0.5, **model).round(4)
    array([12.1302,  5.119 ])
    """
    model = {"v0": v0, "kappa": kappa, "theta": theta, "xi": xi, "rho": rho}
    check_heston(model)

    def characteristic(z: Complex, t: float) -> Complex:
        return heston_characteristic(z, t, **model)

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


def check_heston(model: dict[str, float]) -> None:
    """Refuse parameters outside their bounds."""
    for name, value in model.items():
        if name != "rho" and not value >= 0.0:
            raise Refusal(name, f"{value}", "0 or more")
    if not abs(model["rho"]) <= 1.0:
        raise Refusal("rho", f"{model['rho']}", "-1 to 1")


def heston_characteristic(
    u: Complex, years: float, *, v0: float, kappa: float, theta: float, xi: float, rho: float
) -> Complex:
    """Characteristic function of the log of the price over its forward, at complex arguments.

    Written so that nothing cancels when the volatility of variance is small.
    """
    z = np.asarray(u, dtype=np.complex128)
    b = kappa - 1j * rho * xi * z
    square = z * z + 1j * z
    d = np.sqrt(b * b + xi * xi * square)
    # (b - d) / xi^2, from b^2 - d^2 = -xi^2 (z^2 + iz)
    low = -square / (b + d)
    g = xi * xi * low / (b + d)
    decay = np.exp(-d * years)
    ratio = (1.0 - decay) / (1.0 - g * decay)
    shift = g * (1.0 - decay) / (1.0 - g)
    if xi * xi * kappa * theta < 1e-12:
        # log(1 + shift) / xi^2 to first order: shift itself is of order xi^2
        logarithm = low / (b + d) * (1.0 - decay) / (1.0 - g) * (1.0 - 0.5 * shift)
    else:
        logarithm = np.asarray(np.log1p(shift) / (xi * xi), dtype=np.complex128)
    exponent = kappa * theta * (low * years - 2.0 * logarithm) + v0 * low * ratio
    return np.asarray(np.exp(exponent))
