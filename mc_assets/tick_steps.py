"""The steps that store the days of ticks that a series file names and that are not stored yet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from mc_assets.market_data import load_series
from mc_assets.project import Project
from mc_assets.steps import Step

__all__ = ["tick_steps"]


def tick_steps(project: Project, keys: Sequence[str], *, again: bool = False) -> Iterator[Step]:
    """Yield a step for each run of days of a series of ticks that are not stored.

    Parameters
    ----------
    project : Project
        Where the series file and the ticks lie.
    keys : sequence of str
        Series of ticks such as ``BTCUSDT@binance``.
    again : bool
        Store every day again.
    """
    from engine.ticks import stored_days

    config = load_series(project.series)
    there = {(day.symbol, day.exchange, day.day) for day in stored_days(project.data)}
    for key in keys:
        series = config.ticks_of(key)
        due = [
            day
            for day in series.days()
            if again or (series.symbol, series.exchange, day) not in there
        ]
        for first, last in _stretches(due):
            yield Step(
                f"ticks of {key}, {first} to {last}",
                ["ticks"],
                (f"{first}|{key}", f"{last}|{key}"),
                independent=True,
            )


def _stretches(days: Sequence[date]) -> Iterator[tuple[date, date]]:
    """Return the first and last day of each run of days without a gap."""
    first = last = None
    for day in days:
        if last is None or day - last > timedelta(days=1):
            if first is not None and last is not None:
                yield first, last
            first = day
        last = day
    if first is not None and last is not None:
        yield first, last
