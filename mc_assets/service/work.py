"""Long work: what is asked, whether it was asked before, and the process that does it."""

from __future__ import annotations

import fcntl
import getpass
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from engine.errors import Refusal
from mc_assets.project import Project

if TYPE_CHECKING:
    from engine.jobs.record import JobRecord
    from engine.studies import Study
    from engine.studies.definition import StudyDefinition

__all__ = ["TooManyJobs", "Work", "answer_file", "start_work", "who_asks"]

Kind = Literal["study", "backtest", "search", "walk-forward", "panel"]

# Variables that a job has no use for.
_NOT_INHERITED: Final = ("MC_SERVE_KEY",)


class TooManyJobs(Exception):
    """Whoever asks has as many jobs waiting or running as it may have."""


@dataclass(frozen=True)
class Work:
    """What a job does.

    Parameters
    ----------
    kind : {"study", "backtest", "search", "walk-forward", "panel"}
        Which kind of work.
    study : str
        Name of the study whose results it makes; of a panel ``STRATEGY on SERIES``.
    definition : dict, optional
        The study as it is to run; a panel has none.
    file : str, optional
        The study file whose relative paths it keeps; None for a study without a file.
    as_stored : bool
        Whether it is the stored study without a change: then Dagster runs it, and its UI shows it.
    options : dict
        Windows of a walk-forward, settings of a panel.
    """

    kind: Kind
    study: str
    definition: dict[str, Any] | None = None
    file: str | None = None
    as_stored: bool = False
    options: dict[str, Any] = field(default_factory=dict)


