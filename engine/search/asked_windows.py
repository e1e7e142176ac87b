"""The windows that are asked for on a world: by bars, by count or by the calendar."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.errors import Refusal
from engine.jobs.world import World
from engine.local_time import days_of_bars, session_days
from engine.search.dated_windows import bars_in, dated_windows
from engine.search.windows import WalkForwardWindow, check_whole, walk_forward_windows
from engine.sources import Historical
from engine.timeframes import intraday_minutes

__all__ = ["asked_windows"]

_DEFAULT_COUNT = 5


def asked_windows(
    world: World,
    *,
    in_sample: int | str | None = None,
    out_of_sample: int | str | None = None,
    count: int | None = None,
    dates: Sequence[str | datetime.date] | None = None,
    anchored: bool = False,
    purge: int = 0,
) -> list[WalkForwardWindow]:
    """Lay windows over the bars of a world; arguments as of `engine.search.walk_forward`.

    Raises
    ------
    Refusal
        If no window fits, or bars and lengths of time are mixed.
    """
    lengths = {"in_sample": in_sample, "out_of_sample": out_of_sample}
    check_whole("windows.purge", purge, 0)
    if count is not None:
        check_whole("windows.count", count, 1)
    for name, length in lengths.items():
        if length is not None and not isinstance(length, str):
            check_whole(f"windows.{name}", length, 1)
    if dates is not None:
        if count is not None or out_of_sample is not None or isinstance(in_sample, int):
            raise Refusal(
                "windows", "dates beside a count or bars", "dates, or with them a length in_sample"
            )
        return dated_windows(
            _days(world, "dates"),
            in_sample=in_sample,
            dates=[_date(day) for day in dates],
            anchored=anchored,
            purge=purge,
        )
    if not any(isinstance(length, str) for length in lengths.values()):
        if count is None and in_sample is None and out_of_sample is None:
            count = _DEFAULT_COUNT
        bars = {name: length for name, length in lengths.items() if isinstance(length, int)}
        return walk_forward_windows(
            world.steps, **bars, count=count, anchored=anchored, purge=purge
        )
    if not (isinstance(in_sample, str) and isinstance(out_of_sample, str)) or count is not None:
        given = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise Refusal(
            "windows",
            given + ("" if count is None else f", count {count}"),
            "in_sample and out_of_sample, both in bars or both as lengths such as 3y",
        )
    if not world.is_history:
        year = world.bars_per_year
        return walk_forward_windows(
            world.steps,
            in_sample=bars_in(in_sample, year, "in_sample"),
            out_of_sample=bars_in(out_of_sample, year, "out_of_sample"),
            anchored=anchored,
            purge=purge,
        )
    return dated_windows(
        _days(world, "in_sample"),
        in_sample=in_sample,
        out_of_sample=out_of_sample,
        anchored=anchored,
        purge=purge,
    )


def _days(world: World, field: str) -> NDArray[np.int64]:
    """Return the day of each traded bar of a history."""
    source = world.source
    if not isinstance(source, Historical):
        raise Refusal(field, f"days on paths of {source.name}", "a study whose source is history")
    bars = source.bars[0]
    stamps = bars.timestamps[len(bars) - world.steps :]
    by_session = intraday_minutes(bars.calendar.timeframe) is not None
    days = session_days if by_session else days_of_bars
    return days(stamps, bars.calendar.exchange)


def _date(given: str | datetime.date) -> datetime.date:
    try:
        return datetime.date.fromisoformat(str(given))
    except ValueError:
        raise Refusal("windows.dates", repr(given), "days as YYYY-MM-DD") from None
