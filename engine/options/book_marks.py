"""What a leg of the book is worth at the close of a bar, and its greeks."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

from engine.compiled import kernel
from engine.compiled.elementary import exp
from engine.compiled.intrinsics import keep_apart
from engine.compiled.linking import address_of_compiled, call_at
from engine.compiled.views import address_of
from engine.execution.calling import part, rare
from engine.options.book_layout import (
    AMERICAN,
    AMERICAN_CODE,
    ASK,
    AT,
    BARS_OF_DAY,
    BEST_EXERCISED,
    BID,
    CALL,
    CONTRACT,
    DELTA_NOW,
    DELTA_PNL,
    DIVIDEND,
    EXPIRY,
    FRESH,
    GAMMA_NOW,
    GAMMA_PNL,
    HALF,
    IMPLIED,
    MARK_CODE,
    MIDDLE,
    OWN_FRAME,
    QUOTED_PRICES,
    RATE,
    SIGMA,
    STRIKE_OF,
    THETA_NOW,
    THETA_PNL,
    TRADEABLE,
    UNITS,
    VEGA_NOW,
    VEGA_PNL,
    WIDER_NEAR,
    WIDER_OTM,
    WITH_GREEKS,
    YEARS_OF_BAR,
    YIELD_RATE,
    book_at,
)
from engine.options.deviations import deviation_at
from engine.options.layout import (
    BLOCK,
    DISCOUNT,
    MULTIPLIER,
    NORMAL,
    OF_FUTURE,
    PRICE,
    SPREAD_POINTS,
    SPREAD_SHARE,
)
from engine.options.pricing import forward_at
from engine.pricing.lognormal import lognormal_price, lognormal_values
from engine.pricing.normal import normal_values

__all__ = ["mark_call", "mark_leg", "model_price", "underlying_at"]

# The code of an American price: address of the pad.
call_american = call_at(1)
# The code of a mark: frame, leg, bar, and 1 for an opening.
call_mark = call_at(4)
# Of the volatility, by which it is moved to see what an American option makes of that.
_BUMP = 1e-4
# Of the strike, by which an option may be worth more than what exercise brings and is exercised.
_AS_GOOD = 1e-9


@part
def column_of(b: Any, bar: int, expiry: int) -> int:
    """Return the column of the tables for an option at the close of a bar."""
    return int(b.tables.shape[1] - BLOCK - 1 - (expiry - bar))


@part
def underlying_at(b: Any, bar: int, expiry: int) -> float:
    """Return what an option is on: the price of the path, or the model's future of its expiry."""
    if b.terms[OF_FUTURE] != 0.0:
        return forward_at(b.series, b.tables, bar, column_of(b, bar, expiry), True)
    price: float = b.series[PRICE, bar]
    return price


@rare
def model_price(b: Any, bar: int, expiry: int, strike: float, call: bool) -> tuple[float, float]:
    """Return the price of an option by the study's volatility, and that volatility.

    An American one is worth no less than what exercise brings.
    """
    keep_apart()
    column = column_of(b, bar, expiry)
    forward = forward_at(b.series, b.tables, bar, column, b.terms[OF_FUTURE] != 0.0)
    deviation = deviation_at(b.series, b.tables, b.surface, bar, column, forward, strike)
    years = (expiry - bar) * b.own[YEARS_OF_BAR]
    sigma = deviation / math.sqrt(years) if years > 0.0 else 0.0
    if b.terms[NORMAL] != 0.0:
        value, _, _, _, _, _, _, _, _, _ = normal_values(forward, strike, 1.0, deviation, 0.0, call)
        return b.tables[DISCOUNT, column] * value, sigma
    price = b.tables[DISCOUNT, column] * lognormal_price(
        forward, strike, 1.0, deviation, 0.0, 0.0, call
    )
    if b.own[AMERICAN] != 0.0 and years > 0.0 and price == price:
        price, _, _ = _american(b, underlying_at(b, bar, expiry), strike, years, sigma, call)
    return price, sigma


