"""Margin of the open position at the close of a bar, by the rule that the study names."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.compiled import kernel
from engine.options.deviations import deviation_at
from engine.options.layout import (
    BAR_YEARS,
    BLOCK,
    CONTRACTS,
    DISCOUNT_RATE,
    LEG_BARS,
    LEG_CALL,
    LEG_ROOM,
    LEG_UNITS,
    MARGIN_RULE,
    MARGIN_TERMS_WIDTH,
    MOST_LEGS,
    MULTIPLIER,
    OF_FUTURE,
    PRICE,
    RESCAN_STEP,
    RESCAN_YEARS,
    STRIKE,
    UNDERLYING_YIELD,
)
from engine.options.margin import margin_rules
from engine.options.margin_settings import PointsMargin, ScanMargin, ShareMargin, StrategyMargin
from engine.options.pricing import forward_at
from engine.options.scan import scan_rules
from engine.options.scan_rules import SCENARIOS, forget_scan, held_scan_risk
from engine.options.settings import OptionSettings
from engine.options.strategy_rules import UNDERLYING_PLACE, strategy_margin

__all__ = [
    "MARGIN_ROOM",
    "MARGIN_RULES",
    "SCAN_RULE",
    "STRATEGY_RULE",
    "encode_margin",
    "required_margin",
    "underlying_share",
]

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

#: Rules by their place in the row that `encode_margin` makes.
MARGIN_RULES: Final = ((ShareMargin, PointsMargin), (StrategyMargin,), (ScanMargin,))
STRATEGY_RULE: Final = 1.0
SCAN_RULE: Final = 2.0
# Of the value of a future, and of shares by Regulation T, where the study says nothing.
_FUTURE_SHARE, _REGULATED_SHARE = 0.1, 0.5
# Rows of the room: of the legs strike, time left, contracts, price and volatility; room of the
# rules to work in; the last scan.
_STRIKES, _YEARS, _UNITS, _PRICES, _VOLATILITIES = 0, 1, 2, 3, 4
LEFT_ROW, PART_ROW, LOSSES_ROW, _HELD = 5, 6, 7, 8
#: Shape of the room that `required_margin` works in.
MARGIN_ROOM: Final = (9, max(MOST_LEGS, SCENARIOS))


def encode_margin(
    settings: OptionSettings, bar_years: float, bars_per_session: float
) -> NDArray[np.float64]:
    """Return the rule for margin as numbers.

    Parameters
    ----------
    settings : OptionSettings
        Of the study.
    bar_years, bars_per_session : float
        Length of a bar in years, and bars between scans that are made in any case.

    Returns
    -------
    ndarray of float64, shape (MARGIN_TERMS_WIDTH + numbers of the rule,)
        See `engine.options.layout`.
    """
    margin = settings.margin
    own = np.empty(0)
    terms = np.zeros(MARGIN_TERMS_WIDTH)
    terms[MARGIN_RULE] = next(
        place for place, kinds in enumerate(MARGIN_RULES) if isinstance(margin, kinds)
    )
    terms[BAR_YEARS] = bar_years
    # Half a bar less, so that no rounding of times puts a scan off.
    terms[RESCAN_YEARS] = (bars_per_session - 0.5) * bar_years
    terms[DISCOUNT_RATE] = settings.rate
    of_spot = settings.pricing == "black_scholes"
    terms[UNDERLYING_YIELD] = settings.dividend if of_spot else settings.rate
    if isinstance(margin, StrategyMargin):
        own = margin_rules(margin.rate, margin.minimum, 0.0)
        own[UNDERLYING_PLACE] = underlying_share(settings)
    elif isinstance(margin, ScanMargin):
        terms[RESCAN_STEP] = margin.rescan
        own = scan_rules(**margin.model_dump(exclude={"rule", "rescan"}))
    return np.concatenate([terms, own])


def underlying_share(settings: OptionSettings) -> float:
    """Return the share of its value that holding the underlying ties up.

    What the study says; else half of a spot under ``reg_t`` and all of it under other rules, and a
    tenth of a future.
    """
    if settings.underlying_costs.margin is not None:
        return settings.underlying_costs.margin
    if settings.pricing != "black_scholes":
        return _FUTURE_SHARE
    return _REGULATED_SHARE if isinstance(settings.margin, StrategyMargin) else 1.0


@kernel
def required_margin(
    series: Array,
    tables: Array,
    surface: Array,
    bar: int,
    held_bars: int,
    place: int,
    terms: Array,
    rules: Array,
    legs: Array,
    held: Array,
    room: Array,
    margin: Array,
    work: Array,
    calls: Flags,
) -> float:
    """Equity that the open position ties up, by the rules for strategies or by a scan.

    Parameters
    ----------
    series, tables, surface, terms, rules, legs, held, room : ndarray of float64
        As of `trade_path`.
    bar, held_bars : int
        The bar, and bars since the entry; 0 lets the scan of the position before be forgotten.
    place : int
        Column of `room` that holds the values of the legs.
    margin : ndarray of float64
        As of `encode_margin`.
    work : ndarray of float64, shape MARGIN_ROOM
        To work in; the same from bar to bar.
    calls : ndarray of bool, shape (legs,)
        To work in.

    Notes
    -----
    The underlying is the price of the path, or the future of the first leg. A future further out
    moves by the same share of itself: under Black's formula an option of strike K on it is as many
    options as there are first futures in it, of strike K in first futures.
    """
    count = legs.shape[0]
    strikes, years, units = work[_STRIKES, :count], work[_YEARS, :count], work[_UNITS, :count]
    prices, volatilities = work[_PRICES, :count], work[_VOLATILITIES, :count]
    of_future = terms[OF_FUTURE] != 0.0
    spot: float = series[PRICE, bar]
    for leg in range(count):
        left = int(legs[leg, LEG_BARS]) - held_bars
        column = tables.shape[1] - BLOCK - 1 - left
        share = 1.0
        forward = forward_at(series, tables, bar, column, of_future)
        if of_future:
            if leg == 0:
                spot = forward
            share = forward / spot
        calls[leg] = legs[leg, LEG_CALL] != 0.0
        strikes[leg] = held[leg, STRIKE] / share
        units[leg] = legs[leg, LEG_UNITS] * rules[CONTRACTS] * share
        years[leg] = left * margin[BAR_YEARS]
        prices[leg] = room[LEG_ROOM + leg, place] / share
        deviation = deviation_at(series, tables, surface, bar, column, forward, held[leg, STRIKE])
        volatilities[leg] = deviation / math.sqrt(years[leg])
    own = margin[MARGIN_TERMS_WIDTH:]
    if margin[MARGIN_RULE] == STRATEGY_RULE:
        asked = strategy_margin(
            spot, strikes, calls, years, units, prices, 0.0, own,
            work[LEFT_ROW, :count], work[PART_ROW, :count],
        )  # fmt: skip
    else:
        if held_bars == 0:
            forget_scan(work[_HELD])
        asked = held_scan_risk(
            work[_HELD], margin[RESCAN_STEP], margin[RESCAN_YEARS], bar * margin[BAR_YEARS],
            spot, strikes, calls, years, volatilities, units, 0.0,
            margin[DISCOUNT_RATE], margin[UNDERLYING_YIELD], own, work[LOSSES_ROW],
        )  # fmt: skip
    required: float = asked * terms[MULTIPLIER]
    return required
