"""Routes of results: studies, their statistics with errors, their rows, pictures of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, HTTPException, Path, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from pydantic import BaseModel, Field

from engine.errors import Refusal
from mc_assets.service.asked import plain_name
from mc_assets.service.callers import Reader
from mc_assets.service.kept_answers import KeptAnswer
from mc_assets.service.opened import Opened
from mc_assets.service.problems import PROBLEMS
from mc_assets.service.replaying import replay
from mc_assets.service.service import service_of
from mc_assets.service.tables import (
    TABLE,
    AskedTable,
    Page,
    Paging,
    answer_frame,
    answer_table,
    etag_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl

__all__ = ["Study", "router"]

router = APIRouter(responses=PROBLEMS)

Study = Annotated[
    str, Path(max_length=120, description="Name of a study.", examples=["sma_crossover_gbm"])
]
_Asked = Annotated[
    str, Query(max_length=120, description="Name of a study.", examples=["sma_crossover_gbm"])
]
_Names = Annotated[
    list[str] | None,
    Query(max_length=200, description="Statistics, or metrics for their means.", alias="name"),
]
_Statistic = Annotated[
    str, Query(max_length=80, description="A statistic, or a metric for its mean.")
]
_Pages = Annotated[Paging, Depends(Page)]

# Pictures that need nothing but stored rows.
_PICTURES: Final = ("fan", "pnl", "drawdown", "sensitivity", "heatmap", "convergence")
# Where results have their rows.
_LAZY: Final = {"simulations": "lazy", "trades": "trades_lazy", "equity": "equity_lazy"}


class StudyState(BaseModel):
    """A study, and how far it is."""

    name: str = Field(examples=["sma_crossover_gbm"])
    state: Literal["unreadable", "new", "damaged", "partial", "finished"]
    done: int = Field(description="Simulations that are stored.", examples=[9000])
    total: int = Field(description="Simulations of its latest run.", examples=[9000])
    description: str = ""
    stored: bool = Field(description="Whether the project has a file of it.")


class Studies(BaseModel):
    """The studies of a project, and those that were stated over HTTP and have results."""

    studies: list[StudyState]


@router.get("/v1/studies", tags=["studies"])
def list_all_studies(request: Request, caller: Reader) -> Studies:
    """List studies, with how far each is."""
    from engine.files import as_files
    from engine.results.load import stored_studies
    from mc_assets.answers.studies import list_studies

    project, state_of = service_of(request).project, service_of(request).opened.state
    found = [
        StudyState(
            name=entry.name,
            state=entry.state.word,
            done=entry.state.done,
            total=entry.state.total,
            description=entry.description if entry.state.word != "unreadable" else "",
            stored=True,
        )
        for entry in (list_studies(project, state_of) if project.studies.is_dir() else [])
    ]
    names = {entry.name for entry in found}
    for name in stored_studies(as_files(project.data)):
        if name not in names:
            state = state_of(name)
            found.append(
                StudyState(
                    name=name,
                    state=state.word,
                    done=state.done,
                    total=state.total,
                    description="",
                    stored=False,
                )
            )
    return Studies(studies=found)


@router.get("/v1/studies/{study}", tags=["studies"])
async def get_study(request: Request, study: Study, caller: Reader) -> dict[str, Any]:
    """Say what a study's results are of: source, strategy, parameters, lineage."""
    opened = await _opened(request, study)
    summary = opened.results.summary
    return opened.about | {
        "description": summary.description,
        "source": summary.source,
        "strategy": summary.strategy,
        "parameters": list(summary.parameters),
        "parameter_sets": summary.parameter_sets,
        "seeds": summary.seeds,
        "simulations": summary.simulations,
        "metrics": list(summary.metrics),
        "engine_version": summary.engine_version,
        "equity": opened.results.equity_lazy is not None,
        "trades": opened.results.trades_lazy is not None,
    }


