"""The quotes of an option surface that a model is fitted to, and what each counts for."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engine.calibration.option_surface import OptionSurface, left_out_text
from engine.errors import Refusal
from engine.pricing import black_scholes

__all__ = ["QuoteWeights", "quote_weights", "usable_quotes", "volatility_at_the_money"]

Array = NDArray[np.float64]
QuoteWeights = Literal["equal", "vega", "spread"]

# Of a volatility: what an uncertain forward may move that of an option in the money.
_SUREST = 0.01


def usable_quotes(
    surface: OptionSurface, narrowest: float, fewest_quotes: int
) -> tuple[OptionSurface, Array, dict[str, int], int]:
    """Select the quotes to fit, and turn those in the money into others by put-call parity.

    Parameters
    ----------
    surface : OptionSurface
        All quotes.
    narrowest : float
        Quotes with less vega than this share of the spot are left out.
    fewest_quotes : int
        Quotes that the model needs.

    Returns
    -------
    quotes : OptionSurface
        All out of the money.
    volatility : ndarray, shape (n,)
        Their implied volatilities.
    left_out : dict of str to int
        How many others there were, by reason.
    converted : int
        How many were in the money.

    Raises
    ------
    Refusal
        If too few are left, or all of one expiry or of fewer than three strikes.
    """
    inner = np.where(
        surface.calls, surface.strikes < surface.forwards, surface.strikes > surface.forwards
    )
    volatility = surface.implied_volatilities()
    vegas = (
        surface.discounts
        * black_scholes(surface.forwards, surface.strikes, surface.years, volatility).vega
    )
    outside = ~np.isfinite(volatility)
    usable = ~inner & ~outside
    outer = {(t, k) for t, k in zip(surface.years[usable], surface.strikes[usable], strict=True)}
    doubled = np.array(
        [(t, k) in outer for t, k in zip(surface.years, surface.strikes, strict=True)],
        dtype=np.bool_,
    )
    unsure = np.zeros(len(surface), dtype=np.bool_)
    if surface.parity_errors is not None:
        unsure = ~(surface.parity_errors <= _SUREST * vegas)
    left_out = dict(surface.left_out)
    keep = np.ones(len(surface), dtype=np.bool_)
    for reason, bad in (
        ("in the money beside one out of the money", inner & doubled),
        ("in the money with an uncertain forward", inner & unsure),
        ("outside the no-arbitrage bounds", outside),
        ("with little vega", ~(vegas > narrowest * surface.spot)),
    ):
        if (keep & bad).any():
            left_out[reason] = int((keep & bad).sum())
        keep &= ~bad
    where = f"{surface.symbol} surface"
    if keep.sum() < fewest_quotes:
        raise Refusal(
            where,
            f"{int(keep.sum())} quotes with a usable vega{left_out_text(left_out)}",
            f">= {fewest_quotes}",
        )
    quotes = surface.select(keep)
    for one, many, values, fewest in (
        ("expiry", "expiries", quotes.years, 2),
        ("strike", "strikes", quotes.strikes, 3),
    ):
        count = len(np.unique(values))
        if count < fewest:
            raise Refusal(
                where,
                f"quotes of {count} {one if count == 1 else many}{left_out_text(left_out)}",
                f">= {fewest}, which the parameters need",
            )
    return quotes.out_of_the_money(), volatility[keep], left_out, int((keep & inner).sum())


def quote_weights(quotes: OptionSurface, volatility: Array, weights: QuoteWeights) -> Array:
    """Weights of the errors of volatility; the mean of their squares is 1.

    Raises
    ------
    Refusal
        If spreads are to weigh and some are not known.
    """
    vegas = (
        quotes.discounts
        * black_scholes(quotes.forwards, quotes.strikes, quotes.years, volatility).vega
    )
    if weights == "vega":
        shares = vegas
    elif weights == "spread":
        spreads = np.full(len(quotes), np.nan) if quotes.spreads is None else quotes.spreads
        unknown = int((~(spreads > 0.0)).sum())
        if unknown:
            raise Refusal(
                "weights",
                f"'spread', where {unknown} of {len(quotes)} quotes have no spread above zero",
                "equal, vega",
            )
        shares = vegas / spreads
    else:
        shares = np.ones(len(quotes))
    return np.asarray(shares / math.sqrt(float(np.mean(shares**2))))


def volatility_at_the_money(
    quotes: OptionSurface, volatility: Array, rows: NDArray[np.int64]
) -> float:
    """Implied volatility of the strike that is nearest to the forward, among some rows."""
    distance = np.abs(np.log(quotes.strikes[rows] / quotes.forwards[rows]))
    return float(volatility[rows[np.argmin(distance)]])
