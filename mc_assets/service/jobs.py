"""Jobs as the service tells them: the job records that `mc runs` and Dagster write, too."""

from __future__ import annotations

import asyncio
import datetime
import time
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any, Final, Literal

from fastapi import HTTPException
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field

from mc_assets.project import Project
from mc_assets.service.asked import project_relative

if TYPE_CHECKING:
    from engine.jobs.record import JobRecord

__all__ = [
    "ENDED",
    "Job",
    "JobPage",
    "State",
    "event_id",
    "find_job",
    "job_events",
    "job_page",
    "record_of",
]

#: What a job may be.
State = Literal["queued", "running", "finished", "failed", "stopped", "killed", "lost"]

#: States after which nothing comes any more.
ENDED: Final = frozenset({"finished", "failed", "stopped", "killed", "lost"})

_LOOK_SECONDS: Final = 0.25
_ALIVE_SECONDS: Final = 15.0
_JOB = "20261127T101500123456-0f1e2d3c"


class Job(BaseModel):
    """A run: whoever began it, through whatever."""

    id: str = Field(examples=[_JOB])
    kind: str = Field(
        description="`study`, `backtest`, `search`, `walk-forward`, `panel`, or blocks of a study "
        "that Dagster runs.",
        examples=["study"],
    )
    study: str = Field(examples=["sma_crossover_gbm"])
    state: str = Field(
        description="`queued`, `running`, `finished`, `failed`, `stopped`, `killed` or `lost`.",
        examples=["running"],
    )
    done: int = Field(description="Simulations that have run.", examples=[1200])
    of: int = Field(description="Simulations in all; 0 until that is known.", examples=[9000])
    failed: int = Field(description="Simulations that failed.", examples=[0])
    seconds: float = Field(examples=[2.5])
    who: str = Field(description="Who asked, through what.", examples=["quant, mc serve, key desk"])
    error: str | None = None
    started: datetime.datetime
    ended: datetime.datetime | None = None
    world: str = Field(examples=["0f1e2d3c4b5a6978"])
    fingerprint: str | None = Field(
        default=None,
        description="Hash of world, parameter sets, seeds and what is recorded: the idempotency "
        "key of the job.",
        examples=["8a9b0c1d2e3f4a5b"],
    )
    links: dict[str, str] = Field(
        default_factory=dict, examples=[{"self": f"/v1/jobs/{_JOB}"}], description="Where next."
    )


class JobPage(BaseModel):
    """Jobs, the newest first."""

    jobs: list[Job]
    next: str | None = Field(default=None, description="Id of the last: `before` of the next page.")


def record_of(project: Project, job: str) -> JobRecord:
    """Return the record of a job.

    Raises
    ------
    HTTPException
        404 if there is none.
    """
    from engine.jobs.record import read_record

    record = read_record(project.data, job)
    if record is None:
        raise HTTPException(404, f"job: there is no {job!r}")
    return record


def find_job(project: Project, job: str) -> Job:
    """Return a job by its id.

    Raises
    ------
    HTTPException
        404 if there is none.
    """
    record = record_of(project, job)
    if not record.kind.startswith("block "):
        return _job_of(project, record)
    found = job_page(project, lambda row: row["id"] == job, limit=1).jobs
    if found:
        return found[0]
    return _job_of(project, record)  # one of several blocks, not the first


def job_page(
    project: Project,
    wanted: Callable[[dict[str, Any]], bool],
    *,
    study: str | None = None,
    limit: int | None = None,
    before: str | None = None,
) -> JobPage:
    """Return some of the jobs that are on record, the newest first.

    Parameters
    ----------
    project : Project
        Where the records lie.
    wanted : callable
        Takes a row of `mc_assets.answers.records.list_runs`; whether it is asked for.
    study : str, optional
        Only jobs of this study.
    limit : int, optional
        How many at most.
    before : str, optional
        Id of the last job of the page before: ids are in the order of their beginnings.
    """
    from mc_assets.answers.records import list_runs

    rows = list_runs(project, study).iter_rows(named=True)
    left = [row for row in rows if (before is None or row["id"] < before) and wanted(row)]
    page = [_told(project, row) for row in left[:limit]]
    more = limit is not None and len(left) > limit
    return JobPage(jobs=page, next=page[-1].id if more else None)


def event_id(job: Job) -> str:
    """Return the id of the event that tells a job as it is: its state, and how far it is."""
    return f"{job.state}-{job.done}-{job.of}"


async def job_events(project: Project, job: str, last: str | None) -> AsyncIterator[dict[str, Any]]:
    """Yield what happens to a job, from where a reader was: progress, and how it ends.

    An event's id is the state of the job and how far it was, so that any web worker goes on where
    another stopped.

    Parameters
    ----------
    project : Project
        Where the record lies.
    job : str
        Its id.
    last : str or None
        Id of the last event that the reader has.
    """
    told, heard = last, time.monotonic()
    while True:
        found = await run_in_threadpool(find_job, project, job)
        name = event_id(found)
        if name != told:
            kind = "end" if found.state in ENDED else "progress"
            yield {"event": kind, "id": name, "data": found.model_dump(mode="json")}
            told, heard = name, time.monotonic()
        elif time.monotonic() - heard > _ALIVE_SECONDS:
            yield {"comment": "still there"}
            heard = time.monotonic()
        if found.state in ENDED:
            return
        await asyncio.sleep(_LOOK_SECONDS)


def _job_of(project: Project, record: JobRecord) -> Job:
    return _linked(
        project,
        Job(
            id=record.id,
            kind=record.kind,
            study=record.study,
            state=record.state_now,
            done=record.done,
            of=record.total,
            failed=record.failed,
            seconds=round(record.seconds, 3),
            who=record.who,
            error=record.error,
            started=record.started,
            ended=record.ended,
            world=record.world,
            fingerprint=record.fingerprint,
        ),
    )


def _told(project: Project, row: dict[str, Any]) -> Job:
    return _linked(project, Job(**{name: value for name, value in row.items() if name != "cells"}))


def _linked(project: Project, job: Job) -> Job:
    if job.error is not None:
        job.error = project_relative(project, job.error)
    own = f"/v1/jobs/{job.id}"
    job.links = {"self": own, "events": f"{own}/events", "cancel": f"{own}/cancel"}
    if job.kind in ("search", "walk-forward", "panel"):
        job.links["result"] = f"{own}/result"
    elif job.kind == "backtest":
        job.links["result"] = f"/v1/backtests/{job.id}"
    else:
        job.links["result"] = f"/v1/analysis/statistics?study={_quoted(job.study)}"
    return job


def _quoted(text: str) -> str:
    from urllib.parse import quote

    return quote(text, safe="")
