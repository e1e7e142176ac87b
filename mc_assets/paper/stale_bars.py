"""Whether bars that are stored are behind what their provider has."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from mc_assets.project import Project

if TYPE_CHECKING:
    from engine.bars import Bars

__all__ = ["StaleBars", "stale_bars"]


class StaleBars(OSError):
    """Bars that are stored are behind what their provider has; nothing was decided on them."""


# Of the shortest of each.
_MINUTES: Final = {"1d": 1_440, "1w": 7 * 1_440, "1mo": 28 * 1_440}


def stale_bars(project: Project, bars: Sequence[Bars], now: datetime.datetime) -> list[str]:
    """Return a sentence for each symbol of which the provider has a newer closed bar.

    A provider is asked only once a bar's length has passed since the newest one closed: over a
    night and on a holiday it has none either, and nothing is stale.

    Parameters
    ----------
    project : Project
        Whose series the bars are of.
    bars : sequence of Bars
        As they are stored.
    now : datetime
        UTC.

    Raises
    ------
    MarketDataError
        If a provider cannot be made; one that does not answer tells nothing.
    """
    import numpy as np

    from engine.local_time import latest_closes
    from engine.timeframes import intraday_minutes
    from mc_assets.market_data import load_series
    from mc_assets.providers import FetchError, make_provider

    config = load_series(project.series)
    found = []
    for item in bars:
        timeframe = item.calendar.timeframe
        minutes = intraday_minutes(timeframe) or _MINUTES[timeframe]
        newest_close = int(latest_closes(item.timestamps[-1:], item.calendar)[0])
        if now.timestamp() * 1e6 < newest_close + minutes * 60_000_000:
            continue
        series = config[f"{item.symbol}@{item.calendar.timeframe}"]
        if series.end is not None and series.end < now.date():
            continue  # it is not to grow
        provider = make_provider(series.provider, series.options, config.folder, where=series.key)
        try:
            latest = provider.latest_bar(
                series.asked,
                series.timeframe,
                exchange=series.exchange,
                now=now,
            )
        except FetchError:
            continue
        if latest is None:
            continue
        newest = datetime.datetime.fromtimestamp(int(item.timestamps[-1]) / 1e6, datetime.UTC)
        there = latest["timestamp"]
        stamps = np.array([int(item.timestamps[-1]), round(there.timestamp() * 1e6)])
        # Bars of a day are stamped with its open or with midnight: their closes tell.
        stored, offered = latest_closes(stamps, item.calendar)
        if offered > stored:
            found.append(
                f"{item.symbol}: the newest stored bar opened at {newest:%Y-%m-%d %H:%M} UTC, "
                f"{series.provider} has one of {there:%Y-%m-%d %H:%M}"
            )
    return found
