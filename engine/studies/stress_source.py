"""The stress scenario of a study file around the source that it makes."""

from __future__ import annotations

import datetime
from collections.abc import Mapping

import numpy as np

from engine.bars import Bars
from engine.errors import Refusal
from engine.market_data import MarketData
from engine.sources import Source
from engine.sources.stressed import Stressed
from engine.studies.stress_definition import StressDefinition

__all__ = ["stressed"]


def stressed(
    source: Source,
    definition: StressDefinition,
    timeframe: str,
    market_data: MarketData | None,
    shock: Mapping[str, float],
) -> Stressed:
    """Put the scenario of a study into a source.

    Parameters
    ----------
    source : Source
        Whose paths are hit.
    definition : StressDefinition
        The scenario.
    timeframe : str
        Of the paths, and so of the stretch of history.
    market_data : MarketData, optional
        Where the stretch is read.
    shock : mapping of str to float
        Values of the shock that the study's parameters name, or nothing.

    Raises
    ------
    Refusal
        If the stretch is not there, or the scenario does not fit the source.
    """
    try:
        made = Stressed(
            source=source,
            at=definition.at,
            shock=definition.shock or 0.0,
            over=definition.over,
            stretch=_stretch(definition, timeframe, market_data),
            on=definition.on,
            label=definition.label,
        )
        return made.with_parameters(**shock) if shock else made
    except Refusal as refusal:
        raise refusal.within("source.stress") from None


def _stretch(
    definition: StressDefinition, timeframe: str, market_data: MarketData | None
) -> Bars | None:
    """Return the bars of the stretch, and the one before it."""
    symbol, start, end = definition.symbol, definition.start, definition.end
    if symbol is None or start is None or end is None:
        return None
    if market_data is None:
        raise Refusal("symbol", repr(symbol), "with market data: study.run(market_data=...)")
    try:
        bars = market_data.bars(symbol, timeframe)
    except (LookupError, ValueError, FileNotFoundError) as error:
        raise Refusal("symbol", str(error)) from None
    day = datetime.timedelta(days=1)
    first, after = (
        int(np.searchsorted(bars.timestamps, np.datetime64(when, "us").astype(np.int64)))
        for when in (start, end + day)
    )
    if first < 1 or after <= first:
        dates = bars.timestamps[[0, -1]].astype("datetime64[us]").astype(str)
        raise Refusal(
            "start",
            f"no bar of {symbol} from {start} to {end} with one before it",
            f"days after {dates[0][:10]}, up to {dates[1][:10]}",
        )
    return bars[first - 1 : after]
