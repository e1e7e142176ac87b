"""Traded instruments: contract terms, margin, and presets."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field, model_validator

from engine.errors import Refusal
from engine.execution.futures import FUTURES, Contract
from engine.execution.published_margins import PUBLISHED_MARGINS
from engine.execution.rates import BorrowRate, FundingRate
from engine.execution.session import Session
from engine.execution.session_bars import closed_bars
from engine.settings import SettingsGroup

__all__ = ["INSTRUMENTS", "LARGE", "QUOTE", "Instrument", "named_instrument"]

#: Currency of an instrument that is a pair of two: the second in the symbol's name.
QUOTE: Final = "quote"

#: Beyond it a multiplier, a tick, a lot or a margin per unit is a slip of the pen.
LARGE: Final = 1e9

# A lot that is smaller is below what a float64 tells apart in positions of a thousand.
_LEAST_LOT: Final = 1e-12


def _some_or_none(lot_size: float) -> float:
    if 0.0 < lot_size < _LEAST_LOT:
        raise Refusal("", repr(lot_size), f"0 for any fraction, or at least {_LEAST_LOT:g}")
    return lot_size


class Instrument(SettingsGroup):
    """Terms on which a symbol trades.

    Parameters
    ----------
    multiplier : float
        The instrument's currency per point of price and unit.
    tick_size : float
        Smallest price step: of slippage in ticks, and of the prices at which orders rest.
    tick_rounding : {"away", "none"}
        Whether the prices of limits, stops and exits are moved to whole ticks: away from the
        market, a buy stop and a sell limit up, a sell stop and a buy limit down; within a
        millionth of a tick they are on it. Default: "away" where `tick_size` is written, "none"
        where it is not.
    lot_size : float
        Units trade in whole multiples of it; 0 for any fraction.
    currency : str
        Of price, margin per unit and profit; ``quote``: the second of a pair, as JPY of
        ``USDJPY``, in which profit is made while the price is not paid. Other names than those of
        pairs are then of the account's currency.
    initial_margin, maintenance_margin : float
        Share of notional that a position ties up, and below which it is liquidated. 1 is an
        unlevered account.
    initial_margin_per_unit, maintenance_margin_per_unit : float
        Margin per unit (futures), added to the shares above.
    shortable : bool
        Whether the position may be negative.
    borrow_rate : float, str or StoredRate
        Annual cost of holding a short position, share of its value at the close before: a
        constant, a column of the bars that holds from the close of its bar on, or a stored series.
    funding : float, str or StoredRate
        Of perpetual contracts: annual rate that a long position pays on its value and a short one
        receives (0.01 % every eight hours is 0.1095), a constant or a stored series; or the name
        of a column of the bars, the share of its value that a long position pays over each bar, NaN
        for nothing. The value is that at the close before.
    session : Session, optional
        Trading hours: orders fill only in bars that open inside them, and wait otherwise.
        ``{zone: America/New_York, open: "09:30", close: "16:00"}``, ``{exchange: XNYS}`` with its
        holidays and early closes, or a pair of times in UTC. Needs bars with timestamps.
    futures : bool
        The price is not paid on entry: cash moves by profit, loss and costs alone.
    """

    multiplier: float = Field(default=1.0, ge=1e-9, le=LARGE)
    tick_size: float = Field(default=0.01, ge=1e-12, le=LARGE)
    tick_rounding: Literal["away", "none"] = "none"
    lot_size: Annotated[float, AfterValidator(_some_or_none)] = Field(default=1.0, ge=0, le=LARGE)
    currency: str = "USD"
    initial_margin: float = Field(default=1.0, ge=0, le=100)
    maintenance_margin: float = Field(default=0.0, ge=0, le=100)
    initial_margin_per_unit: float = Field(default=0.0, ge=0, le=LARGE)
    maintenance_margin_per_unit: float = Field(default=0.0, ge=0, le=LARGE)
    shortable: bool = True
    borrow_rate: BorrowRate = 0.0
    funding: FundingRate = 0.0
    session: Session | None = None
    futures: bool = False

    @model_validator(mode="before")
    @classmethod
    def _written_ticks_count(cls, given: Any) -> Any:
        """Resolve `tick_rounding`, so that it is among the settings that make a world."""
        if isinstance(given, dict) and "tick_size" in given and "tick_rounding" not in given:
            return given | {"tick_rounding": "away"}
        return given

    @property
    def lot_size_as_fraction(self) -> tuple[float, float]:
        """Numerator and denominator of the lot as it is written: 0.05 is 1 / 20.

        A number of lots times the one over the other is the decimal that a person would write.
        Both are 0 where any fraction trades.
        """
        return _as_fraction(self.lot_size)

    @property
    def tick_as_fraction(self) -> tuple[float, float]:
        """Numerator and denominator of the tick as it is written; both 0 without rounding."""
        return _as_fraction(0.0 if self.tick_rounding == "none" else self.tick_size)

    def closed(
        self, timestamps: NDArray[np.int64], minutes: int | None = None
    ) -> NDArray[np.int64]:
        """Return which bars lie outside the session.

        Parameters
        ----------
        timestamps : ndarray of int64, shape (bars,)
            Opening instants, microseconds since 1970-01-01 UTC.
        minutes : int, optional
            Length of a bar; None: the shortest time between two of them.

        Returns
        -------
        ndarray of int64, shape (bars,)
            1 for a bar outside the session, else 0.
        """
        return closed_bars(self.session, timestamps, minutes)


def _as_fraction(step: float) -> tuple[float, float]:
    if step == 0.0:
        return 0.0, 0.0
    fraction = Fraction(repr(step))
    return float(fraction.numerator), float(fraction.denominator)


def _future(terms: Contract) -> Instrument:
    return Instrument(
        multiplier=terms.multiplier,
        tick_size=terms.tick,
        initial_margin=0.0,
        initial_margin_per_unit=terms.initial,
        maintenance_margin_per_unit=terms.maintenance,
        futures=True,
    )


# No preset has hours: paths of models have no instants. `session: published` asks for them.
INSTRUMENTS: Final[dict[str, Instrument]] = {
    "equity": Instrument(),
    "equity_margin": Instrument(initial_margin=0.5, maintenance_margin=0.25),
    # The tick of a coin differs with its price: a cent is none for one of a dollar.
    "crypto": Instrument(lot_size=0.0, tick_rounding="none"),
    "fx": Instrument(
        lot_size=1000.0,
        tick_size=0.0001,
        currency=QUOTE,
        initial_margin=0.02,
        maintenance_margin=0.01,
    ),
    **{symbol: _future(terms) for symbol, terms in FUTURES.items()},
}


def named_instrument(given: Any) -> Any:
    """Return the preset that a name stands for, or one with other terms.

    Parameters
    ----------
    given : object
        Name of a preset; a mapping with ``preset``, and the terms that differ from it; anything
        else is returned as it is. ``session: published`` are the hours of a futures contract,
        ``margin: published`` what its clearing house asked of it (`PUBLISHED_MARGINS`).

    Raises
    ------
    Refusal
        If there is no such preset, or it has no published hours or margins.
    """
    if isinstance(given, str):
        return _preset(given)
    if not isinstance(given, dict):
        return given
    if "preset" not in given:
        for name in ("session", "margin"):
            if given.get(name) == "published":
                raise Refusal(
                    name, "'published' without a preset", f"beside preset: {', '.join(FUTURES)}"
                )
        return given
    terms = {name: value for name, value in given.items() if name != "preset"}
    preset = _preset(given["preset"])
    for name in ("session", "margin"):
        if terms.get(name) == "published" and given["preset"] not in FUTURES:
            raise Refusal(name, f"'published' of {given['preset']}", ", ".join(FUTURES))
    if terms.get("session") == "published":
        terms["session"] = FUTURES[given["preset"]].hours
    if "margin" in terms:
        if terms.pop("margin") != "published":
            raise Refusal("margin", repr(given["margin"]), "published")
        written = [name for name in Instrument.model_fields if "margin" in name and name in terms]
        if written:
            raise Refusal("margin", f"'published' beside {' and '.join(written)}", "one of the two")
        margin = PUBLISHED_MARGINS[given["preset"]]
        terms["initial_margin_per_unit"] = margin.initial
        terms["maintenance_margin_per_unit"] = margin.maintenance
    return {name: getattr(preset, name) for name in type(preset).model_fields} | terms


def _preset(name: Any) -> Instrument:
    if name not in INSTRUMENTS:
        raise Refusal("", repr(name), ", ".join(sorted(INSTRUMENTS)))
    return INSTRUMENTS[name]
