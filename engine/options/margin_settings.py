"""What holding options asks for in a study: a share of the underlying, an amount, or a rule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, model_serializer

from engine.settings import SettingsGroup

__all__ = ["Margin", "PointsMargin", "ScanMargin", "ShareMargin", "StrategyMargin"]

_RULE: Final = "By which rule margin is asked for."


class ShareMargin(SettingsGroup):
    """A share of the underlying's value; in a study the number alone.

    Parameters
    ----------
    share : float
        Asked for each uncovered short option of the side that has more of them, beside what buying
        the position back costs.
    """

    rule: Literal["share"] = Field("share", description=_RULE)
    share: float = Field(0.1, ge=0, le=10)

    @model_serializer
    def _as_number(self) -> float:
        return self.share


class PointsMargin(SettingsGroup):
    """An amount per contract, whatever the price: also where that is near or below zero.

    Parameters
    ----------
    points : float
        Asked for, times the multiplier, for each uncovered short option of the side that has more
        of them, beside what buying the position back costs.
    """

    rule: Literal["points"] = Field("points", description=_RULE)
    points: float = Field(ge=0, le=1e9)


class StrategyMargin(SettingsGroup):
    """The rules for strategies, Regulation T: see `mc.option_margin`.

    Parameters
    ----------
    rate, minimum : float
        Share of the underlying's value that an uncovered short option asks for, and the least share
        after what it is out of the money: 0.2 and 0.1 for shares, 0.15 and 0.1 for broad indices.
    """

    rule: Literal["reg_t"] = Field("reg_t", description=_RULE)
    rate: float = Field(0.2, ge=0, le=1)
    minimum: float = Field(0.1, ge=0, le=1)


class ScanMargin(SettingsGroup):
    """The largest loss in sixteen scenarios of price and volatility: see `mc.scan_margin`.

    Parameters
    ----------
    price_range : float
        Largest move of an ordinary scenario, as a share of the price.
    volatility_shift : float
        Move of every volatility, as a share of itself.
    extreme, covered : float
        The two extreme moves, in price ranges, and the share of their loss that counts.
    short_minimum : float
        Least margin of every short option, in points of the underlying.
    horizon : float
        Time in years that passes until the scenarios' prices.
    rescan : float
        Share of the price by which it may move before the scan is made anew, which it is in any
        case when a session has passed.
    """

    rule: Literal["scan"] = Field("scan", description=_RULE)
    price_range: float = Field(gt=0, le=1)
    volatility_shift: float = Field(ge=0, le=1)
    extreme: float = Field(3.0, ge=1, le=100)
    covered: float = Field(0.33, ge=0, le=1)
    short_minimum: float = Field(0.0, ge=0, le=1e9)
    horizon: float = Field(1 / 365, ge=0, le=1)
    rescan: float = Field(0.0, ge=0, le=1)


def _named_margin(given: Any) -> Any:
    """Take a number for a share, points for an amount, a rule's name for its usual settings."""
    if isinstance(given, Mapping) and "points" in given and "rule" not in given:
        return {"rule": "points", **given}
    if isinstance(given, str):
        return {"rule": given}
    if isinstance(given, int | float) and not isinstance(given, bool):
        return {"rule": "share", "share": given}
    return given


Margin = Annotated[
    Annotated[
        ShareMargin | PointsMargin | StrategyMargin | ScanMargin, Field(discriminator="rule")
    ],
    BeforeValidator(
        _named_margin,
        json_schema_input_type=Annotated[float, Field(ge=0, le=10)]
        | Literal["reg_t"]
        | ShareMargin
        | PointsMargin
        | StrategyMargin
        | ScanMargin,
    ),
]
