"""Margin of a position by a scan of scenarios of price and volatility."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import Refusal
from engine.options.leg_arrays import along_legs
from engine.options.scan_rules import SCAN_RULES_WIDTH, fill_scan

__all__ = ["scan_margin", "scan_rules"]

Array = NDArray[np.float64]


def scan_margin(
    spot: ArrayLike,
    strikes: ArrayLike,
    years: ArrayLike,
    units: ArrayLike,
    volatilities: ArrayLike,
    *,
    call: ArrayLike,
    price_range: float,
    volatility_shift: float,
    underlying_units: ArrayLike = 0.0,
    multiplier: float = 1.0,
    rate: float = 0.0,
    dividend: float | None = None,
    extreme: float = 3.0,
    covered: float = 0.33,
    short_minimum: float = 0.0,
    horizon: float = 1 / 365,
) -> Array:
    r"""Equity that a position ties up: its largest loss in sixteen scenarios.

    Clearing houses margin options on futures by such scans; theirs use ranges and inter-month
    charges of their own, so that this is like them and the same as none.

    Parameters
    ----------
    spot : array_like, shape (...)
        Price of the underlying future or share.
    strikes, years, units, volatilities : array_like, shape (..., legs)
        Of each leg: strike, time to expiry in years, contracts (negative: sold) and the annual
        volatility at which it is priced.
    call : array_like of bool, shape (..., legs)
        Call or put.
    price_range : float
        Largest move of an ordinary scenario, as a share of the price.
    volatility_shift : float
        Move of every volatility, as a share of itself.
    underlying_units : array_like, shape (...)
        Units of the underlying held beside the options: futures times multiplier, or shares.
    multiplier : float
        Units of the underlying per contract.
    rate : float
        Continuously compounded, for discounting.
    dividend : float, optional
        Yield of the underlying; left out, the underlying is a future.
    extreme, covered : float
        The two extreme moves, in price ranges, and the share of their loss that counts.
    short_minimum : float
        Least margin of every short option, per unit of the underlying.
    horizon : float
        Time in years that passes until the scenarios' prices.

    Returns
    -------
    ndarray of float64, shape (...)
        In account currency. The account is within its margin while equity (cash and the value of
        everything held) is at least this.

    Raises
    ------
    Refusal
        If shapes do not fit, or a setting is outside its range.

    Notes
    -----
    Moves of the price by 0, 1/3, 2/3 and 3/3 of the range up and down, each with volatility up and
    down, and two extreme moves at unchanged volatility of which a share counts [1]_. The margin is
    the largest loss, at least the short-option minimum. It is subadditive: two positions together
    never need more than each alone. A price that would fall below a millionth of itself stays
    there.

    References
    ----------
    .. [1] Chicago Mercantile Exchange, SPAN: components, "Risk Arrays" (scenarios and weights).

    Examples
    --------
    A short strangle on crude oil, 1,000 barrels a contract:

    >>> import engine as mc
    >>> legs = {"strikes": [65.0, 85.0], "years": 30 / 365, "volatilities": 0.35}
    >>> margin = mc.scan_margin(
    ...     75.0, units=[-1.0, -1.0], call=[False, True], **legs,
    ...     price_range=0.08, volatility_shift=0.25, multiplier=1000.0,
    ... )
    >>> round(float(margin), 2)
    2710.07
    """
    legs = {
        **{"strikes": strikes, "years": years, "units": units},
        **{"volatilities": volatilities, "call": call},
    }
    each = {"spot": spot, "underlying_units": underlying_units}
    shape, arrays = along_legs(legs, each)
    rules = scan_rules(
        price_range=price_range,
        volatility_shift=volatility_shift,
        extreme=extreme,
        covered=covered,
        short_minimum=short_minimum,
        horizon=horizon,
    )
    if not multiplier > 0.0:
        raise Refusal("multiplier", f"{multiplier}", "more than 0")
    for name in ("spot", "strikes"):
        if not (arrays[name] > 0.0).all():
            raise Refusal(name, f"{arrays[name].min()}", "more than 0")
    if (arrays["volatilities"] < 0.0).any():
        raise Refusal("volatilities", f"{arrays['volatilities'].min()}", "0 or more")
    out = np.empty(arrays["spot"].shape)
    fill_scan(
        arrays["spot"],
        arrays["strikes"],
        arrays["call"],
        arrays["years"],
        arrays["volatilities"],
        arrays["units"],
        arrays["underlying_units"] / multiplier,
        rate,
        rate if dividend is None else dividend,
        rules,
        out,
    )
    found: Any = (out * multiplier).reshape(shape)[()]
    return np.asarray(found)[()]


def scan_rules(
    *,
    price_range: float,
    volatility_shift: float,
    extreme: float = 3.0,
    covered: float = 0.33,
    short_minimum: float = 0.0,
    horizon: float = 1 / 365,
) -> Array:
    """Return the settings of a scan as the row that kernels read.

    Returns
    -------
    ndarray of float64, shape (SCAN_RULES_WIDTH,)

    Raises
    ------
    Refusal
        If one is outside its range.
    """
    for name, share in {
        "price_range": price_range,
        "volatility_shift": volatility_shift,
        "covered": covered,
    }.items():
        if not 0.0 <= share <= 1.0:
            raise Refusal(name, f"{share}", "a share from 0 to 1")
    for name, size in {"short_minimum": short_minimum, "horizon": horizon}.items():
        if not 0.0 <= size < np.inf:
            raise Refusal(name, f"{size}", "0 or more")
    if not 1.0 <= extreme < np.inf:
        raise Refusal("extreme", f"{extreme}", "1 price range or more")
    pairs = [0.0, *(sign * thirds / 3.0 for thirds in (1, 2, 3) for sign in (1.0, -1.0))]
    moves = [price_range * move for move in np.repeat(pairs, 2)]
    shifts = [1.0 + volatility_shift, 1.0 - volatility_shift] * len(pairs)
    far = extreme * price_range
    rules = np.array(
        [
            *(short_minimum, horizon),
            *(*moves, far, -far),
            *(*shifts, 1.0, 1.0),
            *([1.0] * len(moves)),
            *(covered, covered),
        ]
    )
    assert len(rules) == SCAN_RULES_WIDTH
    return rules
