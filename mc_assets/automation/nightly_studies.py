"""Studies that are marked ``nightly: true``, and the exchange after whose close each runs."""

from __future__ import annotations

import datetime
from pathlib import Path

from mc_assets.automation.nights import live_series, night_of
from mc_assets.market_data.config import MarketDataConfig
from mc_assets.project import Project
from mc_assets.study_files import (
    is_marked_nightly,
    partition_names,
    searched_studies,
    traded_series,
    walked_studies,
)

__all__ = ["nightly_searches", "nightly_studies", "nightly_walks", "of_exchange"]


def nightly_studies(project: Project) -> list[str]:
    """Names of the studies marked ``nightly: true`` that are simulated: those without an objective.

    One whose file cannot be read is among them, unless it can be seen not to be marked: its run
    fails and names it, and the others run. A file whose name cannot be a partition is left out.
    """
    searches = searched_studies(project.studies)
    return [name for name in _marked(project) if name not in searches]


def nightly_searches(project: Project) -> list[str]:
    """Names of the studies with an objective that are marked ``nightly: true``; as above."""
    searches = searched_studies(project.studies)
    return [name for name in _marked(project) if name in searches]


def nightly_walks(project: Project) -> list[str]:
    """Names of the studies that say how they are walked forward and are marked ``nightly: true``.

    They are simulated, or searched, too.
    """
    walks = walked_studies(project.studies)
    return [name for name in _marked(project) if name in walks]


def of_exchange(path: Path | None, config: MarketDataConfig, day: datetime.date) -> str | None:
    """Return the exchange after whose close a study runs.

    Parameters
    ----------
    path : Path or None
        Its file.
    config : MarketDataConfig
        The series file.
    day : datetime.date
        The night's session.

    Returns
    -------
    str or None
        Of the study's series; of series on several exchanges the one that closes last on the day.
        A study of no series runs after the first exchange of the series file.
    """
    live = live_series(config, day)
    wanted = set(traded_series(path)) if path is not None else set()
    own = [exchange for exchange, keys in live.items() if wanted & set(keys)]
    if not own:
        return next(iter(live), None)
    return max(own, key=lambda exchange: _closes(exchange, day))


def _closes(exchange: str, day: datetime.date) -> datetime.datetime:
    try:
        return night_of(exchange, day, datetime.timedelta(0)).due
    except KeyError:
        return datetime.datetime.min.replace(tzinfo=datetime.UTC)


def _marked(project: Project) -> list[str]:
    files = project.study_files
    names = partition_names(project.studies)
    return [name for name in names if is_marked_nightly(files.get(name))]
