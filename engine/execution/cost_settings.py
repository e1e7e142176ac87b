"""What fills cost: commission and slippage, as a user sets them."""

from __future__ import annotations

from pydantic import Field

from engine.execution.instruments import LARGE
from engine.execution.sizing_rules import SMALL
from engine.settings import SettingsGroup

__all__ = ["Commission", "Slippage"]


class Commission(SettingsGroup):
    """Commission of a fill: the sum of its parts, at least `minimum`.

    Parameters
    ----------
    rate : float
        Share of the traded value (0.001 is 0.1 %).
    per_unit : float
        Account currency per share or contract.
    fixed : float
        Account currency per fill.
    minimum : float
        Least commission of a fill.
    maker_rate : float, optional
        Rate of limit orders that rested in the book; default `rate`.
    """

    rate: float = Field(default=0.0, gt=-0.1, lt=0.5)
    per_unit: float = Field(default=0.0, ge=0, le=LARGE)
    fixed: float = Field(default=0.0, ge=0, le=LARGE)
    minimum: float = Field(default=0.0, ge=0, le=LARGE)
    maker_rate: float | None = Field(default=None, gt=-0.1, lt=0.5)


class Slippage(SettingsGroup):
    """Slippage of market and stop fills: the sum of its parts. Limit fills never slip.

    Parameters
    ----------
    bps : float
        Basis points of the price.
    ticks : float
        Ticks of the instrument.
    volume_share : float
        Price impact ``k`` in ``k (units / volume)**2``, share of price.
    impact : float
        Factor ``Y`` of the square-root law ``Y sigma sqrt(units / volume)``.
    daily_volatility : float
        ``sigma`` of the square-root law: standard deviation of a session's return.
    volume_cap : float
        Largest share of the bar's volume that the two formulas see.
    """

    bps: float = Field(default=0.0, ge=0, le=10_000)
    ticks: float = Field(default=0.0, ge=0, le=1e6)
    volume_share: float = Field(default=0.0, ge=0, le=1_000)
    impact: float = Field(default=0.0, ge=0, le=1_000)
    daily_volatility: float = Field(default=0.01, ge=SMALL, le=10)
    volume_cap: float = Field(default=1.0, ge=SMALL, le=1_000)
