"""Legs of an option position, as data: a new combination compiles nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field, field_validator

from engine.compiled.elementary import normal_ppf
from engine.errors import Refusal
from engine.options.layout import (
    DELTA,
    LEG_BARS,
    LEG_CALL,
    LEG_HIGH,
    LEG_LISTED,
    LEG_LOW,
    LEG_NTH,
    LEG_OFFSET,
    LEG_RULE,
    LEG_UNDERLYING,
    LEG_UNITS,
    LEG_WHEN,
    LEG_WIDTH,
    MOST_LEGS,
    STRIKE_RULES,
    WHEN,
)
from engine.settings import SettingsModel
from engine.strategies.parameters import Parameter

__all__ = ["Leg", "check_count", "encode_legs", "kinds_of", "parameters_of"]


class Leg(SettingsModel):
    """One option of a position.

    Parameters
    ----------
    side : {"buy", "sell"}
        Whether it is bought or sold at entry.
    right : {"call", "put", "underlying"}
        Its right; or the underlying itself, bought beside the options.
    otm : float or Parameter
        How far its strike lies out of the money, by the rule `by`; below 0 it lies in the money.
    by : {"percent", "deviations", "points", "delta", "absolute", "premium", "first_leg"} or Choice
        Percent of the underlying's future, standard deviations of its logarithm up to expiry,
        points; the delta of the option, before discounting and without its sign, 0 to 1; the
        strike itself; what the option costs; or the strike of the first leg, whose option it is of
        another expiry or right.
    days : float or Parameter
        Days to expiry: sessions, as the bars have them.
    ratio : float or Parameter
        Options per contract of the position.
    nth : int, optional
        Which of the expiries that are listed or quoted, 1 for the next, instead of `days`.
    window : (float, float), optional
        Least and most days to a listed or quoted expiry; the one nearest to `days` is taken.
    kinds : sequence of str, optional
        Kinds of a listing's options, such as ``monthly`` and ``weekly``; by default all.
    when : {"always", "flat", "holding"}
        Whether the leg is opened at all: where none of the underlying is held, or where some is
        that no open position uses, of which calls are sold on no more.

    Examples
    --------
    >>> Leg(side="sell", right="put", otm=2.0, days=21).otm
    2.0
    """

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    side: Literal["buy", "sell"]
    right: Literal["call", "put", "underlying"]
    otm: Any = 0.0
    by: Any = "percent"
    days: Any = 21
    ratio: Any = 1.0
    nth: Annotated[int, Field(ge=1, le=1000)] | None = None
    window: tuple[float, float] | None = None
    kinds: tuple[str, ...] | None = None
    when: Literal["always", "flat", "holding"] = "always"

    @field_validator("otm", "days", "ratio")
    @classmethod
    def _a_number(cls, value: Any) -> Any:
        if isinstance(value, Parameter):
            return value
        if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
            raise Refusal("", repr(value), "a number or a declared parameter")
        return value

    @field_validator("days", "ratio")
    @classmethod
    def _positive(cls, value: Any) -> Any:
        if not isinstance(value, Parameter) and value <= 0:
            raise Refusal("", repr(value), "> 0")
        return value

    @field_validator("window")
    @classmethod
    def _a_span(cls, value: tuple[float, float] | None) -> tuple[float, float] | None:
        if value is not None and not 0.0 <= value[0] <= value[1] < np.inf:
            raise Refusal("", f"{value[0]:g} to {value[1]:g}", "days from 0 on, the fewer first")
        return value

    @field_validator("by")
    @classmethod
    def _a_rule(cls, value: Any) -> Any:
        if not isinstance(value, Parameter) and value not in STRIKE_RULES:
            raise Refusal("", repr(value), ", ".join(STRIKE_RULES))
        return value


_FIELDS: Final = ("otm", "by", "days", "ratio")


def parameters_of(legs: Sequence[Leg]) -> list[Parameter]:
    """Return the declared parameters that legs follow."""
    found = (getattr(leg, name) for leg in legs for name in _FIELDS)
    return [item for item in found if isinstance(item, Parameter)]


def kinds_of(legs: Sequence[Leg]) -> list[tuple[str, ...] | None]:
    """Return the kinds of listed options that legs ask for, each once."""
    return list(dict.fromkeys(leg.kinds for leg in legs))


def check_count(legs: Sequence[Leg], field: str) -> None:
    """Refuse more legs than a position may have, or none.

    Raises
    ------
    Refusal
        Names `field`.
    """
    if not 1 <= len(legs) <= MOST_LEGS:
        raise Refusal(field, str(len(legs)), f"1 to {MOST_LEGS}")


def encode_legs(
    legs: Sequence[Leg], values: dict[str, Any], bars_per_session: float
) -> NDArray[np.float64]:
    """Return legs as the loop takes them.

    Parameters
    ----------
    legs : sequence of Leg
        One or more.
    values : dict of str to object
        Values of the parameters that they follow.
    bars_per_session : float
        Turns days into bars; a leg has at least one.

    Returns
    -------
    ndarray of float64, shape (legs, LEG_WIDTH)
        See `engine.options.layout`.

    Raises
    ------
    Refusal
        If a value makes no sense by its rule.
    """
    out, kinds = np.zeros((len(legs), LEG_WIDTH)), kinds_of(legs)
    for row, leg in zip(out, legs, strict=True):
        otm, by, days, ratio = (_value(getattr(leg, name), values) for name in _FIELDS)
        rule = STRIKE_RULES.index(by)
        if rule == DELTA:
            if not 0.0 < otm < 1.0:
                raise Refusal("otm", f"{otm:g} by delta", "more than 0 and less than 1")
            otm = float(normal_ppf(float(otm)))
        row[LEG_UNITS] = ratio if leg.side == "buy" else -ratio
        row[LEG_UNDERLYING], row[LEG_WHEN] = leg.right == "underlying", WHEN.index(leg.when)
        row[LEG_CALL] = leg.right == "call"
        row[LEG_RULE], row[LEG_OFFSET] = rule, otm
        row[LEG_BARS] = max(math.floor(days * bars_per_session + 0.5), 1)
        if leg.right == "underlying":
            row[LEG_BARS] = 1.0
        low, high = leg.window or (0.0, np.inf)
        row[LEG_LOW] = math.ceil(low * bars_per_session)
        row[LEG_HIGH] = high * bars_per_session
        row[LEG_NTH] = leg.nth or 0
        row[LEG_LISTED] = kinds.index(leg.kinds)
    return out


def _value(given: Any, values: dict[str, Any]) -> Any:
    return values[given.name] if isinstance(given, Parameter) else given
