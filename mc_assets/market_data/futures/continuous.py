"""One price series through many contracts."""

from __future__ import annotations

from typing import Literal

import numpy as np
import polars as pl

from engine.tables.columns import PRICES
from engine.tables.sessions import sessions_of
from mc_assets.market_data.canonical import BARS_SCHEMA
from mc_assets.market_data.futures.holding import night_by_night
from mc_assets.market_data.futures.roll import RollRule
from mc_assets.providers import MarketDataError

__all__ = ["BackAdjustment", "continuous", "continuous_bars"]

BackAdjustment = Literal["none", "difference", "ratio"]


def continuous(
    curve: pl.DataFrame, roll: RollRule | None = None, adjust: BackAdjustment = "none"
) -> pl.DataFrame:
    """Join the contracts of a curve.

    Parameters
    ----------
    curve : polars.DataFrame
        `curve.CURVE_SCHEMA`.
    roll : RollRule, optional
        When to roll; at the close of the last trade date by default.
    adjust : {"none", "difference", "ratio"}
        How prices before a roll are moved to meet the contract after it.

    Returns
    -------
    polars.DataFrame
        ``date``, ``contract`` (held over the night), ``settle`` (its own price), ``price``
        (adjusted) and ``rolled``.

    Raises
    ------
    MarketDataError
        If a price is missing where a roll needs it, or not positive where a ratio does.

    Notes
    -----
    With *difference*, a day's change of the series is the profit of the contract held over
    the night before; with *ratio*, its return is that contract's return. The newest price is
    always the contract's own.
    """
    nights = night_by_night(curve, roll or RollRule())
    settle = nights["settle"].to_numpy()
    into = nights["settle_before"].to_numpy()
    rolled = nights["rolled"].to_numpy()
    price = settle.copy()
    if adjust == "difference":
        gaps = np.where(rolled, settle - into, 0.0)
        price = settle + _after(gaps, 0.0, np.add)
    elif adjust == "ratio":
        wrong = (settle <= 0) | (rolled & (into <= 0))
        if wrong.any():
            row = nights.row(int(wrong.argmax()), named=True)
            raise MarketDataError(
                f"{row['contract']} on {row['date']}",
                f"the price {row['settle']:g}",
                "> 0 for ratio adjustment (difference works on any price)",
            )
        ratios = np.where(rolled, settle / into, 1.0)
        price = settle * _after(ratios, 1.0, np.multiply)
    return nights.select("date", "contract", "settle", price=pl.Series(price), rolled="rolled")


def continuous_bars(series: pl.DataFrame, symbol: str, exchange: str = "CMES") -> pl.DataFrame:
    """Canonical bars of a continuous series: open = high = low = close = settlement.

    Parameters
    ----------
    series : polars.DataFrame
        What `continuous` returned.
    symbol : str
        Name of the bars.
    exchange : str
        Name in `exchange_calendars`.
    """
    days = series["date"].cast(pl.Int32).cast(pl.Int64).to_numpy()
    opens = pl.Series(sessions_of(exchange).open_of(days))
    return series.select(
        symbol=pl.lit(symbol),
        timestamp=opens.cast(pl.Datetime("us")).dt.replace_time_zone("UTC"),
        **dict.fromkeys(PRICES, pl.col("price")),
        volume=pl.lit(0.0),
        vwap=pl.lit(None, dtype=pl.Float64),
        trade_count=pl.lit(None, dtype=pl.Float64),
        source=pl.lit("futures"),
        adjustment=pl.lit("raw"),
    ).select(pl.col(name).cast(dtype) for name, dtype in BARS_SCHEMA.items())


def _after(values: np.ndarray, neutral: float, combine: np.ufunc) -> np.ndarray:
    """For each day, everything that happens after it, combined."""
    backwards = combine.accumulate(values[::-1])[::-1]
    result: np.ndarray = np.append(backwards[1:], neutral)
    return result
