"""Tables over HTTP: a page of JSON rows, an Arrow stream or a Parquet file, as `Accept` asks."""

from __future__ import annotations

import base64
import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import HTTPException, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from mc_assets.answers.json_values import plain
from mc_assets.service.kept_answers import KeptAnswer
from mc_assets.service.service import service_of

if TYPE_CHECKING:
    import polars as pl

__all__ = [
    "ARROW",
    "PARQUET",
    "TABLE",
    "AskedTable",
    "Page",
    "Paging",
    "TablePage",
    "answer_frame",
    "answer_table",
    "etag_of",
]

ARROW: Final = "application/vnd.apache.arrow.stream"
PARQUET: Final = "application/vnd.apache.parquet"
_JSON: Final = "application/json"
_MOST_ROWS: Final = 10_000

# Takes an offset and a count; returns so many rows, or those that there are.
Rows = Callable[[int, int], "pl.DataFrame"]


class TablePage(BaseModel):
    """Rows of a table, and where the next begin."""

    rows: list[dict[str, Any]] = Field(
        examples=[[{"parameter_set": 0, "statistic": "sharpe", "estimate": 0.4}]]
    )
    next: str | None = Field(description="Cursor of the next page; null on the last.")
    about: dict[str, Any] = Field(
        default_factory=dict,
        description="Of what: the study, its fingerprint, simulations that are missing.",
        examples=[{"study": "sma_crossover_gbm", "fingerprint": "0f1e2d3c4b5a6978", "missing": 0}],
    )


#: What a route that answers with a table documents.
TABLE: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "model": TablePage,
        "description": "A page of rows as JSON, Arrow or Parquet, as `Accept` asks. `Link` has the "
        "next page, `ETag` the hash of the manifests that it was read from.",
        "headers": {
            "ETag": {"schema": {"type": "string"}, "description": "For `If-None-Match`."},
            "Link": {"schema": {"type": "string"}, "description": "The next page."},
        },
        "content": {
            ARROW: {"schema": {"type": "string", "format": "binary"}},
            PARQUET: {"schema": {"type": "string", "format": "binary"}},
        },
    },
    304: {"description": "What `If-None-Match` names is still the same."},
}


@dataclass(frozen=True)
class Paging:
    """Which rows are asked for.

    Parameters
    ----------
    limit : int
        How many at most.
    cursor : str or None
        Where they begin, as the page before said it.
    """

    limit: int
    cursor: str | None


# Asynchronous, as it waits for nothing: else each request would queue for a thread.
async def _paging(
    limit: Annotated[int, Query(ge=1, le=_MOST_ROWS, description="Rows of a page.")] = 1_000,
    cursor: Annotated[
        str | None, Query(max_length=400, description="`next` of the page before.")
    ] = None,
) -> Paging:
    return Paging(limit, cursor)


#: Dependency of routes that answer with a table.
Page = _paging


def etag_of(*parts: object) -> str:
    """Return a strong ETag of what decides an answer.

    Examples
    --------
    >>> etag_of("a", 1) == etag_of("a", 1), etag_of("a", 1) == etag_of("a", 2)
    (True, False)
    """
    digest = hashlib.sha256(json.dumps([str(part) for part in parts]).encode())
    return f'"{digest.hexdigest()[:32]}"'


