"""Routes of long work: what begins it, how far it is, what stops it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, HTTPException, Path, Query, Request, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent

from mc_assets.service.asked import (
    asked_panel,
    asked_search,
    asked_study,
    asked_walk_forward,
)
from mc_assets.service.callers import Caller, Reader, Runner
from mc_assets.service.cancelling import cancel_job
from mc_assets.service.jobs import (
    ENDED,
    Job,
    JobPage,
    State,
    event_id,
    find_job,
    job_events,
    job_page,
    record_of,
)
from mc_assets.service.problems import PROBLEMS
from mc_assets.service.requests import (
    MonteCarloRequest,
    PanelRequest,
    SearchRequest,
    WalkForwardRequest,
)
from mc_assets.service.service import Service, service_of
from mc_assets.service.work import Work, answer_file, start_work

__all__ = ["STARTED", "router", "started"]

router = APIRouter(responses=PROBLEMS)

_Id = Annotated[
    str,
    Path(max_length=60, description="Id of a job.", examples=["20261127T101500123456-0f1e2d3c"]),
]
_Limit = Annotated[int, Query(ge=1, le=1_000, description="Jobs of a page.")]
_Before = Annotated[
    str | None,
    Query(pattern=r"^\d{8}T\d{12}-[0-9a-f]{8}$", description="`next` of the page before."),
]

#: What a route that begins a job documents.
STARTED: dict[int | str, dict[str, Any]] = {
    200: {"model": Job, "description": "The same was asked before, and its results are there."},
    202: {
        "model": Job,
        "description": "It waits or runs: `Location` is its job.",
        "headers": {"Location": {"schema": {"type": "string"}, "description": "The job."}},
    },
}


def started(service: Service, work: Work, caller: Caller, response: Response) -> Job:
    """Begin a job, or find the one that the same was asked of; the answer's head is filled in."""
    limits = service.settings
    record, _ = start_work(
        service.project,
        work,
        key=caller.name,
        slots=limits.slots,
        most_jobs=limits.jobs_of_key,
        most_simulations=limits.simulations,
    )
    job = find_job(service.project, record.id)
    response.headers["Location"] = job.links["self"]
    response.headers["Idempotency-Key"] = record.fingerprint
    response.status_code = 200 if job.state == "finished" else 202
    return job


@router.post("/v1/monte-carlo", status_code=202, responses=STARTED, tags=["monte carlo"])
def run_monte_carlo(
    request: Request, response: Response, asked: MonteCarloRequest, caller: Runner
) -> Job:
    """Run a Monte Carlo study: one that is stored, or one that is stated."""
    service = service_of(request)
    return started(service, asked_study(service.project, asked), caller, response)


@router.get("/v1/monte-carlo", tags=["monte carlo"])
def list_monte_carlo(
    request: Request,
    caller: Reader,
    limit: _Limit = 100,
    before: _Before = None,
) -> JobPage:
    """List runs of Monte Carlo studies, whoever began them: a browser, a terminal or Dagster."""
    return job_page(
        service_of(request).project,
        lambda row: row["kind"] == "study" or row["kind"].split()[-1] == "blocks",
        limit=limit,
        before=before,
    )


@router.post("/v1/optimise/search", status_code=202, responses=STARTED, tags=["optimise"])
def run_search(request: Request, response: Response, asked: SearchRequest, caller: Runner) -> Job:
    """Search the parameters of a strategy; the leaders run again on paths it never used."""
    service = service_of(request)
    return started(service, asked_search(service.project, asked), caller, response)


@router.post("/v1/optimise/walk-forward", status_code=202, responses=STARTED, tags=["optimise"])
def run_walk_forward(
    request: Request, response: Response, asked: WalkForwardRequest, caller: Runner
) -> Job:
    """Choose the best set on some bars of every path, and judge it on the bars after them."""
    service = service_of(request)
    return started(service, asked_walk_forward(service.project, asked), caller, response)


@router.post("/v1/analysis/panel", status_code=202, responses=STARTED, tags=["analysis"])
def run_panel(request: Request, response: Response, asked: PanelRequest, caller: Runner) -> Job:
    """Run one grid in every world that a history allows."""
    service = service_of(request)
    return started(service, asked_panel(service.project, asked), caller, response)


@router.get("/v1/jobs", tags=["jobs"])
def list_jobs(
    request: Request,
    caller: Reader,
    study: Annotated[str | None, Query(max_length=120, description="Only of this study.")] = None,
    state: Annotated[State | None, Query(description="Only in this state.")] = None,
    limit: _Limit = 100,
    before: _Before = None,
) -> JobPage:
    """List jobs, whoever began them, the newest first."""
    return job_page(
        service_of(request).project,
        lambda row: state in (None, row["state"]),
        study=study,
        limit=limit,
        before=before,
    )


@router.get("/v1/jobs/{job}", tags=["jobs"])
def get_job(request: Request, job: _Id, caller: Reader) -> Job:
    """Say how far a job is."""
    return find_job(service_of(request).project, job)


_Last = Annotated[str | None, Header(max_length=80, description="Id of the last event that came.")]


def _following(request: Request, job: _Id, last_event_id: _Last = None) -> None:
    """Refuse what cannot be followed, while the answer has not begun.

    A browser's `EventSource` connects again after every end, until it is told 204.
    """
    project = service_of(request).project
    found = find_job(project, job)
    if found.state in ENDED and last_event_id == event_id(found):
        raise HTTPException(204)


@router.get(
    "/v1/jobs/{job}/events",
    response_class=EventSourceResponse,
    tags=["jobs"],
    responses={204: {"description": "The job has ended, and `Last-Event-ID` is its end."}},
)
async def follow_job(
    request: Request,
    job: _Id,
    caller: Reader,
    there: Annotated[None, Depends(_following)],
    last_event_id: _Last = None,
) -> AsyncIterator[ServerSentEvent]:
    """Follow a job by server-sent events: `progress`, then `end`. `Last-Event-ID` resumes."""
    project = service_of(request).project
    async for event in job_events(project, job, last_event_id):
        yield ServerSentEvent(**event)


@router.post("/v1/jobs/{job}/cancel", status_code=202, tags=["jobs"])
def stop_job(request: Request, job: _Id, caller: Runner) -> Job:
    """Stop a job, as Ctrl-C stops `mc run`, on whichever machine; what has finished is kept."""
    project = service_of(request).project
    record = record_of(project, job)
    cancel_job(project, record, caller.name)
    return find_job(project, job)


@router.get("/v1/jobs/{job}/result", tags=["jobs"])
def get_result(request: Request, job: _Id, caller: Reader) -> dict[str, Any]:
    """Return what a search, a walk-forward or a panel came to."""
    from engine.files import read_json

    project = service_of(request).project
    record = record_of(project, job)
    try:
        return read_json(answer_file(project, record))
    except FileNotFoundError:
        state = record.state_now
        raise HTTPException(404, f"job: {job} is {state} and has no result of its own") from None
