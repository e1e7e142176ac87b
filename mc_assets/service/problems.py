"""What went wrong, as RFC 9457 says it: one sentence, and the field where there is one."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field

from engine.errors import Refusal
from engine.files import DamagedFile
from engine.jobs.errors import StudyFailed
from mc_assets.service.asked import project_relative
from mc_assets.service.limits import TooMany
from mc_assets.service.work import TooManyJobs

__all__ = ["PROBLEMS", "Problem", "add_problems", "problem"]

_MEDIA = "application/problem+json"
# What was sent is quoted up to here.
_LONGEST_FOUND = 80


class Problem(BaseModel):
    """Why a request was refused."""

    title: str = Field(examples=["Unprocessable Content"])
    status: int = Field(examples=[422])
    detail: str = Field(examples=["seeds: found 0, allowed a count from 1 to 100,000,000"])
    field: str | None = Field(default=None, examples=["seeds"])
    found: str | None = Field(default=None, examples=["0"])
    allowed: str | None = Field(default=None, examples=["a count from 1 to 100,000,000"])
    hint: str | None = None
    request_id: str | None = Field(default=None, examples=["0f8c2b7d4e1a4c7e"])


def _documented(status: int, sentence: str) -> dict[str, Any]:
    example = Problem(title=HTTPStatus(status).phrase, status=status, detail=sentence)
    shown = example.model_dump(exclude_none=True)
    return {
        "description": HTTPStatus(status).phrase,
        "model": Problem,  # so that the schema is among the components
        "content": {_MEDIA: {"example": shown}},
    }


#: What every route may answer instead, for its documentation.
PROBLEMS: dict[int | str, dict[str, Any]] = {
    400: _documented(400, "the body is no JSON"),
    401: _documented(401, "no valid key: send one as `X-API-Key: KEY`"),
    403: _documented(403, "key desk may read; this takes run"),
    404: _documented(404, "study: 'quik' has no results"),
    406: _documented(406, "results are JSON, Arrow or Parquet"),
    408: _documented(408, "the body took longer than 60 s"),
    409: _documented(409, "backtest: it runs; cancel it first"),
    410: _documented(410, "cursor: the results have changed since; begin again without it"),
    413: _documented(413, "the body is longer than 1,000,000 bytes"),
    422: _documented(422, "seeds: found 0, allowed a count from 1 to 100,000,000"),
    429: _documented(429, "more than 500 requests a second"),
    503: _documented(503, "the data folder cannot be written"),
    504: _documented(504, "no answer within 60 s"),
}


def problem(
    request: Request, status: int, detail: str, headers: dict[str, str] | None = None, **more: Any
) -> JSONResponse:
    """Return the answer to a request that is refused."""
    service = request.app.state.service
    content = Problem(
        title=HTTPStatus(status).phrase,
        status=status,
        detail=project_relative(service.project, detail),
        request_id=getattr(request.state, "request_id", None),
        **{
            name: project_relative(service.project, value) if isinstance(value, str) else None
            for name, value in more.items()
        },
    )
    return JSONResponse(
        content.model_dump(exclude_none=True), status, headers=headers, media_type=_MEDIA
    )


def add_problems(app: FastAPI) -> None:
    """Let exceptions of routes become such answers."""
    app.add_exception_handler(HTTPException, _http)
    for status in (400, 404, 405):  # those of the framework itself
        app.add_exception_handler(status, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(TooMany, _too_many)
    app.add_exception_handler(TooManyJobs, _too_many)
    app.add_exception_handler(ValueError, _refused)
    app.add_exception_handler(StudyFailed, _refused)
    app.add_exception_handler(OSError, _unavailable)
    # What is stored is not what was written: nothing that a client could ask otherwise.
    app.add_exception_handler(DamagedFile, _unavailable)
    app.add_exception_handler(Exception, _fault)


def _http(request: Request, error: Any) -> Response:
    if error.status_code == HTTPStatus.NO_CONTENT:
        return Response(status_code=error.status_code)
    return problem(request, error.status_code, str(error.detail), dict(error.headers or {}))


def _invalid(request: Request, error: Any) -> JSONResponse:
    """Name the most telling entry: an unknown key rather than what follows from it."""
    entries = error.errors()
    entry = max(entries, key=lambda one: (one["type"] == "extra_forbidden", len(one["loc"])))
    if entry["type"] == "json_invalid":
        return problem(request, 400, f"the body is no JSON: {entry['ctx']['error']}")
    field = ".".join(str(part) for part in entry["loc"][1:]) or str(entry["loc"][0])
    if entry["type"] == "extra_forbidden":
        sentence = f"{field}: unknown field"
        return problem(request, 422, sentence, field=field, found="unknown field")
    if entry["type"] == "missing":
        return problem(request, 422, f"{field}: is missing", field=field, found="is missing")
    found, allowed = _shortened(entry["input"]), _allowed(str(entry["msg"]))
    sentence = f"{field}: found {found}, allowed {allowed}"
    return problem(request, 422, sentence, field=field, found=found, allowed=allowed)


def _shortened(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST_FOUND else f"{text[: _LONGEST_FOUND - 3]}..."


def _allowed(said: str) -> str:
    """Return what may stand there, of a sentence of pydantic's.

    Examples
    --------
    >>> _allowed("Input should be a valid integer, unable to parse string as an integer")
    'a valid integer'
    """
    told = said.partition(", unable to ")[0].partition(", input ")[0]
    return told.removeprefix("Input should be ").removeprefix("Value error, ")


def _refused(request: Request, error: Any) -> JSONResponse:
    if isinstance(error, Refusal):
        missing = request.method in ("GET", "DELETE") and "has no results" in error.found
        return problem(
            request,
            404 if missing else 422,
            str(error),
            field=error.field or None,
            found=error.found,
            allowed=error.allowed,
            hint=error.hint,
        )
    return problem(request, 422, str(error))


def _too_many(request: Request, error: Any) -> JSONResponse:
    if isinstance(error, TooMany):
        return problem(request, 429, str(error), {"Retry-After": str(error.seconds)})
    most = request.app.state.service.settings.jobs_of_key
    sentence = f"{most} jobs of this key wait or run already"
    return problem(request, 429, sentence, {"Retry-After": "5"})


def _fault(request: Request, error: Any) -> JSONResponse:
    sentence = "this is a fault of the service: its log has it under this request id"
    return problem(request, 500, sentence)


def _unavailable(request: Request, error: Any) -> JSONResponse:
    return problem(request, 503, f"{error}", {"Retry-After": "5"})
