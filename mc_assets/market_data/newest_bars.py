"""How far the stored bars of series reach, counted in sessions of their exchanges."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from engine.files import DamagedFile
from mc_assets.automation.nights import last_session
from mc_assets.market_data.bar_store import BarStore
from mc_assets.market_data.config import MarketDataConfig

__all__ = ["late_series"]

# A bar of these spans sessions, so that it says nothing of one.
_LONG: Final = ("1w", "1mo")


def late_series(
    data: Path, config: MarketDataConfig, keys: Sequence[str], session: datetime.date
) -> list[str]:
    """Return the series without a bar of a session or of a later one.

    Parameters
    ----------
    data : Path
        The data folder.
    config : MarketDataConfig
        The series file.
    keys : sequence of str
        Series to look at; weekly and monthly ones are never late.
    session : datetime.date
        The session.

    Returns
    -------
    list of str
        Such as ``SP500@1d (newest bar 2026-11-24)``.
    """
    found = []
    for key in keys:
        series = config[key]
        if series.timeframe in _LONG:
            continue
        newest = last_session(
            series, _newest_stamp(BarStore(data), series.symbol, series.timeframe)
        )
        if newest is None or newest < session:
            found.append(f"{key} (newest bar {newest or 'none'})")
    return found


def _newest_stamp(store: BarStore, symbol: str, timeframe: str) -> str | None:
    for year in reversed(store.years(symbol, timeframe)):
        try:
            stamp: str | None = store.year_manifest(symbol, timeframe, year).get("last")
        except DamagedFile:
            continue
        if stamp:
            return stamp
    return None