@rare
def _american(
    b: Any, spot: float, strike: float, years: float, sigma: float, call: bool
) -> tuple[float, float, float]:
    """Return price, delta and gamma of an American option."""
    keep_apart()
    b.pad[0], b.pad[1], b.pad[2], b.pad[3] = spot, strike, years, sigma
    b.pad[4], b.pad[5], b.pad[6] = b.own[RATE], b.own[YIELD_RATE], 1.0 if call else 0.0
    call_american(b.codes[AMERICAN_CODE], address_of(b.pad))
    return b.pad[7], b.pad[8], b.pad[9]


@part
def mark_leg(b: Any, at: int, bar: int, opening: bool) -> None:
    """Mark a leg at the close of a bar, by the code of `mark_call`."""
    call_mark(b.codes[MARK_CODE], b.codes[OWN_FRAME], at, bar, 1 if opening else 0)


@cache
def mark_call() -> int:
    """Compile or load ``mark(frame, leg, bar, opening)`` and return its address.

    Compiled with all that calls it, it would be compiled again with each of them.
    """
    return address_of_compiled(_mark, 4)


@kernel
def _mark(frame: int, at: int, bar: int, opening: int) -> int:
    _mark_leg(book_at(frame), at, bar, opening != 0)
    return 0


@part
def _mark_leg(b: Any, at: int, bar: int, opening: bool) -> None:
    """Mark a leg; but for an opening, say what the greeks explain of the move.

    Parameters
    ----------
    b : OptionBook
        The book.
    at : int
        Row of its states: strike, expiry, right and units stand there, of a chain the contract.
    bar : int
        The bar, at most that of the expiry.
    opening : bool
        Whether nothing was marked before.
    """
    state = b.states[at]
    expiry, strike, call = int(state[EXPIRY]), state[STRIKE_OF], state[CALL] != 0.0
    spot, sigma = underlying_at(b, bar, expiry), state[SIGMA]
    state[TRADEABLE] = 1.0
    if b.own[QUOTED_PRICES] != 0.0 and bar < expiry:
        _mark_by_quote(b, at, bar)
        sigma = b.quotes[IMPLIED, int(state[CONTRACT]), bar]
        if sigma != sigma:
            sigma = state[SIGMA] if not opening else 0.0
    elif b.own[QUOTED_PRICES] != 0.0:
        state[MIDDLE], state[HALF] = max(spot - strike if call else strike - spot, 0.0), 0.0
    else:
        state[MIDDLE], sigma = model_price(b, bar, expiry, strike, call)
        state[HALF] = _half_spread(b, state[MIDDLE], spot, strike, sigma, expiry - bar, call)
    if not opening and b.account[WITH_GREEKS] != 0.0:
        _explain(b, at, spot, sigma if bar < expiry else state[SIGMA])
    state[AT] = spot
    if bar < expiry:
        state[SIGMA] = sigma
    intrinsic = spot - strike if call else strike - spot
    state[BEST_EXERCISED] = 0.0
    # By a quote that is there: the middle of an old one says nothing of today.
    told = state[TRADEABLE] != 0.0
    if told and b.own[AMERICAN] != 0.0 and bar < expiry and intrinsic > 0.0:
        worth = state[MIDDLE]
        state[BEST_EXERCISED] = 1.0 if worth <= intrinsic + _AS_GOOD * strike else 0.0
    if b.account[WITH_GREEKS] != 0.0:
        _fill_greeks(b, at, (expiry - bar) * b.own[YEARS_OF_BAR])


