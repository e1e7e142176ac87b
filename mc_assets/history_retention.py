"""Which runs Dagster's history keeps: those that made what is there, and those of the last months.

A run takes about 140 kB. Without an end, nightly runs alone are 200 MB a year.
"""

from __future__ import annotations

import datetime
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mc_assets.offered_periods import PERIODS

if TYPE_CHECKING:
    import dagster as dg

__all__ = ["forget_old_runs", "forget_runs", "old_runs"]

# Of one call: a command must not wait long for the history of years.
_MOST: Final = 200


def forget_old_runs(instance: dg.DagsterInstance, now: datetime.datetime | None = None) -> int:
    """Delete finished runs that are older than ``keep_days`` of `dagster.yaml`; return how many.

    Parameters
    ----------
    instance : DagsterInstance
        The project's; one whose log is not `mc_assets.event_log.EventLog` keeps every run.
    now : datetime, optional
        By default the present.
    """
    from mc_assets.event_log import EventLog

    log = instance.event_log_storage
    if not isinstance(log, EventLog) or log.keep_days <= 0:
        return 0
    return forget_runs(instance, old_runs(instance, log.keep_days, now)[-_MOST:])


def old_runs(
    instance: dg.DagsterInstance, days: int, now: datetime.datetime | None = None
) -> list[str]:
    """Return the finished runs that may be forgotten after some days, newest first.

    A run stays longer where a partition was made by no later one or a check was evaluated by no
    later one, so that nothing that is there looks missing.
    """
    import dagster as dg

    from mc_assets.event_log import EventLog

    log = instance.event_log_storage
    if not isinstance(log, EventLog):
        return []
    before = (now or datetime.datetime.now(datetime.UTC)) - datetime.timedelta(days=days)
    finished = [
        dg.DagsterRunStatus.SUCCESS,
        dg.DagsterRunStatus.FAILURE,
        dg.DagsterRunStatus.CANCELED,
    ]
    old = instance.get_run_ids(dg.RunsFilter(statuses=finished, updated_before=before))
    if not old:
        return []
    kept = log.runs_to_keep(instance.get_dynamic_partitions(PERIODS))
    return [run_id for run_id in old if run_id not in kept]


def forget_runs(instance: dg.DagsterInstance, runs: Sequence[str]) -> int:
    """Delete runs with their logs; return how many."""
    for run_id in runs:
        instance.delete_run(run_id)
        shutil.rmtree(Path(instance.storage_directory()) / run_id, ignore_errors=True)
    return len(runs)