@router.get("/v1/analysis/statistics", responses=TABLE, tags=["analysis"])
async def get_statistics(
    request: Request,
    study: _Asked,
    caller: Reader,
    paging: _Pages,
    name: _Names = None,
) -> Response:
    """Estimate statistics of every parameter set, with intervals of all errors.

    Of a study that runs they are those of the simulations that have finished: `about.missing` of
    the answer says how many have not.
    """
    from mc_assets.headlines import headline_names, with_all_errors

    def made(opened: Opened) -> pl.DataFrame:
        from engine.results.error_budget import Paths, study_tables

        results = opened.results
        names = name or headline_names(results)
        paths = Paths(results.seeds, results.resampled)
        return with_all_errors(*study_tables(results, paths, names=names))

    return await _derived(request, study, paging, f"statistics {sorted(name or ())}", made)


@router.get("/v1/studies/{study}/warnings", responses=TABLE, tags=["studies"])
async def get_warnings(request: Request, study: Study, caller: Reader, paging: _Pages) -> Response:
    """List what should be known before a study's numbers are believed."""
    return await _derived(request, study, paging, "warnings", lambda one: one.results.warnings())


@router.get("/v1/analysis/overfitting", responses=TABLE, tags=["analysis"])
def get_overfitting(
    request: Request,
    study: _Asked,
    caller: Reader,
    paging: _Pages,
    statistic: _Statistic = "sharpe",
) -> Response:
    """Measure the overfitting of the best set, by all trials of the ledger."""
    service = service_of(request)
    opened = service.opened.of(plain_name(study))
    # Whatever else is tried on the same series changes it, so nothing of it is kept.
    found = opened.results.overfitting(service.project.data, statistic=statistic)
    return answer_frame(request, paging, found, opened.about)


@router.get("/v1/studies/{study}/simulations", responses=TABLE, tags=["studies"])
async def get_simulations(
    request: Request,
    study: Study,
    caller: Reader,
    paging: _Pages,
    parameter_set: Annotated[int | None, Query(ge=0, description="Only of this set.")] = None,
) -> Response:
    """List simulations, a row each, in the order of their numbers."""
    return await _rows(request, study, paging, "simulations", parameter_set)


@router.get("/v1/studies/{study}/simulations/{simulation}", tags=["studies"])
def get_simulation(
    request: Request,
    study: Study,
    simulation: Annotated[
        int, Path(ge=0, le=2**53, description="Its number, as its row says it.", examples=[0])
    ],
    caller: Reader,
) -> dict[str, Any]:
    """Run one simulation again, in a process of its own: bars, equity, orders, trades, metrics."""
    service = service_of(request)
    opened = service.opened.of(plain_name(study))
    return replay(service.project, study, simulation, opened.manifests)


@router.get("/v1/studies/{study}/trades", responses=TABLE, tags=["studies"])
async def get_trades(
    request: Request,
    study: Study,
    caller: Reader,
    paging: _Pages,
    parameter_set: Annotated[int | None, Query(ge=0, description="Only of this set.")] = None,
) -> Response:
    """List the trades of every simulation, where the study records them."""
    return await _rows(request, study, paging, "trades", parameter_set)


@router.get("/v1/studies/{study}/equity", responses=TABLE, tags=["studies"])
async def get_equity(
    request: Request,
    study: Study,
    caller: Reader,
    paging: _Pages,
    parameter_set: Annotated[int | None, Query(ge=0, description="Only of this set.")] = None,
) -> Response:
    """List sampled equity curves, where the study records them."""
    return await _rows(request, study, paging, "equity", parameter_set)


@router.get("/v1/analysis/comparison", responses=TABLE, tags=["analysis"])
async def get_comparison(
    request: Request,
    caller: Reader,
    paging: _Pages,
    study: _Asked,
    baseline: Annotated[
        str,
        Query(
            max_length=120,
            description="The study to compare it with.",
            examples=["buy_and_hold_bootstrap"],
        ),
    ],
    statistic: _Statistic = "mean_net_pnl",
    baseline_set: Annotated[
        int | None, Query(ge=0, description="Compare every set with this one of the baseline.")
    ] = None,
) -> Response:
    """Compare two studies: differences with errors, paired where they share paths."""
    ours, theirs = await _opened(request, study), await _opened(request, baseline)
    _check_set("baseline_set", baseline_set, theirs)
    found = await run_in_threadpool(ours.compare, theirs, statistic, baseline_set)
    about = {
        "study": study,
        "baseline": baseline,
        "statistic": statistic,
        "paired": found.paired,
        "fingerprint": ours.results.fingerprint,
    }
    of = f"comparison {ours.manifests} {theirs.manifests} {statistic} {baseline_set}"
    asked = AskedTable(request, paging, of, about)
    return await answer_table(request, asked, found.table.slice)


