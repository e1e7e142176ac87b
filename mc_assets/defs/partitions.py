"""Partitions: few assets, many partitions, so the graph stays one that a person can read.

Only names are read here (the keys of the series file); nothing that grows with the data.
Partitions in time that move with the calendar, and studies, which come and go with their files, are
in the instance (`mc_assets.offered_periods`, `mc_assets.offered_studies`), so that new ones appear
without a reload.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence

import dagster as dg

from engine.jobs.blocks import BLOCKS
from mc_assets.market_data.series_file import load_series
from mc_assets.offered_periods import PERIODS
from mc_assets.offered_studies import POLICIES, SEARCHED, STUDIES, WALKED, WINDOWS
from mc_assets.periods import as_of_span
from mc_assets.policy_files import MOST_TRAININGS
from mc_assets.project import Project

__all__ = [
    "STRATEGIES",
    "batch_tags",
    "declared",
    "grouped",
    "periods",
    "policies",
    "policy_seeds",
    "searched",
    "seed_blocks",
    "series",
    "series_days",
    "series_periods",
    "series_years",
    "strategy_series",
    "studies",
    "study_periods",
    "study_seed_blocks",
    "tick_series",
    "training_seeds",
    "walked",
    "window_of",
    "windows",
    "years",
]

_project = Project.from_environment()

#: The series file as it was when the definitions were loaded.
declared = load_series(_project.series)

#: The built-in strategies; their registry would compile.
STRATEGIES = [
    *("breakout", "buy_and_hold", "mean_reversion", "momentum", "rsi_reversal", "sma_crossover")
]


class _Grid(dg.MultiPartitionsDefinition):
    """Keys of two dimensions, listed once a day: windows begin at midnight UTC.

    Each run lists the keys of every asset that it reads.
    """

    _listed: tuple[object, Sequence[dg.MultiPartitionKey]] | None = None

    def _get_partition_keys(  # type: ignore[override]  # Dagster's own keeps those of one instant.
        self, _current_time: datetime.datetime
    ) -> Sequence[dg.MultiPartitionKey]:
        day = _current_time.timestamp() // 86_400
        if self._listed is None or self._listed[0] != day:
            self._listed = (day, super()._get_partition_keys(_current_time))
        return self._listed[1]


series = dg.StaticPartitionsDefinition(declared.keys)
#: Study files by name, and those of them with an objective (`mc_assets.offered_studies`).
studies = dg.DynamicPartitionsDefinition(name=STUDIES)
searched = dg.DynamicPartitionsDefinition(name=SEARCHED)
#: Studies that say how they are walked forward, and `STUDY@NUMBER` of each of their windows.
walked = dg.DynamicPartitionsDefinition(name=WALKED)
windows = dg.DynamicPartitionsDefinition(name=WINDOWS)
seed_blocks = dg.StaticPartitionsDefinition([f"{block:02d}" for block in range(BLOCKS)])
_first, _last = as_of_span(declared)
_ended = _last < datetime.datetime.now(datetime.UTC).date()
years = dg.TimeWindowPartitionsDefinition(
    start=str(_first.year),
    end=str(_last.year + 1) if _ended else None,
    cron_schedule="0 0 1 1 *",
    fmt="%Y",
    end_offset=0 if _ended else 1,
)
periods = dg.DynamicPartitionsDefinition(name=PERIODS)

tick_series = dg.StaticPartitionsDefinition([entry.key for entry in declared.ticks])
_first_tick = min((entry.start for entry in declared.ticks), default=_first)
_last_tick = (
    max(entry.end for entry in declared.ticks if entry.end)
    if declared.ticks and all(entry.end for entry in declared.ticks)
    else None
)
series_days = _Grid(
    {
        "day": dg.DailyPartitionsDefinition(
            start_date=str(_first_tick),
            end_date=None if _last_tick is None else str(_last_tick + datetime.timedelta(days=1)),
        ),
        "series": tick_series,
    }
)
series_years = _Grid({"series": series, "year": years})
# Not kept for a day: periods and studies come and go with the instance.
series_periods = dg.MultiPartitionsDefinition({"period": periods, "series": series})
strategy_series = _Grid({"series": series, "strategy": dg.StaticPartitionsDefinition(STRATEGIES)})
study_periods = dg.MultiPartitionsDefinition({"period": periods, "study": studies})
#: Policy files by name, each with the most trainings that a file can ask for.
policies = dg.DynamicPartitionsDefinition(name=POLICIES)
training_seeds = dg.StaticPartitionsDefinition([f"{seed:02d}" for seed in range(MOST_TRAININGS)])
policy_seeds = dg.MultiPartitionsDefinition({"policy": policies, "seed": training_seeds})
study_seed_blocks = dg.MultiPartitionsDefinition({"seed_block": seed_blocks, "study": studies})


def batch_tags(first: str, last: str) -> dict[str, str]:
    """Run tags that make one run out of a range of partitions, as a backfill does."""
    return {
        "dagster/asset_partition_range_start": first,
        "dagster/asset_partition_range_end": last,
    }


def window_of(key: str) -> tuple[str, int]:
    """Return the study and the number of a key of `windows`."""
    study, _, number = key.rpartition("@")
    return study, int(number)


def grouped(keys: Iterable[str], dimension: str) -> Mapping[str, list[dg.MultiPartitionKey]]:
    """Multi-partition keys of a run by one of their dimensions, in the run's order."""
    groups: dict[str, list[dg.MultiPartitionKey]] = {}
    for key in keys:
        assert isinstance(key, dg.MultiPartitionKey)
        groups.setdefault(key.keys_by_dimension[dimension], []).append(key)
    return groups
