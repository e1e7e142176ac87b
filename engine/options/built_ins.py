"""The built-in option strategies: each a few legs, as data."""

from __future__ import annotations

from engine.options.layout import FIRST_LEG, STRIKE_RULES
from engine.options.legs import Leg
from engine.options.strategies import OptionStrategy
from engine.strategies.parameters import Choice, Float, Int

__all__ = [
    "BearCallSpread",
    "BearPutSpread",
    "BullCallSpread",
    "BullPutSpread",
    "Butterfly",
    "CalendarSpread",
    "CashSecuredPut",
    "Collar",
    "CoveredCall",
    "DiagonalSpread",
    "IronButterfly",
    "IronCondor",
    "LongStraddle",
    "LongStrangle",
    "OptionLegs",
    "RatioSpread",
    "ShortPut",
    "ShortStraddle",
    "ShortStrangle",
    "Wheel",
]

_STRIKES = [word for rule, word in enumerate(STRIKE_RULES) if rule != FIRST_LEG]


def _otm(default: float, what: str) -> Float:
    return Float(
        default, low=0.0, high=1000.0, doc=f"how far {what} out of the money, by `strikes`"
    )


class OptionLegs(OptionStrategy):
    """The legs that a study lists in `options.legs`."""

    name = "option_legs"


class _OfOneExpiry(OptionStrategy):
    """Legs of one expiry, whose strikes follow one rule."""

    name = "of_one_expiry"

    strikes = Choice("percent", _STRIKES, doc="rule by which strikes are chosen")
    dte = Int(21, low=1, high=1000, doc="days to expiry at entry")


def _leg(
    side: str, right: str, otm: Float | float, ratio: float = 1.0, when: str = "always"
) -> Leg:
    """Make a leg by the two parameters of `_OfOneExpiry`."""
    own = {"by": _OfOneExpiry.strikes, "days": _OfOneExpiry.dte, "when": when}
    return Leg.model_validate({"side": side, "right": right, "otm": otm, "ratio": ratio, **own})


class ShortStrangle(_OfOneExpiry):
    """Sell a put below the price and a call above it.

    It earns the premium where the underlying stays between the strikes, and loses without bound
    where it does not.
    """

    name = "short_strangle"

    put_otm = _otm(2.0, "the put is")
    call_otm = _otm(2.0, "the call is")
    legs = (_leg("sell", "put", put_otm), _leg("sell", "call", call_otm))


class LongStrangle(_OfOneExpiry):
    """Buy a put below the price and a call above it: a bet on a large move of either sign."""

    name = "long_strangle"

    put_otm = _otm(2.0, "the put is")
    call_otm = _otm(2.0, "the call is")
    legs = (_leg("buy", "put", put_otm), _leg("buy", "call", call_otm))


class _AtTheMoney(OptionStrategy):
    """Legs at the money, of one expiry."""

    name = "at_the_money"

    dte = Int(21, low=1, high=1000, doc="days to expiry at entry")


class ShortStraddle(_AtTheMoney):
    """Sell a put and a call at the money: the most premium, and the least room to move."""

    name = "short_straddle"

    legs = (
        Leg(side="sell", right="put", days=_AtTheMoney.dte),
        Leg(side="sell", right="call", days=_AtTheMoney.dte),
    )


class LongStraddle(_AtTheMoney):
    """Buy a put and a call at the money: long volatility, short time."""

    name = "long_straddle"

    legs = (
        Leg(side="buy", right="put", days=_AtTheMoney.dte),
        Leg(side="buy", right="call", days=_AtTheMoney.dte),
    )


class ShortPut(_OfOneExpiry):
    """Sell a put below the price; cash-secured where the account holds the strike."""

    name = "short_put"

    put_otm = _otm(2.0, "the put is")
    legs = (_leg("sell", "put", put_otm),)


class BullPutSpread(_OfOneExpiry):
    """Sell a put and buy one further out of the money: a credit, and a loss that is bounded."""

    name = "bull_put_spread"

    put_otm = _otm(2.0, "the put that is sold lies")
    put_wing_otm = _otm(5.0, "the put that is bought lies")
    legs = (_leg("sell", "put", put_otm), _leg("buy", "put", put_wing_otm))


class BearCallSpread(_OfOneExpiry):
    """Sell a call and buy one further out of the money: a credit, and a loss that is bounded."""

    name = "bear_call_spread"

    call_otm = _otm(2.0, "the call that is sold lies")
    call_wing_otm = _otm(5.0, "the call that is bought lies")
    legs = (_leg("sell", "call", call_otm), _leg("buy", "call", call_wing_otm))


class BullCallSpread(_OfOneExpiry):
    """Buy a call and sell one further out of the money: a rise, paid for in part by its end."""

    name = "bull_call_spread"

    call_otm = _otm(0.0, "the call that is bought lies")
    call_wing_otm = _otm(5.0, "the call that is sold lies")
    legs = (_leg("buy", "call", call_otm), _leg("sell", "call", call_wing_otm))


class BearPutSpread(_OfOneExpiry):
    """Buy a put and sell one further out of the money: a fall, paid for in part by its end."""

    name = "bear_put_spread"

    put_otm = _otm(0.0, "the put that is bought lies")
    put_wing_otm = _otm(5.0, "the put that is sold lies")
    legs = (_leg("buy", "put", put_otm), _leg("sell", "put", put_wing_otm))


