"""Steps that calibrate one series as of many dates: what is missing, and what is outdated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from typing import Final

from engine.errors import Refusal
from mc_assets.periods import as_of_span, period_keys, period_of
from mc_assets.project import Project
from mc_assets.steps import Step

__all__ = ["Backfill", "missing_dates", "outdated_steps"]

# Dates of one run, which beside its estimates costs seconds: workers, pictures, Dagster's events.
# A kill costs fewer, since the run stores its estimates as it goes on.
_DATES: Final = 256


@dataclass(frozen=True)
class Backfill:
    """Dates on which a series is to be calibrated, and those on which it is already.

    Parameters
    ----------
    series : str
        Series such as ``SP500@1d``.
    missing : list of date
        Weekdays without a calibration of every model by the estimators of today.
    stored : int
        Weekdays with them.
    """

    series: str
    missing: list[date]
    stored: int

    def steps(self, project: Project) -> Iterator[Step]:
        """Yield the steps that make what is missing, at most 256 dates each."""
        yield from _dated_steps(project, self.series, self.missing)


def missing_dates(
    project: Project, keys: Sequence[str], first: date, last: date, *, again: bool = False
) -> list[Backfill]:
    """Find what is missing of the calibrations of series between two days.

    Parameters
    ----------
    project : Project
        Where bars and calibrations lie.
    keys : sequence of str
        Series such as ``SP500@1d``.
    first, last : date
        Both belong to it. Dates before a series' first bar or after its last are left out.
    again : bool
        Whether stored dates count as missing.

    Raises
    ------
    Refusal
        If the days are the wrong way round, or a series has no bars.
    """
    from mc_assets.calibration_store import CalibrationStore
    from mc_assets.market_data import BarStore, load_series
    from mc_assets.series_models import calibrated_models, load_models

    if last < first:
        raise Refusal("--to", f"{last}, before {first}", "a day after --from")
    config = load_series(project.series)
    store, bars = CalibrationStore(project.data), BarStore(project.data)
    found = []
    for key in keys:
        symbol, _, timeframe = key.rpartition("@")
        span = bars.span(symbol, timeframe)
        if span is None:
            raise Refusal(f"bars of {key}", "none", "some", hint=f"`mc ingest {key}`")
        load_models(config[key], config.folder)
        wanted = _weekdays(max(first, span[0]), min(last, span[1], as_of_span(config)[1]))
        done = store.complete(symbol, timeframe, calibrated_models(config[key]))
        missing = [day for day in wanted if again or day not in done]
        found.append(Backfill(key, missing, len(wanted) - len(missing)))
    return found


def outdated_steps(project: Project, keys: Sequence[str]) -> Iterator[Step]:
    """Yield the steps that make anew the calibrations of estimators that have moved on since."""
    from mc_assets.calibration_store import CalibrationStore
    from mc_assets.market_data import load_series
    from mc_assets.series_models import calibrated_models, load_models

    config = load_series(project.series)
    store = CalibrationStore(project.data)
    for key in keys:
        symbol, _, timeframe = key.rpartition("@")
        load_models(config[key], config.folder)
        found = store.outdated(symbol, timeframe, calibrated_models(config[key]))
        yield from _dated_steps(project, key, found, " by the estimators of today")


def _dated_steps(
    project: Project, key: str, dates: Sequence[date], how: str = ""
) -> Iterator[Step]:
    """Yield the steps that calibrate a series as of some dates, oldest first."""
    from mc_assets.market_data import load_series

    order = period_keys(*as_of_span(load_series(project.series)))
    place = {period: number for number, period in enumerate(order)}
    numbered = [(place[period_of(day)], day) for day in dates]
    # A run's partitions are a range of periods in which each has one of its dates.
    gaps = 0
    previous = None
    runs = []
    for number, day in numbered:
        gaps += previous is not None and number > previous + 1
        previous = number
        runs.append((gaps, number, day))
    for _, together in groupby(runs, key=lambda run: run[0]):
        members = list(together)
        for begin in range(0, len(members), _DATES):
            batch = members[begin : begin + _DATES]
            days = [str(day) for _, _, day in batch]
            span = " to ".join(dict.fromkeys((days[0], days[-1])))
            yield Step(
                f"calibrations of {key} as of {span}{how}",
                ["calibrations"],
                (f"{order[batch[0][1]]}|{key}", f"{order[batch[-1][1]]}|{key}"),
                config={"calibrations": {"dates": days}},
            )


def _weekdays(first: date, last: date) -> list[date]:
    days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    return [day for day in days if day.weekday() < 5]
