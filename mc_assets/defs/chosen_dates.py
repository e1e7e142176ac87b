"""Configuration of what is made as of dates: which dates of its partitions a run makes."""

import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import dagster as dg
from pydantic import AfterValidator, Field

from engine.errors import Refusal
from mc_assets.periods import chosen_dates

__all__ = ["DatesConfig", "dates_config", "dates_of_keys", "dates_of_series"]


def _day(text: str) -> str:
    """Refuse what is no day before a run is begun; which days there are, its partitions say."""
    day = datetime.date.fromisoformat(text)
    if str(day) != text:
        raise ValueError("a day is written YYYY-MM-DD")
    return text


class DatesConfig(dg.Config):
    """Which dates of its partitions a run makes.

    Attributes
    ----------
    dates : list of str
        Days YYYY-MM-DD; by default every weekday of the partitions.
    """

    dates: list[Annotated[str, AfterValidator(_day)]] = Field(
        default=[],
        description="Only these days YYYY-MM-DD; by default every weekday of the partitions.",
    )


def dates_config(assets: list[str], dates: list[str]) -> dict[str, dict[str, object]]:
    """Return the configuration by asset that makes these dates alone.

    Examples
    --------
    >>> dates_config(["calibrations"], ["2017-06-30"])
    {'calibrations': {'dates': ['2017-06-30']}}
    """
    return {asset: {"dates": dates} for asset in assets}


def dates_of_keys(
    keys: Sequence[dg.MultiPartitionKey],
    chosen: Sequence[str],
    *,
    between: tuple[datetime.date, datetime.date] | None = None,
) -> dict[dg.MultiPartitionKey, list[datetime.date]]:
    """Return the dates that a run makes, by its partitions of one series or study.

    Raises
    ------
    Refusal
        If one of `chosen` is no day of the partitions.
    """
    found = {
        key: chosen_dates(key.keys_by_dimension["period"], chosen, between=between) for key in keys
    }
    made = {str(day) for days in found.values() for day in days}
    for text in chosen:
        if text not in made:
            raise Refusal("dates", repr(text), "days of the partitions that the run makes")
    return found


def dates_of_series(
    data: Path, series: str, keys: Sequence[dg.MultiPartitionKey], chosen: Sequence[str]
) -> dict[dg.MultiPartitionKey, list[datetime.date]]:
    """Return the dates that a run makes of a series, by its partitions.

    Where none is chosen, the dates of a month or a year are those between its first bar and its
    last.

    Raises
    ------
    Refusal
        If one of `chosen` is no day of the partitions; if months or years are asked for of
        which no bar is stored.
    DamagedFile
        If the bars' files are not what was written.
    """
    from mc_assets.market_data import BarStore

    between = None
    if not chosen and any(len(key.keys_by_dimension["period"]) < 10 for key in keys):
        symbol, _, timeframe = series.rpartition("@")
        between = BarStore(data).span(symbol, timeframe)
        if between is None:
            raise Refusal("bars", "none", "some", hint=f"`mc ingest {series}` brings them in")
    return dates_of_keys(keys, chosen, between=between)
