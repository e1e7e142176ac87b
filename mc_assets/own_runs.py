"""Runs in this process that the Dagster UI shows as its own, and can execute again."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Final

from engine.home import shipped

if TYPE_CHECKING:
    import dagster as dg
    from dagster._core.origin import JobPythonOrigin
    from dagster._core.remote_origin import RemoteJobOrigin

__all__ = ["IS_TERMINAL", "execute_here"]

# The daemon tries a run again that a crash ended. One that a person began in a terminal is theirs
# to begin again.
_NOT_AGAIN: Final = {"dagster/max_retries": "0"}
#: The tag of a run that a person began in a terminal, and is told of there.
IS_TERMINAL: Final = {"mc/from": "terminal"}


def execute_here(
    instance: dg.DagsterInstance,
    assets: Sequence[str],
    *,
    tags: Mapping[str, str],
    config: Mapping[str, object],
) -> dg.JobExecutionResult:
    """Materialise assets in this process.

    `JobDefinition.execute_in_process` does the same, but its runs belong to no code location: the
    UI leaves them out of its timeline, and does not execute them again.

    Parameters
    ----------
    instance : DagsterInstance
        Where the run is kept.
    assets : sequence of str
        Names of the assets.
    tags : mapping of str to str
        Such as those of a range of partitions.
    config : mapping of str to object
        Run configuration.
    """
    import dagster as dg
    from dagster._core.definitions.job_base import InMemoryJob
    from dagster._core.execution.api import execute_run

    from mc_assets.definitions import defs

    job = defs.resolve_implicit_global_asset_job_def()
    keys = frozenset(dg.AssetKey(name) for name in assets)
    remote, code = _origins(job.name)
    run = instance.create_run_for_job(
        job_def=job.get_subset(asset_selection=keys),
        run_config=config,
        tags={**tags, **_NOT_AGAIN, **IS_TERMINAL},
        asset_selection=keys,
        remote_job_origin=remote,
        job_code_origin=code,
    )
    try:
        return execute_run(InMemoryJob(job), run, instance)
    finally:
        ended = instance.get_run_by_id(run.run_id)
        if ended is not None and not ended.is_finished:
            instance.report_run_failed(ended, "stopped in its terminal")


@cache
def _origins(job: str) -> tuple[RemoteJobOrigin, JobPythonOrigin]:
    """Where a job comes from, as `mc ui` finds it in `workspace.yaml`, and as Python does."""
    from dagster._core.code_pointer import ModuleCodePointer
    from dagster._core.definitions.repository_definition import SINGLETON_REPOSITORY_NAME
    from dagster._core.origin import (
        DEFAULT_DAGSTER_ENTRY_POINT,
        JobPythonOrigin,
        RepositoryPythonOrigin,
    )
    from dagster._core.remote_origin import RemoteRepositoryOrigin
    from dagster._core.workspace.load import location_origins_from_yaml_paths

    (location,) = location_origins_from_yaml_paths([str(shipped("mc_assets", "workspace.yaml"))])
    repository = RepositoryPythonOrigin(
        executable_path=sys.executable,
        code_pointer=ModuleCodePointer("mc_assets.definitions", "defs"),
        entry_point=DEFAULT_DAGSTER_ENTRY_POINT,
    )
    return (
        RemoteRepositoryOrigin(location, SINGLETON_REPOSITORY_NAME).get_job_origin(job),
        JobPythonOrigin(job, repository),
    )
