"""Traded instruments: contract terms, margin, and presets."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from engine.execution.session import Session

__all__ = ["INSTRUMENTS", "QUOTE", "Instrument"]

#: Currency of an instrument that is a pair of two: the second in the symbol's name.
QUOTE: Final = "quote"


class Instrument(BaseModel):
    """Terms on which a symbol trades.

    Parameters
    ----------
    multiplier : float
        The instrument's currency per point of price and unit.
    tick_size : float
        Smallest price step, used by slippage in ticks.
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
    borrow_rate : float
        Annual cost of holding a short position, share of its value.
    session : Session, optional
        Trading hours: orders fill only in bars that open inside them, and wait otherwise.
        ``{zone: America/New_York, open: "09:30", close: "16:00"}``, ``{exchange: XNYS}`` with its
        holidays and early closes, or a pair of times in UTC. Needs bars with timestamps.
    futures : bool
        The price is not paid on entry: cash moves by profit, loss and costs alone.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    multiplier: float = Field(default=1.0, gt=0)
    tick_size: float = Field(default=0.01, gt=0)
    lot_size: float = Field(default=1.0, ge=0)
    currency: str = "USD"
    initial_margin: float = Field(default=1.0, ge=0)
    maintenance_margin: float = Field(default=0.0, ge=0)
    initial_margin_per_unit: float = Field(default=0.0, ge=0)
    maintenance_margin_per_unit: float = Field(default=0.0, ge=0)
    shortable: bool = True
    borrow_rate: float = Field(default=0.0, ge=0)
    session: Session | None = None
    futures: bool = False

    @property
    def lot_size_as_fraction(self) -> tuple[float, float]:
        """Numerator and denominator of the lot as it is written: 0.05 is 1 / 20.

        A number of lots times the one over the other is the decimal that a person would write.
        Both are 0 where any fraction trades.
        """
        if self.lot_size == 0.0:
            return 0.0, 0.0
        fraction = Fraction(repr(self.lot_size))
        return float(fraction.numerator), float(fraction.denominator)

    def closed(self, timestamps: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return which bars lie outside the session.

        Parameters
        ----------
        timestamps : ndarray of int64, shape (bars,)
            Opening instants, microseconds since 1970-01-01 UTC.

        Returns
        -------
        ndarray of int64, shape (bars,)
            1 for a bar outside the session, else 0.
        """
        if self.session is None:
            return np.zeros(len(timestamps), dtype=np.int64)
        return (~self.session.holds(timestamps)).astype(np.int64)


def _future(multiplier: float, tick: float, initial: float, maintenance: float) -> Instrument:
    return Instrument(
        multiplier=multiplier,
        tick_size=tick,
        initial_margin=0.0,
        initial_margin_per_unit=initial,
        maintenance_margin_per_unit=maintenance,
        futures=True,
    )


# Contract terms are the exchange's; margins move with the market, so override them for a study
# that depends on them.
INSTRUMENTS: Final[dict[str, Instrument]] = {
    "equity": Instrument(),
    "equity_margin": Instrument(initial_margin=0.5, maintenance_margin=0.25),
    "crypto": Instrument(lot_size=0.0, tick_size=0.01),
    "fx": Instrument(
        lot_size=1000.0,
        tick_size=0.0001,
        currency=QUOTE,
        initial_margin=0.02,
        maintenance_margin=0.01,
    ),
    "ES": _future(50.0, 0.25, 22_000.0, 20_000.0),
    "MES": _future(5.0, 0.25, 2_200.0, 2_000.0),
    "CL": _future(1000.0, 0.01, 6_600.0, 6_000.0),
}
