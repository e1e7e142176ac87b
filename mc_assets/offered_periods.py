"""Periods in Dagster's own list of partitions, kept in step with the calendar.

They are there rather than in the code, so that those of a new day appear while the UI is open.
When a month's days become a month, and a year's months a year, what is stored of all their dates
is reported to Dagster as materialised: nothing that was made looks missing.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from engine.files import DamagedFile
from mc_assets.periods import as_of_span, chosen_dates, has_weekends, period_keys
from mc_assets.project import Project

if TYPE_CHECKING:
    import dagster as dg

__all__ = ["PERIODS", "offer_periods"]

#: Name of the periods in the instance.
PERIODS: Final = "periods"


def offer_periods(
    instance: dg.DagsterInstance, project: Project, today: datetime.date | None = None
) -> list[str]:
    """Bring the periods that Dagster offers up to today; return them, oldest first.

    Parameters
    ----------
    instance : DagsterInstance
        Where they are listed.
    project : Project
        Its series file says from when to when bars may be.
    today : datetime.date, optional
        By default today's, UTC.

    Raises
    ------
    MarketDataError
        If the series file cannot be used.
    """
    from mc_assets.market_data import load_series

    config = load_series(project.series)
    wanted = period_keys(*as_of_span(config, today), today, weekends=has_weekends(config))
    stored = list(instance.get_dynamic_partitions(PERIODS))
    if stored == wanted:
        return wanted
    same = 0
    while stored[same : same + 1] == wanted[same : same + 1] != []:
        same += 1
    # Dagster lists keys as they were added, and a range is what lies between two of them.
    for key in stored[same:]:
        instance.delete_dynamic_partition(PERIODS, key)
    instance.add_dynamic_partitions(PERIODS, wanted[same:])
    _report_stored(instance, project, {key for key in wanted if len(key) < 10} - set(stored))
    return wanted


def _report_stored(instance: dg.DagsterInstance, project: Project, new: set[str]) -> None:
    """Report what is stored of every date of new months and years as materialised."""
    if not new:
        return
    import dagster as dg

    for asset, dimension, name, dates, between in _stored(project):
        for period in sorted({f"{day:%Y}" for day in dates} | {f"{day:%Y-%m}" for day in dates}):
            if period not in new or not set(chosen_dates(period, between=between)) <= dates:
                continue
            instance.report_runless_asset_event(
                dg.AssetMaterialization(
                    asset,
                    partition=dg.MultiPartitionKey({"period": period, dimension: name}),
                    description="Every date of it was made before, a date or month at a time.",
                )
            )


_Stored = tuple[str, str, str, set[datetime.date], tuple[datetime.date, datetime.date] | None]


def _stored(project: Project) -> Iterator[_Stored]:
    """Yield asset, dimension, its key, the stored dates, and between which days dates may be."""
    from mc_assets.as_of_table import stored_dates
    from mc_assets.market_data import BarStore, load_series

    bars = BarStore(project.data)
    for series in load_series(project.series).series:
        for table in ("calibrations", "source_realism"):
            dates = stored_dates(project.data, table, series.symbol, series.timeframe)
            try:
                span = bars.span(series.symbol, series.timeframe) if dates else None
            except DamagedFile:
                continue
            if span is not None:
                yield table, "series", series.key, dates, span
    for folder in sorted((project.data / "nightly_statistics").glob("*/")):
        dates = {
            datetime.date.fromisoformat(file.stem) for file in folder.glob("????-??-??.parquet")
        }
        yield "nightly_simulations", "study", folder.name, dates, None
