"""What each stage of a night consists of, and the Dagster runs that make it."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import dagster as dg

from mc_assets.automation.chain import Stage
from mc_assets.automation.night_runs import night_tags
from mc_assets.automation.nightly_studies import (
    nightly_searches,
    nightly_studies,
    nightly_walks,
    of_exchange,
)
from mc_assets.automation.nights import Night, live_series
from mc_assets.defs.chosen_dates import dates_config
from mc_assets.defs.jobs import jobs_by_stage, learn_nightly, search_nightly, walk_nightly
from mc_assets.defs.partitions import batch_tags
from mc_assets.market_data.config import MarketDataConfig
from mc_assets.periods import period_of
from mc_assets.policy_files import nightly_policies
from mc_assets.resources import Laboratory

__all__ = ["NightRequests"]

# In January the overlap that notices restated bars still reaches into the old year.
_OVERLAP: Final = datetime.timedelta(days=14)
_WAREHOUSE: Final = "warehouse"


class NightRequests:
    """The parts of a night's stages and their runs.

    Parameters
    ----------
    night : Night
        The night.
    laboratory : Laboratory
        The project.
    config : MarketDataConfig
        The series file as the partitions know it.
    without : tuple of str
        Series whose bars did not come.
    """

    def __init__(
        self,
        night: Night,
        laboratory: Laboratory,
        config: MarketDataConfig,
        without: tuple[str, ...] = (),
    ) -> None:
        self.night = night
        self.laboratory = laboratory
        self.config = config
        self.without = without

    @cached_property
    def series(self) -> list[str]:
        """Series that the night is about, in the order of the file."""
        live = live_series(self.config, self.night.session)
        if self.night.is_weekly:
            every = {key for keys in live.values() for key in keys}
            return [key for key in self.config.keys if key in every]
        return live.get(self.night.exchange, [])

    @cached_property
    def as_of(self) -> datetime.date:
        """Day as of which is calibrated: the session; of a Saturday the Friday before."""
        day = datetime.timedelta(days=1)
        return self.night.session - day if self.night.is_weekly else self.night.session

    def parts(self, stage: Stage) -> Sequence[str]:
        """Return the names of the parts of a stage."""
        match stage:
            case "bars":
                return self._ranges(self.series)
            case "calibrations":
                return self._ranges([key for key in self.series if key not in self.without])
            case "studies":
                return [*self._studies, *self._searches, *self._walks, *self._policies]
            case "statistics":
                return [name for name in self._studies if self._has_results(name)]
            case "warehouse":
                return [_WAREHOUSE]

    def request(self, stage: Stage, part: str, attempt: int) -> dg.RunRequest:
        """Return the request of a part's run; the same one twice is one run, by its key."""
        job = jobs_by_stage[stage]
        tags: dict[str, str] = {}
        config: dict[str, Any] = {}
        key = None
        match stage:
            case "bars":
                tags = self._years_of(*_ends(part))
                if self.night.is_weekly:
                    config = _configured({"raw_bars": {"refetch": True}})
            case "calibrations":
                first, last = _ends(part)
                tags = batch_tags(f"{self._period}|{first}", f"{self._period}|{last}")
                config = self._dated(["calibrations", "source_realism"])
                if self.night.is_weekly:
                    config["ops"]["calibrations"]["config"]["all_models"] = True
            case "studies" if part in self._walks:
                job, key = walk_nightly, self._walks[part]
            case "studies" if part in self._policies:
                job, key = learn_nightly, self._policies[part]
            case "studies" if part in self._searches:
                job, key = search_nightly, part
            case "studies":
                tags = batch_tags(f"{self._period}|{part}", f"{self._period}|{part}")
                config = self._dated(["nightly_simulations"])
            case "statistics":
                key = part
        return dg.RunRequest(
            run_key=f"{self.night.key}|{stage}|{part}|{attempt}",
            job_name=job.name,
            tags=tags | night_tags(self.night, stage, part, attempt),
            run_config=config,
            partition_key=key,
        )

    @cached_property
    def _studies(self) -> list[str]:
        project = self.laboratory.project
        return self._own(nightly_studies(project))

    @cached_property
    def _searches(self) -> list[str]:
        return [] if self._is_old else self._own(nightly_searches(self.laboratory.project))

    @cached_property
    def _walks(self) -> dict[str, str]:
        """Names of studies that are walked forward, by the names of their parts."""
        names = [] if self._is_old else self._own(nightly_walks(self.laboratory.project))
        return {f"walk-forward of {name}": name for name in names}

    @cached_property
    def _policies(self) -> dict[str, str]:
        """Names of policies that are judged, by the names of their parts."""
        project = self.laboratory.project
        names = [] if self._is_old else nightly_policies(project.policies)
        own = self._own(names, project.policy_files)
        return {f"policy {name}": name for name in own}

    @cached_property
    def _is_old(self) -> bool:
        # These are on the bars of today: of missed sessions the newest has them.
        week = datetime.timedelta(days=7)
        return datetime.datetime.now(datetime.UTC) - self.night.due > week

    def _own(self, names: Sequence[str], files: Mapping[str, Path] | None = None) -> list[str]:
        if self.night.is_weekly:
            return []
        files = self.laboratory.project.study_files if files is None else files
        return [
            name
            for name in names
            if of_exchange(files.get(name), self.config, self.night.session) == self.night.exchange
        ]

    def _has_results(self, name: str) -> bool:
        return (self.laboratory.project.data / "results" / name).is_dir()

    @cached_property
    def _period(self) -> str:
        return period_of(self.as_of)

    def _dated(self, assets: list[str]) -> dict[str, Any]:
        # A night that comes weeks late is of a day that is part of a month by now.
        chosen = [] if self._period == str(self.as_of) else [str(self.as_of)]
        return _configured(dates_config(assets, chosen))

    def _years_of(self, first: str, last: str) -> dict[str, str]:
        begin, end = (self.night.session - _OVERLAP).year, self.night.session.year
        if self.night.is_weekly:
            begin = self.config[first].start.year
        else:
            # What is due later in the year is fetched by one of the missed nights for all.
            end = max(end, datetime.datetime.now(datetime.UTC).year)
        return batch_tags(f"{first}|{begin}", f"{last}|{end}")

    def _ranges(self, keys: Sequence[str]) -> list[str]:
        """Return ranges of series that lie side by side: one run each.

        On Saturdays a range is of series that begin in the same year.
        """
        order = self.config.keys
        found: list[list[str]] = []
        for key in keys:
            follows = bool(found) and order.index(key) == order.index(found[-1][-1]) + 1
            if follows and (not self.night.is_weekly or self._same_start(found[-1][-1], key)):
                found[-1].append(key)
            else:
                found.append([key])
        return [_named(run) for run in found]

    def _same_start(self, one: str, other: str) -> bool:
        return self.config[one].start.year == self.config[other].start.year


def _named(run: Sequence[str]) -> str:
    return run[0] if len(run) == 1 else f"{run[0]}..{run[-1]}"


def _ends(part: str) -> tuple[str, str]:
    first, _, last = part.partition("..")
    return first, last or first


def _configured(config: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return {"ops": {asset: {"config": own} for asset, own in config.items()}}
