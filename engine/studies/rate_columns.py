"""Rates of the execution settings that are stored series, as columns of a study's bars."""

from __future__ import annotations

from engine.bars import Bars
from engine.calibration.sample import bar_ends
from engine.errors import Refusal
from engine.execution import Execution
from engine.execution.rates import StoredRate
from engine.market_data import MarketData

__all__ = ["with_rates"]


def with_rates(
    bars: tuple[Bars, ...], execution: Execution, market_data: MarketData | None
) -> tuple[Bars, ...]:
    """Add a column to bars for every stored series that the settings name as a rate.

    Each bar has the last close that was known when it opened, times the scale; NaN before the
    first.

    Raises
    ------
    Refusal
        If there are no bars, or no such series.
    """
    for setting, rate in execution.stored_rates().items():
        if market_data is None or not bars:
            raise Refusal(
                f"execution.{setting}",
                f"series {rate.series} without bars of a `symbol`",
                "a constant, or history or a bootstrap of a symbol",
            )
        bars = _with_rate(bars, setting, rate, market_data)
    return bars


def _with_rate(
    bars: tuple[Bars, ...], setting: str, rate: StoredRate, market_data: MarketData
) -> tuple[Bars, ...]:
    try:
        series = market_data.bars(rate.series, rate.timeframe)
    except (LookupError, ValueError, FileNotFoundError) as error:
        raise Refusal(
            f"execution.{setting}", repr(rate.series), f"a series with bars ({error})"
        ) from None
    known_at = bar_ends(series.timestamps, series.calendar)
    values = {rate.column: series.close * rate.scale}
    return tuple(
        item if rate.column in item.columns else item.with_columns(values, known_at=known_at)
        for item in bars
    )
