"""Routes about the service itself: whether it lives, whether it can work, what it counts."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from mc_assets.project import Project
from mc_assets.service.service import service_of

__all__ = ["router"]

router = APIRouter(tags=["system"])

_PROBE_SECONDS = 30.0
_probed: dict[str, tuple[float, bool]] = {}


class Health(BaseModel):
    """That the web worker answers."""

    status: str = Field(examples=["ok"])


class Readiness(BaseModel):
    """Whether there is all that work needs."""

    ready: bool
    storage: dict[str, Any] = Field(examples=[{"ok": True, "free_bytes": 10_000_000_000}])
    warehouse: dict[str, Any] = Field(examples=[{"published": True, "age_seconds": 60.0}])
    worker: dict[str, Any] = Field(examples=[{"alive": True, "running": 1, "queued": 0}])


@router.get("/health")
async def health() -> Health:
    """Say that this web worker answers. It takes no key."""
    return Health(status="ok")


@router.get("/ready", responses={503: {"model": Readiness, "description": "Work would fail."}})
def ready(request: Request, response: Response) -> Readiness:
    """Say whether storage, warehouse and the processes of jobs are there. It takes no key."""
    project = service_of(request).project
    storage, worker = _storage(project), _worker(project)
    found = Readiness(
        ready=storage["ok"] and worker["alive"],
        storage=storage,
        warehouse=_warehouse(project),
        worker=worker,
    )
    response.status_code = 200 if found.ready else 503
    return found


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
def metrics(request: Request) -> Response:
    """Return the metrics of this web worker and of all jobs, for Prometheus. It takes no key."""
    counted = service_of(request).metrics
    return Response(counted.text(), media_type=counted.content_type)


def _storage(project: Project) -> dict[str, Any]:
    folder = project.data if project.data.exists() else project.data.parent
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return {"ok": False, "free_bytes": 0}
    writable = os.access(folder, os.R_OK | os.W_OK | os.X_OK)
    return {"ok": writable and free > 100_000_000, "free_bytes": free}


def _warehouse(project: Project) -> dict[str, Any]:
    try:
        age = time.time() - project.warehouse.stat().st_mtime
    except OSError:
        return {"published": False, "age_seconds": None}
    return {"published": True, "age_seconds": round(max(age, 0.0), 1)}


def _worker(project: Project) -> dict[str, Any]:
    """Whether a process can be started, and how many work: looked at now and then."""
    from engine.jobs.record import read_records

    at, alive = _probed.get("worker", (0.0, False))
    if not alive or time.monotonic() - at > _PROBE_SECONDS:
        try:
            done = subprocess.run([sys.executable, "-S", "-c", ""], timeout=20, check=False)
            alive = done.returncode == 0
        except (OSError, subprocess.SubprocessError):
            alive = False
        _probed["worker"] = (time.monotonic(), alive)
    records, _ = read_records(project.data)
    states = [record.state_now for record in records[:100]]
    return {
        "alive": alive,
        "running": states.count("running"),
        "queued": states.count("queued"),
    }
