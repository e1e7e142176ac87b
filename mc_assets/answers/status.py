"""How a project is doing: last runs, what is stale, what failed, what comes next, what it takes."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import polars as pl

from mc_assets.project import Project

if TYPE_CHECKING:
    import dagster as dg

    from mc_assets.steps import Step

__all__ = ["Status", "project_status"]

_RUNS: Final = 5
_PARTITIONED: Final = (
    *("raw_bars", "bars", "calibrations", "source_realism", "simulations", "statistics"),
    *("reports", "nightly_simulations", "panel"),
)


@dataclass(frozen=True)
class Status:
    """How a project is doing.

    Parameters
    ----------
    runs : polars.DataFrame
        The last runs of studies (`mc_assets.answers.records.list_runs`).
    stale : polars.DataFrame
        ``step``: what `mc run` would do; empty where everything is current.
    problem : str
        Why what is stale cannot be told; empty where it can.
    failed : polars.DataFrame
        ``asset``, ``partitions`` that failed and were not made since, the ``newest`` of them.
    automation : polars.DataFrame
        ``automation``, the ``night`` that comes next of an exchange, whether it is ``on``, its
        ``next_tick`` (UTC; null of what watches files; it ticks while `mc ui` runs).
    disk : polars.DataFrame
        ``folder`` of the data folder, ``files``, ``megabytes``.
    is_open : bool
        Whether a command or `mc ui` uses the project's Dagster home now.
    """

    runs: pl.DataFrame
    stale: pl.DataFrame
    problem: str
    failed: pl.DataFrame
    automation: pl.DataFrame
    disk: pl.DataFrame
    is_open: bool


def project_status(project: Project, now: datetime.datetime | None = None) -> Status:
    """Look at a project; nothing is changed and nothing is run.

    Parameters
    ----------
    project : Project
        Where everything lies.
    now : datetime, optional
        The present; by default the clock's, UTC.
    """
    from mc_assets.answers.records import list_runs
    from mc_assets.home_lock import is_in_use

    now = now or datetime.datetime.now(datetime.UTC)
    is_open = is_in_use(project.dagster_home)
    stale, problem = _stale(project)
    failed, automation = _dagster(project, now)
    return Status(
        list_runs(project).head(_RUNS),
        pl.DataFrame({"step": stale}, schema={"step": pl.String}),
        problem,
        failed,
        automation,
        _disk(project),
        is_open,
    )


def _stale(project: Project) -> tuple[list[str], str]:
    """Return the titles of the steps that `mc run` would take, or why they cannot be told."""
    from mc_assets.receipts import Receipts
    from mc_assets.steps import all_steps

    found: list[str] = []
    try:
        for step in all_steps(project, Receipts(project.data)):
            if not step.current and not _is_made(project, step):
                found.append(step.title)
    except (ValueError, OSError) as error:
        if not found:
            return [], str(error)
        # Calibrations go by the newest bar of their series, which is not there yet.
        found.append("what rests on them")
    return found, ""


def _is_made(project: Project, step: Step) -> bool:
    """Whether a step would find all simulations of its study finished, though without a receipt.

    A study with code of the user's never has one, and one that was run by itself has none yet: what
    it asks for is made up anew and compared with its results.
    """
    if tuple(step.assets) != ("simulations",):
        return False
    from engine.studies import load_results, load_study
    from engine.studies.until import extend
    from mc_assets.stored_market_data import StoredMarketData

    assert step.partitions is not None
    name = step.partitions[0].partition("|")[2]
    try:
        study = load_study(project.study_file(name))
        results = load_results(project.data, study.name)
        job = study.resolve(StoredMarketData(project))
    except (ValueError, OSError):
        return False  # running it says what is wrong
    if job.settings.until is not None:
        job = extend(job, results.summary.seeds)
    return job.fingerprint == results.fingerprint and not results.missing


def _dagster(project: Project, now: datetime.datetime) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the partitions that failed, and what runs by itself."""
    from mc_assets.instance import open_instance

    failed: list[tuple[str, int, str]] = []
    running: set[str] = set()
    ticks: list[tuple[str, str, bool, datetime.datetime | None]] = []
    if project.dagster_home.is_dir():
        with open_instance(project) as instance:
            failed = _failed(instance)
            running = _running_sensors(instance)
    with suppress(ValueError, OSError):
        # A series file that cannot be read is told of with what is stale.
        ticks = list(_ticks(project, running, now))
    return (
        pl.DataFrame(
            failed,
            schema={"asset": pl.String, "partitions": pl.Int64, "newest": pl.String},
            orient="row",
        ),
        pl.DataFrame(
            ticks,
            schema={
                "automation": pl.String,
                "night": pl.String,
                "on": pl.Boolean,
                "next_tick": pl.Datetime("us", "UTC"),
            },
            orient="row",
        ),
    )


def _failed(instance: dg.DagsterInstance) -> list[tuple[str, int, str]]:
    """Count the partitions whose last attempt failed and that were not materialised since."""
    import dagster as dg

    failures = instance.get_run_ids(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]))
    log, failed_runs = instance.event_log_storage, set(failures)
    found = []
    for asset in _PARTITIONED:
        attempts = log.get_latest_asset_partition_materialization_attempts_without_materializations(
            dg.AssetKey(asset)
        )
        open_ones = {key: at for key, (run, at) in attempts.items() if run in failed_runs}
        if open_ones:
            found.append((asset, len(open_ones), max(open_ones, key=lambda key: open_ones[key])))
    return found


def _running_sensors(instance: dg.DagsterInstance) -> set[str]:
    from dagster._core.definitions.run_request import InstigatorType
    from dagster._core.scheduler.instigation import InstigatorStatus

    states = instance.all_instigator_state(
        instigator_type=InstigatorType.SENSOR, instigator_statuses={InstigatorStatus.RUNNING}
    )
    return {state.instigator_name for state in states}


def _ticks(
    project: Project, running: set[str], now: datetime.datetime
) -> Iterator[tuple[str, str, bool, datetime.datetime | None]]:
    """Yield what runs by itself: of the nightly chain the next night of each exchange."""
    import dagster as dg

    from mc_assets.automation.nights import upcoming_nights
    from mc_assets.automation.settings import load_automation
    from mc_assets.definitions import defs
    from mc_assets.market_data import load_series

    for sensor in defs.sensors or ():
        # Those that run by themselves are in the instance once `mc ui` has run.
        is_on = sensor.name in running or sensor.default_status == dg.DefaultSensorStatus.RUNNING
        if sensor.name != "nightly_chain":
            yield sensor.name, "", is_on, None
            continue
        nightly = load_automation(project).nightly
        coming = upcoming_nights(load_series(project.series), now, nightly)
        for night in coming:
            yield sensor.name, night.key, is_on, night.due
        if not coming:
            yield sensor.name, "", is_on, None


def _disk(project: Project) -> pl.DataFrame:
    rows = []
    for folder in sorted(project.data.glob("*/")):
        sizes = [path.lstat().st_size for path in folder.rglob("*") if path.is_file()]
        rows.append((folder.name, len(sizes), sum(sizes) / 1e6))
    schema = {"folder": pl.String, "files": pl.Int64, "megabytes": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row").sort("megabytes", descending=True)