@router.get("/v1/studies/{study}/pictures/{picture}", tags=["studies"])
async def get_picture(
    request: Request,
    study: Study,
    picture: Annotated[str, Path(max_length=20, description="Its name.", examples=["pnl"])],
    caller: Reader,
    parameter_set: Annotated[int | None, Query(ge=0, description="Of this set alone.")] = None,
    statistic: _Statistic = "mean_net_pnl",
) -> Response:
    """Return a picture of the report as the JSON of a Plotly figure."""
    if picture not in _PICTURES:
        raise HTTPException(404, f"picture: found {picture!r}, allowed {', '.join(_PICTURES)}")
    opened = await _opened(request, study)
    tag = etag_of(opened.manifests, study, picture, parameter_set, statistic)
    headers = {"ETag": tag, "Cache-Control": "no-cache"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)

    def drawn() -> KeptAnswer:
        options: dict[str, Any] = {"parameter_set": parameter_set}
        if picture in ("sensitivity", "heatmap"):
            options = {"statistic": statistic}
        chart = getattr(opened.results.plot, picture)(**options)
        words = f'"title": {json.dumps(chart.title)}, "note": {json.dumps(chart.note)}'
        content = f'{{{words}, "figure": {chart.figure.to_json()}}}'
        return KeptAnswer(content.encode(), "application/json", headers)

    return (await service_of(request).answers.of(tag, drawn)).response()


async def _opened(request: Request, study: str) -> Opened:
    """Return a study's results; where they are open already, without a thread."""
    opened, name = service_of(request).opened, plain_name(study)
    kept = opened.kept(name)
    return kept if kept is not None else await run_in_threadpool(opened.of, name)


async def _derived(
    request: Request,
    study: str,
    paging: Paging,
    what: str,
    made: Callable[[Opened], pl.DataFrame],
) -> Response:
    """Answer with a table that follows from results, made once for as long as they stay."""
    opened = await _opened(request, study)

    def rows(offset: int, count: int) -> pl.DataFrame:
        table = opened.tables.get(what)
        if table is None:
            table = made(opened)
            opened.keep(what, table)
        return table.slice(offset, count)

    asked = AskedTable(request, paging, f"{what} {opened.manifests}", opened.about)
    return await answer_table(request, asked, rows)


def _check_set(field: str, parameter_set: int | None, opened: Opened) -> None:
    sets = opened.results.summary.parameter_sets
    if parameter_set is not None and parameter_set >= sets:
        raise Refusal(field, str(parameter_set), f"0 to {sets - 1}")


async def _rows(
    request: Request,
    study: str,
    paging: Paging,
    what: Literal["simulations", "trades", "equity"],
    parameter_set: int | None,
) -> Response:
    """Answer with stored rows of simulations."""
    opened = await _opened(request, study)
    results = opened.results
    _check_set("parameter_set", parameter_set, opened)

    def rows(offset: int, count: int) -> pl.DataFrame:
        import polars as pl

        lazy = getattr(results, _LAZY[what])
        if lazy is None:
            sentence = f"{what}: the study did not record them; `record` says what is"
            raise HTTPException(404, sentence)
        if parameter_set is not None:
            lazy = lazy.filter(pl.col("parameter_set") == parameter_set)
        order = ["simulation", "trade"] if what == "trades" else ["simulation"]
        found: pl.DataFrame = lazy.sort(order).slice(offset, count).collect()
        return found

    of = f"{what} {parameter_set} {opened.manifests}"
    return await answer_table(request, AskedTable(request, paging, of, opened.about), rows)
