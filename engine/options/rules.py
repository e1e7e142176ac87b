"""Parameter sets of option strategies as the rows that the compiled loop reads."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.options.layout import (
    CASH,
    COMMISSION,
    CONTRACTS,
    CROSSED,
    ENTRY_BARS,
    EXERCISE_FEE,
    MARGIN_RATE,
    MULTIPLIER,
    NORMAL,
    OF_FUTURE,
    PROFIT_TARGET,
    ROLL_BARS,
    RULES_WIDTH,
    SPREAD_POINTS,
    SPREAD_SHARE,
    STOP_LOSS,
    STRIKE_STEP,
    TERMS_WIDTH,
)
from engine.options.legs import Leg, encode_legs
from engine.options.margin_settings import ShareMargin
from engine.options.settings import OptionSettings

__all__ = ["encode_set", "encode_terms"]

# Share of the half-spread that a group of so many legs pays.
_CROSSED: Final = (0.75, 0.66, 0.60, 0.56)


def encode_set(
    values: dict[str, Any],
    legs: Sequence[Leg],
    settings: OptionSettings,
    bars_per_session: float,
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
    crossed = settings.spread.crossed
    usual = _CROSSED[min(len(legs), len(_CROSSED)) - 1]
    rules[CROSSED] = usual if crossed is None else crossed
    return np.concatenate([rules, encode_legs(legs, values, bars_per_session).ravel()])


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
    terms[CASH] = cash
    terms[OF_FUTURE] = settings.underlying == "future"
    terms[NORMAL] = settings.pricing == "bachelier"
    return terms


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value
