"""Rules that decide how large a new position is."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from engine.settings import SettingsGroup

__all__ = [
    "MOST_UNITS",
    "SMALL",
    "EqualWeight",
    "FixedQuantity",
    "FixedRisk",
    "Kelly",
    "PercentOfEquity",
    "Sizing",
    "VolatilityTarget",
]

#: Least share, size or volatility that is not a slip of the pen, and most units.
SMALL: Final = 1e-9
MOST_UNITS: Final = 1e12


class PercentOfEquity(SettingsGroup):
    """Put `share` of equity into a new position.

    Parameters
    ----------
    kind : str
        Names this rule.
    share : float
        Share of equity; above 1 with borrowed money.
    """

    kind: Literal["percent_of_equity"] = "percent_of_equity"
    share: float = Field(default=1.0, ge=SMALL, le=1_000)


class FixedQuantity(SettingsGroup):
    """Trade `units` every time.

    Parameters
    ----------
    kind : str
        Names this rule.
    units : float
        Units of the instrument.
    """

    kind: Literal["fixed_quantity"] = "fixed_quantity"
    units: float = Field(default=1.0, ge=SMALL, le=MOST_UNITS)


class FixedRisk(SettingsGroup):
    """Lose `risk` of equity if the order's stop-loss fills at its price (Tharp, 1998).

    Parameters
    ----------
    kind : str
        Names this rule.
    risk : float
        Share of equity.
    """

    kind: Literal["fixed_risk"] = "fixed_risk"
    risk: float = Field(default=0.01, ge=SMALL, lt=1)


class Kelly(SettingsGroup):
    """Put `fraction` of the Kelly bet into a new position, at most `cap` of equity.

    The bet ``W - (1 - W) / R`` (Kelly, 1956) uses the trades closed so far; before `trades` of
    them, or while none has lost, the share is `fraction`.

    Parameters
    ----------
    kind : str
        Names this rule.
    fraction : float
        Share of the Kelly bet.
    trades : int
        Closed trades before the bet is computed.
    cap : float
        Largest share of equity.
    """

    kind: Literal["kelly"] = "kelly"
    fraction: float = Field(default=0.5, ge=SMALL, le=1)
    trades: int = Field(default=20, ge=2, le=1_000_000)
    cap: float = Field(default=1.0, ge=SMALL, le=1_000)


class EqualWeight(SettingsGroup):
    """Put `share` of equity, divided by the number of symbols, into a new position.

    Parameters
    ----------
    kind : str
        Names this rule.
    share : float
        Share of equity over all symbols.
    """

    kind: Literal["equal_weight"] = "equal_weight"
    share: float = Field(default=1.0, ge=SMALL, le=1_000)


class VolatilityTarget(SettingsGroup):
    """Size a new position to an annual `volatility`, at most `cap` of equity.

    The share is `volatility` over the realised volatility of the last `window` log returns.

    Parameters
    ----------
    kind : str
        Names this rule.
    volatility : float
        Annual volatility aimed at.
    window : int
        Log returns of which the volatility is realised.
    cap : float
        Largest share of equity.
    """

    kind: Literal["volatility_target"] = "volatility_target"
    volatility: float = Field(default=0.15, ge=1e-6, le=100)
    window: int = Field(default=20, ge=2, le=1_000_000)
    cap: float = Field(default=1.0, ge=SMALL, le=1_000)


Sizing = Annotated[
    PercentOfEquity | FixedQuantity | FixedRisk | Kelly | EqualWeight | VolatilityTarget,
    Field(discriminator="kind"),
]
