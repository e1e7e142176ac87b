"""Routes of backtests: a strategy on stored bars, created, listed, read and deleted."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Request, Response
from pydantic import BaseModel, Field

from mc_assets.answers.json_values import plain
from mc_assets.service.asked import asked_backtest
from mc_assets.service.callers import Reader, Runner
from mc_assets.service.jobs import Job, JobPage, find_job, job_page, record_of
from mc_assets.service.problems import PROBLEMS
from mc_assets.service.requests import BacktestRequest
from mc_assets.service.routes_jobs import STARTED, started
from mc_assets.service.service import service_of

__all__ = ["router"]

router = APIRouter(tags=["backtests"], responses=PROBLEMS)

_Id = Annotated[
    str,
    Path(
        max_length=60, description="Id of a backtest.", examples=["20261127T101500123456-0f1e2d3c"]
    ),
]


class Backtest(BaseModel):
    """A backtest: its job, and once it has finished what it came to."""

    job: Job
    sets: list[dict[str, Any]] = Field(
        description="A row per parameter set with its metrics; empty before it has finished.",
        examples=[[{"parameter_set": 0, "net_pnl": 1200.0, "trades": 14.0}]],
    )
    links: dict[str, str] = Field(default_factory=dict, description="Its trades and equity.")


@router.post("/v1/backtests", status_code=202, responses=STARTED)
def create_backtest(
    request: Request, response: Response, asked: BacktestRequest, caller: Runner
) -> Job:
    """Run a strategy on the stored bars of a symbol, its trades and equity recorded."""
    service = service_of(request)
    return started(service, asked_backtest(service.project, asked), caller, response)


@router.get("/v1/backtests")
def list_backtests(request: Request, caller: Reader) -> JobPage:
    """List backtests, the newest first."""
    return job_page(service_of(request).project, lambda row: row["kind"] == "backtest")


@router.get("/v1/backtests/{backtest}")
def get_backtest(request: Request, backtest: _Id, caller: Reader) -> Backtest:
    """Return a backtest: how far it is, or what it came to."""
    from urllib.parse import quote

    service = service_of(request)
    job = _job(request, backtest)
    if job.state != "finished":
        return Backtest(job=job, sets=[])
    opened = service.opened.of(job.study)
    if opened.results.fingerprint != job.fingerprint:
        raise HTTPException(410, f"backtest: {job.study!r} has been run anew since, otherwise")
    own = f"/v1/studies/{quote(job.study, safe='')}"
    return Backtest(
        job=job,
        sets=plain(opened.results.frame.head(1_000)),
        links={"trades": f"{own}/trades", "equity": f"{own}/equity"},
    )


@router.delete("/v1/backtests/{backtest}", status_code=204)
def delete_backtest(request: Request, backtest: _Id, caller: Runner) -> None:
    """Delete a backtest with its record. Simulations stay: any study may share them."""
    from engine.files import as_files
    from engine.jobs.record import FOLDER
    from mc_assets.answers.study_names import remove_study

    project = service_of(request).project
    job = _job(request, backtest)
    if job.state in ("queued", "running"):
        raise HTTPException(409, "backtest: it runs; cancel it first")
    if job.study in project.study_files:
        raise HTTPException(409, f"backtest: {job.study!r} is a stored study; `mc rm` removes it")
    if (project.data / "results" / job.study).is_dir():
        remove_study(project, job.study, remove=True)
    as_files(project.data).delete(f"{FOLDER}{job.id}.json")


def _job(request: Request, backtest: str) -> Job:
    project = service_of(request).project
    if record_of(project, backtest).kind != "backtest":
        raise HTTPException(404, f"backtest: there is no {backtest!r}")
    return find_job(project, backtest)
