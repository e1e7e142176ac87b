"""Routes that put files into the project, where whoever serves it has switched them on."""

from __future__ import annotations

import ast
import re
from pathlib import Path as FilePath
from typing import Annotated, Final

from fastapi import APIRouter, Body, HTTPException, Path, Request
from pydantic import BaseModel, Field

from engine.errors import Refusal
from mc_assets.service.asked import plain_name
from mc_assets.service.callers import Admin
from mc_assets.service.problems import PROBLEMS
from mc_assets.service.service import Service, service_of

__all__ = ["router"]

router = APIRouter(tags=["files"], responses=PROBLEMS)

_MODULE: Final = re.compile(r"[a-z_][a-z0-9_]{0,79}")
_Name = Annotated[str, Path(max_length=120, description="Its name.", examples=["crossover"])]


class Stored(BaseModel):
    """A file that was put into the project."""

    file: str = Field(description="Its place in the project.", examples=["studies/crossover.yaml"])


@router.put("/v1/studies/{study}/file", status_code=201)
def put_study(
    request: Request,
    study: _Name,
    caller: Admin,
    text: Annotated[str, Body(media_type="application/yaml", examples=["name: crossover\n"])],
) -> Stored:
    """Put a study file into the project, in place of an earlier one of this name."""
    from engine.studies.loader import parse_definition

    service = _open(request)
    name = plain_name(study)
    if parse_definition(text).name != name:
        raise Refusal("name", "another name in the file", repr(name))
    known = service.project.study_files.get(name)
    return _written(service, known or service.project.studies / f"{name}.yaml", text)


@router.put("/v1/strategies/{strategy}", status_code=201)
def put_strategy(
    request: Request,
    strategy: _Name,
    caller: Admin,
    text: Annotated[str, Body(media_type="text/x-python", examples=["import engine as mc\n"])],
) -> Stored:
    """Put a Python file with a strategy into the project: studies that name it run its code."""
    service = _open(request)
    if not _MODULE.fullmatch(strategy):
        raise Refusal("strategy", repr(strategy), "a name of small letters, digits and _")
    try:
        ast.parse(text)
    except (SyntaxError, ValueError) as error:
        raise Refusal("strategy", f"{error}", "Python") from None
    folder = service.project.root / "strategies"
    return _written(service, folder / f"{strategy}.py", text)


def _open(request: Request) -> Service:
    service = service_of(request)
    if not service.settings.uploads:
        raise HTTPException(403, "uploads are off: `mc serve --uploads` switches them on")
    return service


def _written(service: Service, file: FilePath, text: str) -> Stored:
    from engine.files import write_whole

    file.parent.mkdir(parents=True, exist_ok=True)
    write_whole(file, text.encode())
    return Stored(file=str(file.relative_to(service.project.root)))
