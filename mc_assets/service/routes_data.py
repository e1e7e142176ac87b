"""Routes of data: series, bars, calibrations, the trial ledger, and questions in SQL."""

from __future__ import annotations

import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from engine.errors import Refusal
from mc_assets.answers.json_values import plain
from mc_assets.service.asked import project_relative
from mc_assets.service.callers import Reader
from mc_assets.service.problems import PROBLEMS
from mc_assets.service.requests import SqlRequest
from mc_assets.service.service import service_of
from mc_assets.service.tables import TABLE, Page, Paging, answer_frame

__all__ = ["router"]

router = APIRouter(responses=PROBLEMS)

_Pages = Annotated[Paging, Depends(Page)]
_Series = Annotated[str, Path(max_length=80, description="A series.", examples=["SP500@1d"])]


class Rows(BaseModel):
    """Rows of an answer."""

    rows: list[dict[str, Any]] = Field(examples=[[{"study": "sma_crossover_gbm", "sharpe": 0.4}]])
    complete: bool = Field(description="Whether these are all that there are.")
    left_out: list[str] = Field(
        default_factory=list,
        description="Damaged files whose rows are not among them; absent where there are none.",
        examples=[["data/trades/0f/part-00.parquet is damaged; its part is left out"]],
    )


@router.get("/v1/data/series", responses=TABLE, tags=["data"])
def get_series(request: Request, caller: Reader, paging: _Pages) -> Response:
    """List the configured series, and what is stored of each."""
    from mc_assets.answers.bars import list_series

    return answer_frame(request, paging, list_series(service_of(request).project))


@router.get("/v1/data/series/{series}/bars", responses=TABLE, tags=["data"])
def get_bars(
    request: Request,
    series: _Series,
    caller: Reader,
    paging: _Pages,
    start: Annotated[datetime.date | None, Query(description="First UTC day.")] = None,
    end: Annotated[datetime.date | None, Query(description="UTC day after the last.")] = None,
) -> Response:
    """Read stored bars, oldest first."""
    from mc_assets.answers.bars import stored_bars

    if start is not None and end is not None and end <= start:
        raise Refusal("end", str(end), f"a day after {start}")
    bars = stored_bars(service_of(request).project, series, start, end)
    return answer_frame(request, paging, bars, {"series": series})


@router.get("/v1/data/calibrations", responses=TABLE, tags=["data"])
def get_calibrations(
    request: Request,
    caller: Reader,
    paging: _Pages,
    series: Annotated[
        list[str] | None, Query(max_length=100, description="Series; by default all.")
    ] = None,
    history: Annotated[
        bool, Query(description="All dates instead of the newest of each series.")
    ] = False,
) -> Response:
    """Read calibrations with their errors, the newest or through time."""
    from mc_assets.answers.calibrations import calibrations_through_time, stored_calibrations

    project = service_of(request).project
    asked = calibrations_through_time if history else stored_calibrations
    return answer_frame(request, paging, asked(project, series or ()))


@router.get("/v1/ledger", responses=TABLE, tags=["analysis"])
def get_ledger(
    request: Request,
    caller: Reader,
    paging: _Pages,
    family: Annotated[
        str | None, Query(max_length=120, description="Trials of this strategy.")
    ] = None,
) -> Response:
    """Read the trial ledger: what was ever tried, by strategy and series, or trial by trial."""
    from mc_assets.answers.trials import list_trials

    found = list_trials(service_of(request).project, family)
    table = found.families if family is None else found.trials
    return answer_frame(request, paging, table, {"archived": found.archived})


@router.get("/v1/analysis/panel", responses=TABLE, tags=["analysis"])
def get_panel(request: Request, caller: Reader, paging: _Pages) -> Response:
    """Read the stored panels: one grid in every world that a history allows."""
    from mc_assets.answers.tables import ask_tables

    return answer_frame(
        request, paging, ask_tables(service_of(request).project, "SELECT * FROM panel")
    )


@router.get("/v1/paper", responses=TABLE, tags=["analysis"])
def get_paper(request: Request, caller: Reader, paging: _Pages) -> Response:
    """Read what paper sessions measured beside their simulations, bar after bar."""
    from mc_assets.answers.paper import paper_comparisons

    return answer_frame(request, paging, paper_comparisons(service_of(request).project))


@router.get("/v1/tables", tags=["sql"])
def get_tables(request: Request, caller: Reader) -> dict[str, Any]:
    """List the tables that `POST /v1/sql` asks, with their columns and units."""
    from mc_assets.answers.tables import describe_tables

    return {"tables": plain(describe_tables(service_of(request).project))}


@router.post("/v1/sql", tags=["sql"], response_model_exclude_defaults=True)
def ask_sql(request: Request, asked: SqlRequest, caller: Reader) -> Rows:
    """Ask the tables in SQL: one statement that reads, with limits of memory and time."""
    from mc_assets.answers.bounded import bounded_rows
    from mc_assets.answers.tables import ask_tables, left_out

    project = service_of(request).project
    found = ask_tables(project, asked.query, flat=True, rows=asked.limit + 1)
    bounded = bounded_rows(found, asked.limit)
    damages = [project_relative(project, sentence) for sentence in left_out(project)]
    return Rows(rows=bounded.rows, complete=bounded.complete, left_out=damages)
