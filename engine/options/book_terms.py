"""What a study asks of the book: whether it needs it at all, and its settings as numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import Refusal
from engine.options.book_layout import (
    AMERICAN,
    BARS_OF_DAY,
    DIVIDEND,
    GREEKS,
    KEEPS,
    OF_SPOT,
    OWN_WIDTH,
    PHYSICAL,
    QUOTED_PRICES,
    RATE,
    SECURED,
    UNDERLYING_COMMISSION,
    UNDERLYING_MARGIN,
    UNDERLYING_POINTS,
    UNDERLYING_SHARE,
    WIDER_NEAR,
    WIDER_OTM,
    YEARS_OF_BAR,
    YIELD_RATE,
)
from engine.options.legs import Leg
from engine.options.path_margin import underlying_share
from engine.options.settings import OptionSettings

__all__ = [
    "asks_for_book",
    "check_book",
    "check_rules",
    "encode_own",
    "holds_underlying",
    "legs_field",
    "settled_in",
]


def holds_underlying(legs: Sequence[Leg]) -> bool:
    """Whether a strategy keeps the underlying from one position to the next."""
    return any(leg.right == "underlying" or leg.when != "always" for leg in legs)


def settled_in(strategy: Any, settings: OptionSettings) -> str:
    """Return ``cash`` or ``physical``, by the strategy where it insists, else by the study."""
    return getattr(strategy, "settlement", None) or settings.settlement


def asks_for_book(strategy: Any, legs: Sequence[Leg], settings: OptionSettings) -> bool:
    """Whether every set of a study is traded by the book, by what the study says."""
    wider = settings.spread.wider_otm > 0.0 or settings.spread.wider_near > 0.0
    return bool(
        settings.greeks
        or settings.exercise == "american"
        or settled_in(strategy, settings) == "physical"
        or holds_underlying(legs)
        or strategy.secured
        or strategy.indicators
        or strategy.hooks()
        or settings.listing is not None
        or settings.chain is not None
        or wider
    )


def check_book(strategy: Any, legs: Sequence[Leg], settings: OptionSettings) -> None:
    """Refuse what the book cannot hold.

    Raises
    ------
    Refusal
        If the underlying would have to be kept beyond the expiry of a model's future, or there is
        no option among the legs.
    """
    if all(leg.right == "underlying" for leg in legs):
        raise Refusal(legs_field(strategy), "the underlying alone", "at least one call or put")
    if settings.listing is None and settings.chain is None:
        for place, leg in enumerate(legs):
            given = [name for name in ("nth", "window", "kinds") if getattr(leg, name) is not None]
            if given:
                raise Refusal(
                    f"{legs_field(strategy)}.{place}.{given[0]}",
                    f"{getattr(leg, given[0])} without listed expiries",
                    "null, or a study with options.listing or options.chain",
                )
    keeps = holds_underlying(legs) or strategy.trades_underlying()
    if keeps and settings.underlying == "future":
        raise Refusal(
            "options.underlying",
            f"future with {strategy.name}, which holds the underlying beyond an expiry",
            "price",
        )


def legs_field(strategy: Any) -> str:
    """Return where the legs of a study are written: in its settings, or by the strategy."""
    return f"{strategy.name}.legs" if getattr(strategy, "leg_groups", {}) else "options.legs"


def check_rules(strategy: Any, parameters: NDArray[np.float64], settings: OptionSettings) -> None:
    """Refuse values of rules that need what a set or a study has not.

    Parameters
    ----------
    strategy : type
        The strategy.
    parameters : ndarray of float64, shape (sets, parameters)
        Encoded, in the order of its declarations.
    settings : OptionSettings
        Of the study.

    Raises
    ------
    Refusal
        If risk is sized without a stop loss, or volatility that never changes is ranked.
    """
    declared = strategy.parameters
    place = {name: column for column, name in enumerate(declared)}

    def column(name: str) -> NDArray[np.float64]:
        return parameters[:, place[name]]

    rolls = column("roll") != declared["roll"].encode("recentre")
    if strategy.hooks() and (rolls.any() or (column("entry_every") != 0.0).any()):
        raise Refusal(
            "strategy.parameters",
            f"roll or entry_every with {strategy.name}, whose on_bar opens its positions",
            "their defaults",
        )
    by_risk = column("sizing") == declared["sizing"].encode("risk")
    without = column("stop_loss") != column("stop_loss")
    if (by_risk & without).any():
        raise Refusal(
            "strategy.parameters.sizing",
            "risk without stop_loss",
            "a stop_loss, which says what is risked",
        )
    ranks = column("volatility_rank")
    if (ranks == ranks).any() and settings.volatility.kind != "realised":
        raise Refusal(
            "strategy.parameters.volatility_rank",
            f"a rank of the volatility {settings.volatility.kind}, which never changes",
            "null; a rank of the volatility realised",
        )


def encode_own(
    strategy: Any,
    legs: Sequence[Leg],
    settings: OptionSettings,
    bar_years: float,
    bars_per_session: float,
) -> NDArray[np.float64]:
    """Return what the book reads of the settings, shape (OWN_WIDTH,).

    Parameters
    ----------
    strategy : type
        The strategy.
    legs : sequence of Leg
        Of the strategy, or of the study.
    settings : OptionSettings
        Of the study.
    bar_years, bars_per_session : float
        Length of a bar in years, and bars of a day.
    """
    own = np.zeros(OWN_WIDTH)
    spot = settings.pricing == "black_scholes"
    costs = settings.underlying_costs
    own[GREEKS] = settings.greeks
    own[AMERICAN] = settings.exercise == "american"
    own[PHYSICAL] = settled_in(strategy, settings) == "physical"
    own[KEEPS] = holds_underlying(legs) or strategy.trades_underlying()
    own[OF_SPOT] = spot
    own[RATE] = settings.rate
    own[YIELD_RATE] = settings.dividend if spot else settings.rate
    own[DIVIDEND] = settings.dividend if spot else 0.0
    own[UNDERLYING_SHARE], own[UNDERLYING_POINTS] = 0.01 * costs.percent, costs.points
    own[UNDERLYING_COMMISSION] = costs.commission
    own[UNDERLYING_MARGIN] = underlying_share(settings)
    own[YEARS_OF_BAR], own[BARS_OF_DAY] = bar_years, bars_per_session
    own[SECURED], own[QUOTED_PRICES] = strategy.secured, settings.chain is not None
    own[WIDER_OTM], own[WIDER_NEAR] = settings.spread.wider_otm, settings.spread.wider_near
    return own