@dataclass(frozen=True)
class AskedTable:
    """A page of a table as a request asks for it.

    Parameters
    ----------
    request : Request
        Its ``Accept`` says the format, its ``If-None-Match`` what the client has.
    paging : Paging
        Which page.
    of : str
        What decides the rows: the same text, the same rows.
    about : dict, optional
        What the rows are of.

    Raises
    ------
    HTTPException
        406 of another format, 410 of a cursor of rows that have changed since, 422 of none.
    """

    request: Request
    paging: Paging
    of: str
    about: dict[str, Any] | None = None
    kind: str = field(init=False)
    offset: int = field(init=False)
    tag: str = field(init=False)
    _version: str = field(init=False)
    _about: str = field(init=False)

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "kind", _format(self.request))
        put(self, "_version", hashlib.sha256(self.of.encode()).hexdigest()[:16])
        put(self, "offset", _offset(self.paging.cursor, self._version))
        put(self, "_about", json.dumps(plain(self.about or {}), ensure_ascii=False))
        url = self.request.url
        asked = (url.path, url.query, self.kind, self.offset, self.paging.limit)
        put(self, "tag", etag_of(self.of, self._about, *asked))

    @property
    def unchanged(self) -> Response | None:
        """The answer to a client that has the page already; None where it has not."""
        known = [one.strip() for one in self.request.headers.get("if-none-match", "").split(",")]
        if self.tag in known or f"W/{self.tag}" in known or known == ["*"]:
            return Response(status_code=304, headers=self._headers)
        return None

    def page(self, rows: Rows) -> KeptAnswer:
        """Return the page.

        Parameters
        ----------
        rows : callable
            Takes an offset and a count; returns so many rows, or those that there are.
        """
        frame = rows(self.offset, self.paging.limit + 1)
        headers, following = self._headers, None
        if frame.height > self.paging.limit:
            following = _cursor(self.offset + self.paging.limit, self._version)
            frame = frame.head(self.paging.limit)
            url = self.request.url.include_query_params(cursor=following)
            headers["Link"] = f'<{url.path}?{url.query}>; rel="next"'
        if self.kind == _JSON:
            more = f'"next":{json.dumps(following)},"about":{self._about}'
            text = f'{{"rows":{frame.write_json()},{more}}}'
            return KeptAnswer(text.encode(), _JSON, headers)
        return KeptAnswer(_bytes(frame, self.kind), self.kind, headers)

    @property
    def _headers(self) -> dict[str, str]:
        return {"ETag": self.tag, "Cache-Control": "no-cache", "Vary": "Accept"}


async def answer_table(request: Request, asked: AskedTable, rows: Rows) -> Response:
    """Answer with a page of a table whose rows have yet to be read, from what is kept if it is.

    Parameters
    ----------
    request : Request
        Of the service that keeps answers.
    asked : AskedTable
        The page.
    rows : callable
        As of `AskedTable.page`; called in a thread.
    """
    unchanged = asked.unchanged
    if unchanged is not None:
        return unchanged
    answer = await service_of(request).answers.of(asked.tag, lambda: asked.page(rows))
    return answer.response()


def answer_frame(
    request: Request, paging: Paging, frame: pl.DataFrame, about: dict[str, Any] | None = None
) -> Response:
    """Answer with a page of a table that is at hand; what decides it are its rows.

    Parameters
    ----------
    request, paging, about
        As of `AskedTable`.
    frame : polars.DataFrame
        The whole table.
    """
    digest = hashlib.sha256(str(frame.schema).encode())
    digest.update(_bytes(frame, ARROW))
    asked = AskedTable(request, paging, digest.hexdigest(), about)
    return asked.unchanged or asked.page(frame.slice).response()


def _format(request: Request) -> str:
    """Return the format that ``Accept`` prefers."""
    best: tuple[float, str] | None = None
    for item in request.headers.get("accept", "*/*").split(","):
        name, *parameters = (part.strip().lower() for part in item.split(";"))
        weight = _weight(parameters)
        for kind in (_JSON, ARROW, PARQUET):
            fits = name in (kind, "*/*", "", f"{kind.partition('/')[0]}/*")
            if fits and weight > 0 and (best is None or weight > best[0]):
                best = (weight, kind)
    if best is None:
        raise HTTPException(406, f"results are {_JSON}, {ARROW} or {PARQUET}")
    return best[1]


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return float(parameter[2:])
            except ValueError:
                return 0.0
    return 1.0


def _bytes(frame: pl.DataFrame, kind: str) -> bytes:
    import polars as pl

    buffer = io.BytesIO()
    if kind == ARROW:
        # Views of text lie in their buffers as they came; whole text has the same bytes always.
        frame.rechunk().write_ipc_stream(buffer, compat_level=pl.CompatLevel.oldest())
    else:
        frame.write_parquet(buffer)
    return buffer.getvalue()


def _cursor(offset: int, version: str) -> str:
    return base64.urlsafe_b64encode(f"{offset}:{version}".encode()).decode().rstrip("=")


def _offset(cursor: str | None, version: str) -> int:
    if cursor is None:
        return 0
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        offset, _, of = base64.urlsafe_b64decode(padded.encode("ascii")).decode().partition(":")
        begin = int(offset)
        if not 0 <= begin < 2**62 or cursor != _cursor(begin, of):
            raise ValueError
    except ValueError:
        raise HTTPException(422, "cursor: found no cursor, allowed `next` of a page") from None
    if of != version:
        raise HTTPException(410, "cursor: the rows have changed since; begin again without it")
    return begin
