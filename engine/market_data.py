"""What a study needs to know of the outside: bars and calibrations, by name."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    from engine.bars import Bars
    from engine.calibration import Calibration

__all__ = ["Adjustment", "MarketData", "PaidMarketData"]

#: What is taken out of prices: splits and dividends, splits alone, or nothing.
Adjustment = Literal["all", "split", "raw"]


class MarketData(Protocol):
    """Bars and calibrations that study files refer to by symbol."""

    def bars(self, symbol: str, timeframe: str, *, columns: Sequence[str] = ()) -> Bars:
        """Bars of a series, oldest first, with columns of its own by name.

        ValueError if there are none, a `Refusal` of ``columns`` if it has no such column.
        """
        ...

    def calibration(
        self,
        symbol: str,
        timeframe: str,
        model: str,
        as_of: Literal["latest"] | datetime.date,
    ) -> Calibration:
        """Calibration of a model on a series; ValueError if there is none."""
        ...


@runtime_checkable
class PaidMarketData(MarketData, Protocol):
    """Market data that knows dividends apart from prices."""

    def paid_bars(
        self,
        symbol: str,
        timeframe: str,
        adjustment: Literal["split", "raw"],
        *,
        columns: Sequence[str] = (),
    ) -> Bars:
        """Bars whose column ``dividend_yield`` says what is paid at their opens."""
        ...
