"""What there is to do on the way from bars to reports: one step for each Dagster run.

Steps know which assets and partitions they stand for, and what their receipts rest on;
`mc_assets.pipeline` runs them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Final

from engine.errors import Refusal
from mc_assets.periods import as_of_span, period_of
from mc_assets.project import Project
from mc_assets.receipts import Needs, Receipts
from mc_assets.step_needs import (
    bars_needs,
    calibration_needs,
    search_needs,
    statistics_needs,
    study_needs,
    warehouse_needs,
)
from mc_assets.study_files import searched_studies

__all__ = ["Step", "all_steps", "bar_steps", "calibration_steps", "simulation_steps"]


log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Step:
    """One Dagster run: some assets over a range of partitions.

    Parameters
    ----------
    title : str
        Shown while it runs.
    assets : sequence of str
        Names of the assets to materialise.
    partitions : tuple of (str, str), optional
        First and last partition key of the range.
    independent : bool
        Whether the next independent step may still run after this one failed.
    wait : callable, optional
        Only wait for this instead of materialising anything.
    covered : tuple of str
        Series or studies of its range.
    needs : tuple of callable
        Ask for the `Needs` of what it does: where it ends well, their receipts are kept.
    current : bool
        Whether it was found done: nothing is to be materialised.
    config : dict, optional
        Configuration of assets by name, as the launchpad of the UI takes it.
    """

    title: str
    assets: Sequence[str]
    partitions: tuple[str, str] | None = None
    independent: bool = False
    wait: Callable[[], object] | None = None
    covered: tuple[str, ...] = ()
    needs: tuple[Callable[[], Needs | None], ...] = ()
    current: bool = False
    config: dict[str, dict[str, object]] | None = None

    def covers(self, name: str) -> bool:
        """Whether the step makes what belongs to a series or a study."""
        return name in self.covered

    def summary(self, numbers: dict[str, float]) -> str:
        """Say in a few words what a finished run made, ending in a comma."""
        if self.current:
            return "nothing new, "
        words = []
        for name in ("row_count", "quarantined", "failed"):
            if numbers.get(name):
                words.append(f"{numbers[name]:,.0f} {name.replace('row_count', 'rows')}")
        return "".join(f"{word}, " for word in words)


def all_steps(
    project: Project,
    receipts: Receipts,
    *,
    kernels: Callable[[], object] | None = None,
) -> Iterator[Step]:
    """Yield the steps from raw bars to the warehouse, for every series and study.

    What a receipt shows done is yielded as a current step. `kernels` waits until the studies'
    kernels are compiled (`mc_assets.warm`).

    A generator, because the as-of date of the calibrations is the newest bar's, which is known
    once the bars are there.
    """
    from engine.studies import load_definition
    from mc_assets.market_data import load_series

    config = load_series(project.series)
    for path in project.study_files.values():
        # Report a mistake in a study file before spending minutes on what comes before it.
        load_definition(path)

    def of_bars(key: str) -> Needs | None:
        return bars_needs(project, config, key)

    def of_calibrations(key: str) -> Needs | None:
        return calibration_needs(project, config, key)

    def of_study(name: str) -> Needs | None:
        return study_needs(project, name)

    def of_search(name: str) -> Needs | None:
        return search_needs(project, name)

    def of_statistics(name: str) -> Needs:
        return statistics_needs(project, name)

    for key in config.keys:
        yield from _current("bars of", [key], of_bars, receipts)
        steps = list(bar_steps(project, _stale([key], of_bars, receipts)))
        # A series in several steps is one that a server is asked for: it has no receipt.
        yield from _with_needs(steps, [key] if len(steps) == 1 else [], of_bars)
    keys = _stale(config.keys, of_calibrations, receipts)
    yield from _current("calibrations of", config.keys, of_calibrations, receipts)
    for step in calibration_steps(project, keys):
        yield from _with_needs([step], [key for key in keys if step.covers(key)], of_calibrations)
    searches = searched_studies(project.studies)
    names = [name for name in project.study_files if name not in searches]
    stale = _stale(names, of_study, receipts)
    stale_searches = _stale(searches, of_search, receipts)
    if kernels is not None and (stale or stale_searches):
        yield Step("kernels compiled", (), wait=kernels)
    yield from _current("study", names, of_study, receipts)
    for name in stale:
        yield from _with_needs(simulation_steps([name]), [name], of_study)
    stale = _stale(names, of_statistics, receipts)
    yield from _current("statistics and report of", names, of_statistics, receipts)
    for step in _statistics_steps(project, stale):
        yield from _with_needs([step], [name for name in stale if step.covers(name)], of_statistics)
    yield from _current("search", searches, of_search, receipts)
    for name in stale_searches:
        step = Step(f"search {name}", ["experiments"], (name, name), covered=(name,))
        yield from _with_needs([step], [name], of_search)
    if receipts.is_current(warehouse_needs(project)):
        yield Step("warehouse", (), current=True)
    else:
        yield from _with_needs([_WAREHOUSE], [""], lambda _: warehouse_needs(project))


def _stale(
    names: Sequence[str], of: Callable[[str], Needs | None], receipts: Receipts
) -> list[str]:
    return [name for name in names if not receipts.is_current(of(name))]


def _current(
    title: str, names: Sequence[str], of: Callable[[str], Needs | None], receipts: Receipts
) -> Iterator[Step]:
    """Yield a step for each name that a receipt shows done."""
    for name in names:
        if receipts.is_current(of(name)):
            yield Step(f"{title} {name}", (), current=True)


def _with_needs(
    steps: Iterable[Step], names: Sequence[str], of: Callable[[str], Needs | None]
) -> Iterator[Step]:
    """Yield steps that keep the receipts of some names."""
    for step in steps:
        yield replace(step, needs=tuple(partial(of, name) for name in names))


def bar_steps(
    project: Project,
    keys: Sequence[str],
    *,
    refetch: bool = False,
    accept_withdrawn: bool = False,
) -> Iterator[Step]:
    """Yield the steps that bring series up to date: raw and canonical bars of the years due.

    Damaged files of a series are named first: they are fetched or made again.

    `refetch` fetches every year again; `accept_withdrawn` withdraws all stored bars that an answer
    lacks.
    """
    from mc_assets.market_data import BarStore, due_years, load_series, series_years
    from mc_assets.market_data.raw_store import RawStore

    config = load_series(project.series)
    asked: dict[str, dict[str, object]] = {
        "raw_bars": {"refetch": refetch, "accept_withdrawn": accept_withdrawn},
        "bars": {"accept_withdrawn": accept_withdrawn},
    }
    for key in keys:
        symbol, timeframe = config[key].symbol, config[key].timeframe
        damages = RawStore(project.data).damages(symbol, timeframe)
        damages += [damage for _, damage in BarStore(project.data).damages(symbol, timeframe)]
        for damage in damages:
            log.warning("%s", damage)
        order = [str(year) for year in series_years(config, key)]
        due = order if refetch else [str(year) for year in due_years(config, key, project.data)]
        for first, last in _runs_of(order, due):
            yield Step(
                f"bars of {key}, {first} to {last}",
                ["raw_bars", "bars"],
                (f"{key}|{first}", f"{key}|{last}"),
                independent=True,
                config=asked if refetch or accept_withdrawn else None,
            )


def calibration_steps(
    project: Project, keys: Sequence[str], *, as_of: date | None = None
) -> Iterator[Step]:
    """Yield the steps that calibrate series as of a date, by default that of their newest bar.

    Raises
    ------
    ValueError
        If calibrations have no partition of the date.
    """
    from mc_assets.market_data import load_series

    if as_of is not None and not _is_calibrated_on(project, as_of):
        earliest, latest = _dates_of_calibrations(project)
        raise Refusal("as_of", f"{as_of} ({as_of:%A})", f"a weekday from {earliest} to {latest}")
    order = load_series(project.series).keys
    dates: dict[date, list[str]] = {}
    for key in keys:
        dates.setdefault(as_of or _newest_date(project, key), []).append(key)
    for day, together in dates.items():
        period = period_of(day)
        for first, last in _runs_of(order, together):
            names = " to ".join(dict.fromkeys((first, last)))
            yield Step(
                f"calibrations of {names} as of {day}",
                ["calibrations"],
                (f"{period}|{first}", f"{period}|{last}"),
                config={"calibrations": {"dates": [str(day)]}},
                covered=tuple(order[order.index(first) : order.index(last) + 1]),
            )


def simulation_steps(names: Sequence[str]) -> Iterator[Step]:
    """Yield the steps that simulate studies."""
    from engine.jobs.blocks import BLOCKS

    for name in names:
        last = f"{BLOCKS - 1:02d}"
        yield Step(f"study {name}", ["simulations"], (f"00|{name}", f"{last}|{name}"))


def _statistics_steps(project: Project, names: Sequence[str]) -> Iterator[Step]:
    """Yield the steps that estimate the statistics of studies and draw their reports."""
    order = list(project.study_files)
    for first, end in _runs_of(order, names):
        names_between = " to ".join(dict.fromkeys((first, end)))
        yield Step(
            f"statistics and reports of {names_between}",
            ["statistics", "reports"],
            (first, end),
            covered=tuple(order[order.index(first) : order.index(end) + 1]),
        )


_WAREHOUSE: Final = Step("warehouse", ["warehouse"])


def _newest_date(project: Project, key: str) -> date:
    """Date of the calibrations that the newest bar is complete on, or the nearest to it."""
    import numpy as np

    from engine.calibration.sample import bar_ends
    from mc_assets.market_data import BarStore, load_series

    symbol, _, timeframe = key.rpartition("@")
    stamps = BarStore(project.data).read(symbol, timeframe)["timestamp"].dt.epoch("us")
    if stamps.is_empty():
        hint = "the provider sent none from the series' start to its end"
        raise Refusal(f"bars of {key}", "none to calibrate on", hint=hint)
    calendar = load_series(project.series)[key].calendar
    # A bar that ends at midnight belongs to the day it fills.
    end = int(bar_ends(np.array([stamps[-1]], dtype=np.int64), calendar)[0]) - 1
    day = datetime.fromtimestamp(end // 1_000_000, UTC).date()
    following = day + timedelta(days=7 - day.weekday() if day.weekday() > 4 else 0)
    if _is_calibrated_on(project, following):
        return following
    # The week, or the weekend, is not over yet: take the last date there is.
    last = _dates_of_calibrations(project)[1]
    return min(last, day - timedelta(days=max(day.weekday() - 4, 0)))


def _is_calibrated_on(project: Project, day: date) -> bool:
    first, last = _dates_of_calibrations(project)
    return first <= day <= last and day.weekday() < 5


def _dates_of_calibrations(project: Project) -> tuple[date, date]:
    """First and last date that calibrations have a partition of."""
    from mc_assets.market_data import load_series

    return as_of_span(load_series(project.series))


def _runs_of(order: Sequence[str], keys: Collection[str]) -> Iterator[tuple[str, str]]:
    """Yield first and last of each unbroken run of `keys` in `order`: one Dagster range each."""
    start: str | None = None
    previous = ""
    for key in order:
        if key in keys:
            start = start or key
            previous = key
        elif start is not None:
            yield start, previous
            start = None
    if start is not None:
        yield start, previous
