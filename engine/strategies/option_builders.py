"""Names by which `Strategy` begins an option strategy; these live in the room above."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

__all__ = ["OF_OPTIONS", "OF_TICKS", "OptionBuilders"]

#: The built-in strategies of ticks, by name, each in a file of `engine.ticks` of its name.
OF_TICKS: Final = {"ofi": "OrderFlowImbalance"}

#: The built-in option strategies of `engine.options.built_ins`, by name.
OF_OPTIONS: Final = {
    "bear_call_spread": "BearCallSpread",
    "bear_put_spread": "BearPutSpread",
    "bull_call_spread": "BullCallSpread",
    "bull_put_spread": "BullPutSpread",
    "butterfly": "Butterfly",
    "calendar_spread": "CalendarSpread",
    "cash_secured_put": "CashSecuredPut",
    "collar": "Collar",
    "covered_call": "CoveredCall",
    "diagonal_spread": "DiagonalSpread",
    "iron_butterfly": "IronButterfly",
    "iron_condor": "IronCondor",
    "long_straddle": "LongStraddle",
    "long_strangle": "LongStrangle",
    "option_legs": "OptionLegs",
    "ratio_spread": "RatioSpread",
    "short_put": "ShortPut",
    "short_straddle": "ShortStraddle",
    "short_strangle": "ShortStrangle",
    "wheel": "Wheel",
}


def _begin(name: str) -> Callable[[], Any]:
    def begin() -> Any:
        return import_module("engine.options.builder").OptionBuilder(name)

    begin.__name__ = begin.__qualname__ = name
    begin.__doc__ = f"Begin a `{name}`: one method per parameter, then ``build()``."
    return begin


class OptionBuilders:
    """Begins built-in option strategies: ``Strategy.short_strangle().put_otm(2.0).build()``."""

    bear_call_spread = staticmethod(_begin("bear_call_spread"))
    bear_put_spread = staticmethod(_begin("bear_put_spread"))
    bull_call_spread = staticmethod(_begin("bull_call_spread"))
    bull_put_spread = staticmethod(_begin("bull_put_spread"))
    butterfly = staticmethod(_begin("butterfly"))
    calendar_spread = staticmethod(_begin("calendar_spread"))
    cash_secured_put = staticmethod(_begin("cash_secured_put"))
    collar = staticmethod(_begin("collar"))
    covered_call = staticmethod(_begin("covered_call"))
    diagonal_spread = staticmethod(_begin("diagonal_spread"))
    iron_butterfly = staticmethod(_begin("iron_butterfly"))
    iron_condor = staticmethod(_begin("iron_condor"))
    long_straddle = staticmethod(_begin("long_straddle"))
    long_strangle = staticmethod(_begin("long_strangle"))
    ratio_spread = staticmethod(_begin("ratio_spread"))
    short_put = staticmethod(_begin("short_put"))
    short_straddle = staticmethod(_begin("short_straddle"))
    short_strangle = staticmethod(_begin("short_strangle"))
    wheel = staticmethod(_begin("wheel"))
