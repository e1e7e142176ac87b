"""The page that shows studies in a browser: files of this package alone, nothing from elsewhere."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from typing import Final

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

_KINDS: Final = {
    "index.html": "text/html; charset=utf-8",
    "style.css": "text/css; charset=utf-8",
    "app.js": "text/javascript; charset=utf-8",
    "ask.js": "text/javascript; charset=utf-8",
    "tables.js": "text/javascript; charset=utf-8",
    "study.js": "text/javascript; charset=utf-8",
    "views.js": "text/javascript; charset=utf-8",
    "paper.js": "text/javascript; charset=utf-8",
    "pictures.js": "text/javascript; charset=utf-8",
}
_PLOTLY: Final = "plotly-cartesian-4.1.1.min.js.gz"


@router.get("/")
def page(request: Request) -> Response:
    """Return the page. It takes no key: it has no data, and asks for them with one."""
    return _file(request, "index.html")


@router.get("/page/{name}")
def part(request: Request, name: str) -> Response:
    """Return a file that the page is made of."""
    return _file(request, name)


def _file(request: Request, name: str) -> Response:
    if name == "plotly.js":
        content, kind = _content(name), "text/javascript; charset=utf-8"
    elif name in _KINDS:
        content, kind = _content(name), _KINDS[name]
    else:
        raise HTTPException(404, f"page: there is no {name!r}")
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    if name == "plotly.js":
        headers["Content-Encoding"] = "gzip"
    return Response(content, media_type=kind, headers=headers)


@cache
def _content(name: str) -> bytes:
    if name == "plotly.js":
        return files("engine.plots").joinpath(_PLOTLY).read_bytes()
    return files("mc_assets.service").joinpath("page", name).read_bytes()