@part
def _mark_by_quote(b: Any, at: int, bar: int) -> None:
    """Mark by the quote of the bar; a missing one leaves the last middle, and no trade."""
    state = b.states[at]
    row = int(state[CONTRACT])
    bid, ask = b.quotes[BID, row, bar], b.quotes[ASK, row, bar]
    fresh = b.quotes[FRESH, row, bar] != 0.0
    state[TRADEABLE] = 1.0 if fresh else 0.0
    if fresh:
        state[MIDDLE], state[HALF] = 0.5 * (bid + ask), 0.5 * (ask - bid)


@part
def _half_spread(
    b: Any, middle: float, spot: float, strike: float, sigma: float, bars: int, call: bool
) -> float:
    """Return half the distance of bid and ask; wider out of the money and near expiry."""
    half = 0.5 * (b.terms[SPREAD_SHARE] * middle + b.terms[SPREAD_POINTS])
    wider = 0.0
    if b.own[WIDER_OTM] > 0.0 and bars > 0:
        root = math.sqrt(bars * b.own[YEARS_OF_BAR])
        size = sigma * root * (1.0 if b.terms[NORMAL] != 0.0 else spot)
        away = strike - spot if call else spot - strike
        if size > 0.0:
            wider += b.own[WIDER_OTM] * max(away / size, 0.0)
    if b.own[WIDER_NEAR] > 0.0 and bars > 0:
        wider += b.own[WIDER_NEAR] * min(b.own[BARS_OF_DAY] / bars, 1.0)
    return float(half * (1.0 + wider))


@rare
def _fill_greeks(b: Any, at: int, years: float) -> None:
    """Write the greeks of a leg per unit; of one at its expiry they are zero."""
    keep_apart()
    state = b.states[at]
    state[DELTA_NOW], state[GAMMA_NOW], state[THETA_NOW], state[VEGA_NOW] = 0.0, 0.0, 0.0, 0.0
    sigma, spot, strike, call = state[SIGMA], state[AT], state[STRIKE_OF], state[CALL] != 0.0
    if not (years > 0.0) or not (sigma > 0.0):
        return
    rate, dividend = b.own[RATE], b.own[YIELD_RATE]
    if b.terms[NORMAL] != 0.0:
        _, delta, gamma, vega, theta, _, _, _, _, _ = normal_values(
            spot, strike, years, sigma, rate, call
        )
    else:
        _, delta, gamma, vega, theta, _, _, _, _, _ = lognormal_values(
            spot, strike, years, sigma, rate, dividend, call
        )
    if b.own[AMERICAN] != 0.0:
        value, delta, gamma = _american(b, spot, strike, years, sigma, call)
        up, _, _ = _american(b, spot, strike, years, sigma * (1.0 + _BUMP), call)
        down, _, _ = _american(b, spot, strike, years, sigma * (1.0 - _BUMP), call)
        vega = (up - down) / (2.0 * _BUMP * sigma)
        # The equation of Black and Scholes, which holds wherever the option is not exercised.
        theta = rate * value - (rate - dividend) * spot * delta
        theta -= 0.5 * sigma * sigma * spot * spot * gamma
    state[DELTA_NOW], state[GAMMA_NOW] = delta, gamma
    state[THETA_NOW], state[VEGA_NOW] = theta, vega


@part
def _explain(b: Any, at: int, spot: float, sigma: float) -> None:
    """Add what the greeks of the last close explain of the move to this one."""
    state = b.states[at]
    scale = state[UNITS] * b.terms[MULTIPLIER]
    move = spot - state[AT]
    state[DELTA_PNL] += scale * state[DELTA_NOW] * move
    state[GAMMA_PNL] += scale * 0.5 * state[GAMMA_NOW] * move * move
    state[THETA_PNL] += scale * state[THETA_NOW] * b.own[YEARS_OF_BAR]
    state[VEGA_PNL] += scale * state[VEGA_NOW] * (sigma - state[SIGMA])


@part
def dividends_of_bar(b: Any) -> float:
    """Return what a unit of the underlying is paid over a bar, as a share of its price."""
    return exp(b.own[DIVIDEND] * b.own[YEARS_OF_BAR]) - 1.0
