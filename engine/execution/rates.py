"""Annual rates of an account: a constant, a column of the bars, or a series that is stored."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field

from engine.settings import SettingsGroup

__all__ = ["BorrowRate", "FundingRate", "InterestRate", "MarginRate", "Rate", "StoredRate"]


class StoredRate(SettingsGroup):
    """A rate that is a series of the project: the last close that was known at a bar's open.

    Parameters
    ----------
    series : str
        Its symbol, such as ``^IRX``.
    timeframe : str
        Length of its bars.
    scale : float
        What its closes are multiplied with to be a rate: 0.01 where they are percent.
    """

    series: str
    timeframe: str = "1d"
    scale: float = Field(default=1.0, ge=1e-9, le=1e9)

    @property
    def column(self) -> str:
        """Name of the column of the bars that a study keeps it in."""
        return re.sub(r"\W", "_", f"rate_{self.series}_{self.timeframe}_{self.scale!r}")


Rate = float | str | StoredRate

InterestRate = Annotated[float, Field(ge=-1, le=10)] | str | StoredRate
MarginRate = Annotated[float, Field(ge=0, le=10)] | str | StoredRate
BorrowRate = Annotated[float, Field(ge=0, le=100)] | str | StoredRate
FundingRate = Annotated[float, Field(ge=-100, le=100)] | str | StoredRate
