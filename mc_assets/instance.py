"""The Dagster instance inside the data folder: prepared by us, so history survives a restart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mc_assets.dagster_home import prepare_dagster_home
from mc_assets.history_errors import history_errors
from mc_assets.history_retention import forget_old_runs
from mc_assets.home_lock import descriptor, release, share, take
from mc_assets.offered_periods import offer_periods
from mc_assets.offered_studies import offer_studies
from mc_assets.own_runs import IS_TERMINAL
from mc_assets.project import Project

if TYPE_CHECKING:
    import dagster as dg

__all__ = [
    "fail_runs_of_ui",
    "open_instance",
    "prepare_home",
    "reap_orphans",
    "using_dagster_home",
]


@contextmanager
def using_dagster_home(project: Project) -> Iterator[int]:
    """Hold DAGSTER_HOME as one of its users; reap orphans first where there is no other.

    The periods that Dagster offers are brought up to today (`mc_assets.offered_periods`) and the
    studies up to their files (`mc_assets.offered_studies`); where there is no other user, old runs
    are forgotten (`mc_assets.history_retention`).

    Every process that has the instance open is a user (`mc_assets.event_log`): also a worker whose
    webserver, daemon or `mc ui` is gone.

    Yields
    ------
    int
        Descriptor of the lock file. A child process that inherits it is a user too, for as long
        as it lives.

    Raises
    ------
    OSError
        If Dagster's database cannot be written, then or in what is done with it: one sentence.
    """
    home = project.dagster_home
    with history_errors(home):
        prepare_dagster_home(project)
    alone = take(home)
    try:
        with history_errors(home):
            prepare_home(project, alone=alone)
            if alone:
                share(home)
            yield descriptor(home)
    finally:
        release(home)


def prepare_home(project: Project, *, alone: bool) -> None:
    """Bring what a home offers up to today; where nobody else uses it, tidy up first.

    Parameters
    ----------
    project : Project
        Whose home it is; this process is a user of it.
    alone : bool
        Whether there is no other one, and none can come.
    """
    with open_instance(project) as instance:
        if alone:
            reap_orphans(instance)
        offer_periods(instance, project)
        offer_studies(instance, project)
        if alone:
            forget_old_runs(instance)


@contextmanager
def open_instance(project: Project) -> Iterator[dg.DagsterInstance]:
    """Open the project's instance, closing its database handles at the end."""
    import dagster as dg

    prepare_dagster_home(project)
    with dg.DagsterInstance.get() as instance:
        yield instance


def fail_runs_of_ui(project: Project) -> int:
    """Mark unfinished runs that no terminal began as failed; return how many.

    Call it only while no daemon of the home is alive, nor a process that it started: those of the
    terminals may be, and tell of their runs themselves.
    """
    with open_instance(project) as instance:
        return _reap(instance, [run for run in _unfinished(instance) if not _of_terminal(run)])


def reap_orphans(instance: dg.DagsterInstance) -> int:
    """Mark runs that a crash left unfinished as failed; return how many.

    Dagster's default launcher has no worker health check, so such runs would stay STARTED
    forever and count against the limit of concurrent runs. Call it only while no other process
    works on the same DAGSTER_HOME.
    """
    import dagster as dg

    made = dg.RunsFilter(statuses=[dg.DagsterRunStatus.NOT_STARTED], tags=dict(IS_TERMINAL))
    # One of a terminal begins as it is made; of a UI, the daemon comes to it.
    return _reap(instance, [*_unfinished(instance), *instance.get_runs(filters=made)])


def _unfinished(instance: dg.DagsterInstance) -> Sequence[dg.DagsterRun]:
    import dagster as dg

    begun = (
        dg.DagsterRunStatus.STARTING,
        dg.DagsterRunStatus.STARTED,
        dg.DagsterRunStatus.CANCELING,
    )
    return instance.get_runs(filters=dg.RunsFilter(statuses=begun))


def _of_terminal(run: dg.DagsterRun) -> bool:
    return all(run.tags.get(name) == value for name, value in IS_TERMINAL.items())


def _reap(instance: dg.DagsterInstance, runs: Sequence[dg.DagsterRun]) -> int:
    for run in runs:
        instance.report_run_failed(run, "orphaned: the machine or Dagster went away")
    # Every slot of a pool that a finished run holds is an orphan; the next run would wait for it.
    slots = instance.event_log_storage
    if slots.supports_global_concurrency_limits:
        for run_id in slots.get_concurrency_run_ids():
            holder = instance.get_run_by_id(run_id)
            if holder is None or holder.is_finished:
                slots.free_concurrency_slots_for_run(run_id)
    return len(runs)
