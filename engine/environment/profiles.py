"""Markets that environments are made of by name: terms, costs, calendar, and paths by default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from engine.calendar import BarCalendar
from engine.errors import Refusal
from engine.execution import Commission, Execution, Slippage
from engine.execution.instruments import INSTRUMENTS

__all__ = ["PROFILES", "Profile", "profile_of"]


@dataclass(frozen=True)
class Profile:
    """A market.

    Parameters
    ----------
    execution : Execution
        Instrument, cash and costs.
    calendar : BarCalendar
        Exchange and timeframe of the bars.
    s0 : float
        Price at which paths of models start.
    volatility : float
        Annual, of the geometric Brownian motion that is the source where none is given. It has no
        drift: nothing can be earned on it but by luck.
    """

    execution: Execution
    calendar: BarCalendar
    s0: float
    volatility: float


PROFILES: Final[dict[str, Profile]] = {
    # One contract, flat over night; a commission of a retail broker with the exchange's fees.
    "mes_intraday": Profile(
        Execution.model_validate(
            {
                "cash": 10_000.0,
                "instrument": "MES",
                "commission": Commission(per_unit=0.62),
                "slippage": Slippage(ticks=1.0),
                "position_limit": 1.0,
                "flat_at": "close",
            }
        ),
        BarCalendar("CMES", "1m"),
        5_000.0,
        0.17,
    ),
    "mes_daily": Profile(
        Execution.model_validate(
            {
                "cash": 25_000.0,
                "instrument": "MES",
                "commission": Commission(per_unit=0.62),
                "slippage": Slippage(ticks=1.0),
                "position_limit": 1.0,
            }
        ),
        BarCalendar("CMES", "1d"),
        5_000.0,
        0.17,
    ),
}


def profile_of(
    market: str, execution: Execution | Mapping[str, Any] | None, calendar: BarCalendar | None
) -> Profile:
    """Return a profile by its name, or one of an instrument's preset.

    Parameters
    ----------
    market : str
        A key of `PROFILES`, or an instrument's preset (`engine.execution.instruments`): 100,000 of
        cash, no costs, daily bars.
    execution : Execution or mapping, optional
        Settings in place of the profile's: an `Execution` replaces them all, a mapping those that
        it names.
    calendar : BarCalendar, optional
        In place of the profile's.

    Raises
    ------
    Refusal
        If there is no such market, or a setting is not allowed.
    """
    if market in PROFILES:
        found = PROFILES[market]
    elif market in INSTRUMENTS:
        futures = INSTRUMENTS[market].futures
        found = Profile(
            Execution.model_validate({"instrument": market}),
            BarCalendar("CMES" if futures else "XNYS"),
            5_000.0 if futures else 100.0,
            0.17,
        )
    else:
        raise Refusal("market", repr(market), ", ".join((*PROFILES, *sorted(INSTRUMENTS))))
    settings = found.execution
    if isinstance(execution, Execution):
        settings = execution
    elif execution is not None:
        if not isinstance(execution, Mapping):
            raise Refusal("execution", repr(execution), "an Execution, or settings by name")
        own = {name: getattr(settings, name) for name in Execution.model_fields}
        settings = Execution.of({**own, **execution}, "execution")
    return Profile(settings, calendar or found.calendar, found.s0, found.volatility)
