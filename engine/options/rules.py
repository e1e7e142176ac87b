"""Parameter sets of option strategies as the rows that the compiled loop reads."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.options.layout import (
    BOOKED,
    CASH,
    COMMISSION,
    CONTRACTS,
    CROSSED,
    ENTRY_BARS,
    EXERCISE_FEE,
    EXIT_DELTA,
    HEDGE_BAND,
    HEDGE_BARS,
    HELD_MOST,
    LEG_RULE,
    MARGIN_POINTS,
    MARGIN_RATE,
    MOST_OPEN,
    MULTIPLIER,
    NORMAL,
    OF_FUTURE,
    PREMIUM_RULE,
    PROFIT_TARGET,
    RANK,
    ROLL,
    ROLL_BARS,
    ROLLS,
    RULES_WIDTH,
    SIZE,
    SIZING,
    SIZINGS,
    SPREAD_POINTS,
    SPREAD_SHARE,
    STOP_LOSS,
    STRIKE_STEP,
    TERMS_WIDTH,
    TOUCH,
    WEEKDAY,
)
from engine.options.legs import Leg, encode_legs
from engine.options.margin_settings import PointsMargin, ShareMargin
from engine.options.settings import OptionSettings

__all__ = ["WEEKDAYS", "encode_set", "encode_terms", "share_crossed"]

WEEKDAYS: Final = ("any", "monday", "tuesday", "wednesday", "thursday", "friday")

# What a set has that asks the book for nothing.
_USUAL: Final = {
    "positions": 1, "sizing": "contracts", "hedge_every": 0.0, "hedge_band": None,
    "weekday": "any", "volatility_rank": None, "exit_delta": None, "exit_touch": "no",
    "exit_days": 0.0, "roll": "recentre",
}  # fmt: skip
# Share of the half-spread that a group of so many legs pays.
_CROSSED: Final = (0.75, 0.66, 0.60, 0.56)


def encode_set(
    values: dict[str, Any],
    legs: Sequence[Leg],
    settings: OptionSettings,
    bars_per_session: float,
    *,
    booked: bool = False,
) -> NDArray[np.float64]:
    """Return a parameter set as numbers: its rules, then its legs.

    Parameters
    ----------
    values : dict of str to object
        Value of every parameter.
    legs : sequence of Leg
        Of the strategy.
    settings : OptionSettings
        Of the study.
    bars_per_session : float
        Turns days into bars.
    booked : bool
        Whether the study asks for the book, whatever the set does.

    Returns
    -------
    ndarray of float64, shape (RULES_WIDTH + legs * LEG_WIDTH,)
        See `engine.options.layout`.

    Raises
    ------
    Refusal
        If a value makes no sense.
    """
    rules = np.zeros(RULES_WIDTH)
    rules[CONTRACTS] = values["contracts"]
    rules[PROFIT_TARGET] = _or_nan(values["profit_target"])
    rules[STOP_LOSS] = _or_nan(values["stop_loss"])
    rules[ROLL_BARS] = math.floor(values["roll_at_dte"] * bars_per_session + 0.5)
    rules[ENTRY_BARS] = math.floor(values["entry_every"] * bars_per_session + 0.5)
    rules[CROSSED] = share_crossed(settings, len(legs))
    _encode_book(rules, values, bars_per_session)
    encoded = encode_legs(legs, values, bars_per_session)
    by_premium = (encoded[:, LEG_RULE] == PREMIUM_RULE).any()
    asked = any(values[name] != usual for name, usual in _USUAL.items())
    rules[BOOKED] = booked or asked or by_premium
    return np.concatenate([rules, encoded.ravel()])


def share_crossed(settings: OptionSettings, legs: int) -> float:
    """Return the share of the half-spread that fills of so many legs pay."""
    usual = _CROSSED[min(legs, len(_CROSSED)) - 1]
    return usual if settings.spread.crossed is None else settings.spread.crossed


def _encode_book(
    rules: NDArray[np.float64], values: dict[str, Any], bars_per_session: float
) -> None:
    """Write the rules that the book alone reads."""
    rules[MOST_OPEN] = values["positions"]
    rules[SIZING], rules[SIZE] = SIZINGS.index(values["sizing"]), values["size"]
    every = values["hedge_every"]
    rules[HEDGE_BARS] = max(math.floor(every * bars_per_session + 0.5), 1) if every else 0.0
    rules[HEDGE_BAND] = _or_nan(values["hedge_band"])
    rules[WEEKDAY] = WEEKDAYS.index(values["weekday"]) - 1
    rules[RANK] = _or_nan(values["volatility_rank"])
    rules[EXIT_DELTA] = _or_nan(values["exit_delta"])
    rules[TOUCH] = values["exit_touch"] == "yes"
    held = values["exit_days"]
    rules[HELD_MOST] = max(math.floor(held * bars_per_session + 0.5), 1) if held else 0.0
    rules[ROLL] = ROLLS.index(values["roll"])


def encode_terms(settings: OptionSettings, cash: float) -> NDArray[np.float64]:
    """Return the settings of a study as numbers, shape (TERMS_WIDTH,)."""
    terms = np.zeros(TERMS_WIDTH)
    terms[MULTIPLIER] = settings.multiplier
    terms[COMMISSION], terms[EXERCISE_FEE] = settings.commission, settings.exercise_fee
    terms[SPREAD_SHARE] = 0.01 * settings.spread.percent
    terms[SPREAD_POINTS] = settings.spread.points
    terms[STRIKE_STEP] = settings.strike_step
    if isinstance(settings.margin, ShareMargin):
        terms[MARGIN_RATE] = settings.margin.share
    if isinstance(settings.margin, PointsMargin):
        terms[MARGIN_POINTS] = settings.margin.points
    terms[CASH] = cash
    terms[OF_FUTURE] = settings.underlying == "future"
    terms[NORMAL] = settings.pricing == "bachelier"
    return terms


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value
