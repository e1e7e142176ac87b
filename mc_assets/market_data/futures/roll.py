"""Which contract is held over each night."""

from __future__ import annotations

from typing import Literal

import numpy as np
import polars as pl
from pydantic import BaseModel, ConfigDict, Field

from mc_assets.providers import MarketDataError

__all__ = ["RollRule", "held_contracts"]


class RollRule(BaseModel):
    """When a position is rolled into the next contract.

    Parameters
    ----------
    rule : {"days", "volume"}
        *days*: at the close `days` trading days before the last trade date. *volume*: at the
        first close at which the next contract traded more, at the latest as *days* says.
    days : int
        0 rolls at the close of the last trade date.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    rule: Literal["days", "volume"] = "days"
    days: int = Field(default=0, ge=0, le=250)


def held_contracts(curve: pl.DataFrame, roll: RollRule) -> pl.DataFrame:
    """Contract held over the night after each day.

    Parameters
    ----------
    curve : polars.DataFrame
        `curve.CURVE_SCHEMA`.
    roll : RollRule
        When to roll.

    Returns
    -------
    polars.DataFrame
        ``date`` and ``contract``, one row per day of the curve. A position never goes back
        to a nearer contract.

    Raises
    ------
    MarketDataError
        If the volume rule has no volumes, or a day has no contract left to hold.
    """
    if curve.is_empty():
        raise MarketDataError("curve", "no prices", "at least one day of them")
    if roll.rule == "volume" and curve["volume"].null_count() == curve.height:
        raise MarketDataError("roll", "no volumes in the curve", "rule: days")
    days = curve["date"].unique().sort()
    calendar = curve.select("contract", "expiry").unique().sort("expiry")
    names = calendar["contract"].to_list()
    # Trading days from each day to each last trade date; weekdays beyond the data.
    numbers = days.cast(pl.Int32).to_numpy()
    ends = calendar["expiry"].cast(pl.Int32).to_numpy()
    left = _trading_days(numbers, ends)
    volumes = {
        (day, name): volume
        for day, name, volume in curve.select("date", "contract", "volume").iter_rows()
    }
    held: list[str] = []
    current = 0
    for place, day in enumerate(days.to_list()):
        while current < len(names) and left[place, current] <= roll.days:
            current += 1
        if roll.rule == "volume":
            while current + 1 < len(names) and _busier(volumes, day, names, current):
                current += 1
        if current >= len(names):
            raise MarketDataError(
                "roll", f"no contract to hold after {day}", "a curve with later contracts"
            )
        held.append(names[current])
    return pl.DataFrame({"date": days, "contract": held})


def _busier(
    volumes: dict[tuple[object, str], float | None], day: object, names: list[str], current: int
) -> bool:
    mine = volumes.get((day, names[current])) or 0.0
    other = volumes.get((day, names[current + 1])) or 0.0
    return other > mine


def _trading_days(days: np.ndarray, ends: np.ndarray) -> np.ndarray:
    after = np.searchsorted(days, ends, side="right")
    counted: np.ndarray = after[None, :] - np.arange(1, len(days) + 1)[:, None]
    beyond = np.maximum(ends - days[-1], 0)
    extra: np.ndarray = counted + (beyond * 5 // 7)[None, :]
    return extra