class IronCondor(_OfOneExpiry):
    """A strangle that is sold, and a wider one that is bought: its loss is bounded."""

    name = "iron_condor"

    put_otm = _otm(2.0, "the put that is sold lies")
    call_otm = _otm(2.0, "the call that is sold lies")
    put_wing_otm = _otm(5.0, "the put that is bought lies")
    call_wing_otm = _otm(5.0, "the call that is bought lies")
    legs = (
        _leg("sell", "put", put_otm),
        _leg("sell", "call", call_otm),
        _leg("buy", "put", put_wing_otm),
        _leg("buy", "call", call_wing_otm),
    )


class IronButterfly(_OfOneExpiry):
    """A straddle that is sold, and a strangle that is bought around it."""

    name = "iron_butterfly"

    put_wing_otm = _otm(5.0, "the put that is bought lies")
    call_wing_otm = _otm(5.0, "the call that is bought lies")
    legs = (
        Leg(side="sell", right="put", days=_OfOneExpiry.dte),
        Leg(side="sell", right="call", days=_OfOneExpiry.dte),
        _leg("buy", "put", put_wing_otm),
        _leg("buy", "call", call_wing_otm),
    )


class Butterfly(OptionStrategy):
    """Buy a call on either side of two that are sold at the money: a bet on standing still."""

    name = "butterfly"

    width = Float(5.0, low=0.01, high=99.0, doc="percent from the middle to the upper strike")
    lower_width = Float(-5.0, low=-99.0, high=-0.01, doc="percent from it to the lower, below 0")
    dte = Int(21, low=1, high=1000, doc="days to expiry at entry")
    legs = (
        Leg(side="buy", right="call", otm=lower_width, days=dte),
        Leg(side="sell", right="call", days=dte, ratio=2.0),
        Leg(side="buy", right="call", otm=width, days=dte),
    )


class CalendarSpread(OptionStrategy):
    """Sell a near call at the money of its expiry and buy a far one of the same strike.

    Both legs are closed when the near one expires.
    """

    name = "calendar_spread"
    near_and_far = ("dte", "far_dte")

    dte = Int(21, low=1, high=1000, doc="days to expiry of the near leg")
    far_dte = Int(63, low=1, high=1000, doc="days to expiry of the far leg")
    legs = (
        Leg(side="sell", right="call", days=dte),
        Leg(side="buy", right="call", by="first_leg", days=far_dte),
    )


class DiagonalSpread(OptionStrategy):
    """Sell a near call above the price and buy a far one at the money.

    Both legs are closed when the near one expires.
    """

    name = "diagonal_spread"
    near_and_far = ("dte", "far_dte")

    call_otm = Float(3.0, low=0.0, high=99.0, doc="percent that the near call is out of the money")
    dte = Int(21, low=1, high=1000, doc="days to expiry of the near leg")
    far_dte = Int(63, low=1, high=1000, doc="days to expiry of the far leg")
    legs = (
        Leg(side="sell", right="call", otm=call_otm, days=dte),
        Leg(side="buy", right="call", days=far_dte),
    )


class RatioSpread(_OfOneExpiry):
    """Buy a put at the money and sell several further out: a small fall earns, a crash does not."""

    name = "ratio_spread"

    put_otm = _otm(4.0, "the puts that are sold lie")
    ratio = Float(2.0, low=1.0, high=10.0, doc="puts that are sold for each that is bought")
    legs = (
        Leg(side="buy", right="put", days=_OfOneExpiry.dte),
        Leg(
            side="sell",
            right="put",
            otm=put_otm,
            by=_OfOneExpiry.strikes,
            days=_OfOneExpiry.dte,
            ratio=ratio,
        ),
    )


class CashSecuredPut(_OfOneExpiry):
    """Sell a put below the price, and keep its strike in money: what buying at it would take."""

    name = "cash_secured_put"
    secured = True

    put_otm = _otm(2.0, "the put is")
    legs = (_leg("sell", "put", put_otm),)


class CoveredCall(_OfOneExpiry):
    """Hold the underlying and sell a call above its price: its rise beyond is given away."""

    name = "covered_call"

    call_otm = _otm(2.0, "the call is")
    legs = (Leg(side="buy", right="underlying"), _leg("sell", "call", call_otm))


class Collar(_OfOneExpiry):
    """Hold the underlying, buy a put below it and pay for that with a call that is sold above."""

    name = "collar"

    put_otm = _otm(5.0, "the put is")
    call_otm = _otm(5.0, "the call is")
    legs = (
        Leg(side="buy", right="underlying"),
        _leg("buy", "put", put_otm),
        _leg("sell", "call", call_otm),
    )


class Wheel(_OfOneExpiry):
    """Sell puts until one is assigned, then calls on what was bought until that is called away.

    Always settled by delivery; puts ask for their strikes in money.
    """

    name = "wheel"
    settlement = "physical"
    secured = True

    put_otm = _otm(2.0, "the put is")
    call_otm = _otm(2.0, "the call is")
    legs = (
        _leg("sell", "put", put_otm, when="flat"),
        _leg("sell", "call", call_otm, when="holding"),
    )
