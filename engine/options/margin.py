"""Margin of option positions by the rules for strategies: Regulation T and the Cboe's manual."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import Refusal
from engine.options.leg_arrays import along_legs
from engine.options.strategy_rules import MARGIN_RULES_WIDTH, fill_strategy_margin

__all__ = ["margin_rules", "option_margin"]

Array = NDArray[np.float64]


def option_margin(
    spot: ArrayLike,
    strikes: ArrayLike,
    years: ArrayLike,
    units: ArrayLike,
    prices: ArrayLike,
    *,
    call: ArrayLike,
    underlying_units: ArrayLike = 0.0,
    multiplier: float = 100.0,
    rate: float = 0.2,
    minimum: float = 0.1,
    underlying_rate: float = 0.5,
) -> Array:
    r"""Equity that a position of options ties up, by the rules for strategies (Regulation T).

    Parameters
    ----------
    spot : array_like, shape (...)
        Price of the underlying.
    strikes, years, units, prices : array_like, shape (..., legs)
        Of each leg: strike, time to expiry in years, contracts (negative: sold) and the option's
        price now, per unit of the underlying.
    call : array_like of bool, shape (..., legs)
        Call or put.
    underlying_units : array_like, shape (...)
        Shares held beside the options, negative: sold short.
    multiplier : float
        Shares per contract.
    rate, minimum : float
        Share of the underlying's value that an uncovered short option ties up, and the least share
        after what it is out of the money: 0.2 and 0.1 for shares and narrow indices, 0.15 and 0.1
        for broad ones.
    underlying_rate : float
        Share of the value of the underlying itself: 0.5 to open a position, 0.25 to keep it.

    Returns
    -------
    ndarray of float64, shape (...)
        In account currency. The account is within its margin while equity (cash and the value of
        everything held) is at least this.

    Raises
    ------
    Refusal
        If shapes do not fit, or a rate is not a share.

    Notes
    -----
    The manual states a deposit to which the proceeds of what is sold count, and asks that what is
    bought be paid in full. In terms of equity that is the deposit, less the value of short options,
    plus that of long ones, which is what comes back:

    - long: its price;
    - short, uncovered: :math:`\max(\text{rate} \cdot S - \text{out of the money}, \text{minimum}
      \cdot S)`, for a put :math:`\text{minimum} \cdot K`;
    - short call and put: the deposit for the side that needs more, and the price of the other;
    - covered by longs of the same right that expire no sooner: the largest loss at the expiry of
      the short, of calls and puts of one expiry together (verticals, condors, butterflies, boxes,
      calendars), or the deposit as if uncovered where that is less;
    - covered by the underlying: its share of the lower of price and strike, and what the call is in
      the money. Longs worth a loan (more than nine months) are not modelled.

    Stock covers the short calls with the lowest strikes first; longs cover the shorts of the
    nearest expiry first, and of these the deepest in the money.

    References
    ----------
    .. [1] Chicago Board Options Exchange (2000). Margin Manual. Cboe Rule 10.3 has the same rules.
    .. [2] Board of Governors of the Federal Reserve System, Regulation T, 12 CFR 220.12.

    Examples
    --------
    The Cboe's own: 100 calls 100 on a share at 97.73, sold at 1.68.

    >>> import engine as mc
    >>> margin = mc.option_margin(97.73, [100.0], [0.1], [-100.0], [1.68], call=[True])
    >>> round(float(margin), 2)
    172760.0

    A short straddle needs one side's deposit:

    >>> both = {"strikes": [90.0, 90.0], "years": [0.1, 0.1], "prices": [7.0, 3.7]}
    >>> margin = mc.option_margin(92.63, units=[-1.0, -1.0], call=[True, False], **both)
    >>> round(float(margin), 2)
    1852.6
    """
    legs = {"strikes": strikes, "years": years, "units": units, "prices": prices, "call": call}
    each = {"spot": spot, "underlying_units": underlying_units}
    shape, arrays = along_legs(legs, each)
    rules = margin_rules(rate, minimum, underlying_rate)
    if not multiplier > 0.0:
        raise Refusal("multiplier", f"{multiplier}", "more than 0")
    out = np.empty(arrays["spot"].shape)
    fill_strategy_margin(
        arrays["spot"],
        arrays["strikes"],
        arrays["call"],
        arrays["years"],
        arrays["units"],
        arrays["prices"],
        arrays["underlying_units"] / multiplier,
        rules,
        out,
    )
    found: Any = (out * multiplier).reshape(shape)[()]
    return np.asarray(found)[()]


def margin_rules(rate: float, minimum: float, underlying_rate: float) -> Array:
    """Return the three shares as the row that kernels read.

    Returns
    -------
    ndarray of float64, shape (MARGIN_RULES_WIDTH,)

    Raises
    ------
    Refusal
        If one is not a share.
    """
    shares = {"rate": rate, "minimum": minimum, "underlying_rate": underlying_rate}
    for name, share in shares.items():
        if not 0.0 <= share <= 1.0:
            raise Refusal(name, f"{share}", "a share from 0 to 1")
    rules = np.array([*shares.values()])
    assert len(rules) == MARGIN_RULES_WIDTH
    return rules