def who_asks(key: str) -> str:
    """Return what a job record says of who asked with a key."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = "nobody"  # a container without names
    return f"{user}, mc serve, key {key}"


def start_work(
    project: Project,
    work: Work,
    *,
    key: str,
    slots: int,
    most_jobs: int,
    most_simulations: int,
) -> tuple[JobRecord, bool]:
    """Start a job, unless the same has been asked: then return that one.

    The same is what has the same kind, name and fingerprint, the hash of world, parameter sets,
    seeds and what is recorded, and waits, runs, or has finished with its results in place.

    Parameters
    ----------
    project : Project
        Where everything lies.
    work : Work
        What to do.
    key : str
        Name of the key that asks.
    slots : int
        How many jobs run at once.
    most_jobs : int
        How many jobs of the key may wait or run.
    most_simulations : int
        How many simulations a job may ask for.

    Returns
    -------
    record : JobRecord
        The job.
    is_new : bool
        Whether it was started now.

    Raises
    ------
    Refusal
        If it cannot be done.
    TooManyJobs
        If the key has as many already.
    """
    from engine.files import as_files
    from engine.jobs.record import read_records
    from engine.jobs.recording import queue_job

    asked = _resolved(project, work)
    if asked["total"] > most_simulations:
        raise Refusal(
            "simulations", f"{asked['total']:,}", f"up to {most_simulations:,} in one job"
        )
    who = who_asks(key)
    with _one_at_a_time(project):
        records, _ = read_records(project.data)
        same = _same(project, work, asked["fingerprint"], records)
        if same is not None:
            return same, False
        open_ones = (r for r in records if r.who == who and r.state_now in ("queued", "running"))
        if len(list(open_ones)) >= most_jobs:
            raise TooManyJobs
        process = _process(project)
        record = queue_job(
            as_files(project.data),
            kind=work.kind,
            study=work.study,
            who=who,
            process=process.pid,
            **asked,
        )
    request = {"record": record.to_json(), "work": asdict(work), "slots": slots}
    assert process.stdin is not None
    with process.stdin as pipe:
        pipe.write(json.dumps(request).encode())
    return record, True


def answer_file(project: Project, job: JobRecord) -> Path:
    """Return where the answer of a search, walk-forward or panel lies once it has finished."""
    return project.data / "service" / "answers" / f"{job.kind}-{job.fingerprint}.json"


def _resolved(project: Project, work: Work) -> dict[str, Any]:
    """Return what a record says of the work: fingerprint, world, cells, total."""
    from engine.jobs.canonical import short_hash
    from engine.studies import Study, StudyDefinition
    from mc_assets.answers.study_needs import calibration_missing_for
    from mc_assets.stored_market_data import StoredMarketData

    if work.definition is None:
        return _of_panel(project, work)
    definition: StudyDefinition = StudyDefinition.model_validate(work.definition)
    file = None if work.file is None else Path(work.file)
    if calibration_missing_for(project, definition.source) is not None:
        # Its world is known once the calibration is made, which the job does first.
        fingerprint = short_hash([work.kind, _without_name(work.definition), work.options])
        return {"fingerprint": fingerprint, "world": "", "cells": 0, "total": 0}
    study = Study.from_definition(definition, file)
    if work.kind == "search":
        return _of_search(study, project, work)
    job = study.resolve(StoredMarketData(project))
    cells = len(job.space) * len(job.seeds)
    if work.kind == "walk-forward":
        # Windows overlap: how many simulations they take is nobody's to say beforehand.
        fingerprint = short_hash([job.fingerprint, work.options])
        return {"fingerprint": fingerprint, "world": job.world.id, "cells": cells, "total": 0}
    return {
        "fingerprint": job.fingerprint,
        "world": job.world.id,
        "cells": cells,
        "total": job.simulations,
    }


def _of_panel(project: Project, work: Work) -> dict[str, Any]:
    from engine.jobs.canonical import short_hash
    from engine.strategies import get_strategy
    from mc_assets.stored_market_data import StoredMarketData

    asked = work.options
    bars = StoredMarketData(project).bars(asked["symbol"], asked["timeframe"])
    made_of = [get_strategy(asked["strategy"]).code_hash(), bars.data_hash]
    fingerprint = short_hash([work.kind, work.study, asked, made_of])
    return {"fingerprint": fingerprint, "world": "", "cells": 0, "total": 0}


def _of_search(study: Study, project: Project, work: Work) -> dict[str, Any]:
    from engine.jobs.canonical import short_hash
    from engine.search import Search
    from engine.search.worlds import SearchWorlds
    from mc_assets.stored_market_data import StoredMarketData

    search = Search.of_study(study)
    settings = search.settings.model_dump(mode="json")
    worlds = SearchWorlds.of(
        *(study, search.settings, search.objectives, search.requirements, search.when),
        StoredMarketData(project),
    )
    fingerprint = short_hash([_without_name(work.definition or {}), settings, worlds.identity])
    return {
        "fingerprint": fingerprint,
        "world": worlds.identity["world"],
        "cells": 0,
        "total": 0,
    }


def _without_name(definition: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in definition.items() if key not in ("name", "description")}


def _same(
    project: Project, work: Work, fingerprint: str, records: list[JobRecord]
) -> JobRecord | None:
    """Return a job of the same that waits, runs or has its results in place."""
    for record in records:
        if (record.kind, record.study, record.fingerprint) != (work.kind, work.study, fingerprint):
            continue
        state = record.state_now
        if state in ("queued", "running") or (
            state == "finished" and _has_results(project, work, record)
        ):
            return record
    return None


def _has_results(project: Project, work: Work, record: JobRecord) -> bool:
    from engine.files import verified_files
    from engine.results import read_results

    if work.kind not in ("study", "backtest"):
        answer = answer_file(project, record)
        return verified_files(project.data).damage(answer) is None
    try:
        results = read_results(project.data, record.study)
    except (ValueError, OSError):
        return False
    return results.fingerprint == record.fingerprint and not results.missing


@contextmanager
def _one_at_a_time(project: Project) -> Iterator[None]:
    """Let one web worker at a time look for a job and begin it."""
    folder = project.data / "service"
    folder.mkdir(parents=True, exist_ok=True)
    lock = os.open(folder / "start.lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _process(project: Project) -> subprocess.Popen[bytes]:
    """Start a process that waits for its work on standard input, and outlives this one."""
    environment = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
    places = {"HOME": project.root, "DATA": project.data}
    places |= {"STUDIES": project.studies, "SERIES": project.series}
    environment |= {f"MC_{name}": str(path) for name, path in places.items()}
    log = os.open(
        project.data / "service" / "jobs.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644
    )
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "mc_assets.service.work_process"],
            cwd=project.root,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    finally:
        os.close(log)
    # A process that nobody waits for stays a zombie.
    threading.Thread(target=process.wait, daemon=True).start()
    return process
