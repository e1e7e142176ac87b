"""One simulation again, in a process of its own: ``python -m mc_assets.service.replaying``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from typing import Any, Final

from fastapi import HTTPException

from mc_assets.project import Project

__all__ = ["replay"]

# Less than a request may take; compiling a strategy for the first time takes most of it.
_SECONDS: Final = 55.0
_WAIT_SECONDS: Final = 4.0
# Processes at once; each needs a thread of the machine for some seconds.
_MOST: Final = 2
_KEPT: Final = 32
_free = threading.BoundedSemaphore(_MOST)
_told: dict[tuple[str, int], dict[str, Any]] = {}


def replay(project: Project, study: str, simulation: int, manifests: str) -> dict[str, Any]:
    """Run one simulation of a study again.

    Parameters
    ----------
    project : Project
        Where everything lies.
    study : str
        Name of a study that has run.
    simulation : int
        Number of the simulation.
    manifests : str
        Hash of what its results were read from: while it stays, so does the answer.

    Returns
    -------
    dict
        ``parameters``, ``metrics``, ``bars``, ``equity``, ``orders``, ``trades`` and more.

    Raises
    ------
    HTTPException
        422 if it cannot be run again, 503 if too many are asked at once.
    """
    known = _told.get((manifests, simulation))
    if known is not None:
        return known
    if not _free.acquire(timeout=_WAIT_SECONDS):
        raise HTTPException(503, "too many replays at once", headers={"Retry-After": "5"})
    try:
        answer = _asked_of_process(project, study, simulation)
    finally:
        _free.release()
    if len(_told) >= _KEPT:
        _told.clear()
    _told[manifests, simulation] = answer
    return answer


def _asked_of_process(project: Project, study: str, simulation: int) -> dict[str, Any]:
    environment = {name: value for name, value in os.environ.items() if name != "MC_SERVE_KEY"}
    places = {"HOME": project.root, "DATA": project.data}
    places |= {"STUDIES": project.studies, "SERIES": project.series}
    environment |= {f"MC_{name}": str(path) for name, path in places.items()}
    try:
        done = subprocess.run(
            [sys.executable, "-m", "mc_assets.service.replaying", study, str(simulation)],
            cwd=project.root,
            env=environment,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise HTTPException(503, "the replay took too long", headers={"Retry-After": "5"}) from None
    if done.returncode == 2:
        raise HTTPException(422, done.stderr.decode(errors="replace").strip().splitlines()[-1])
    if done.returncode:
        raise RuntimeError(done.stderr.decode(errors="replace"))
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _main(study: str, simulation: int) -> int:
    from mc_assets.answers.json_values import plain
    from mc_assets.answers.replays import replay_simulation

    try:
        found = replay_simulation(Project.from_environment(), study, simulation)
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    told = plain(found) | {"bars": plain(found.replay.bars), "equity": found.replay.equity.tolist()}
    sys.stdout.write(json.dumps(plain(told)))
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1], int(sys.argv[2])))
