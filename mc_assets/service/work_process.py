"""The process of one job: ``python -m mc_assets.service.work_process``, its work on standard input.

It outlives the web worker that began it. SIGINT stops it, as Ctrl-C stops `mc run`; what has
finished is kept.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.jobs.progress import ProgressCallback
    from engine.jobs.record import JobRecord
    from engine.studies import Study
    from mc_assets.project import Project
    from mc_assets.service.work import Work

__all__ = ["main"]

_WAIT_SECONDS = 0.2


def main() -> int:
    """Do the work; return 0 where it finished."""
    # A shell makes its background jobs ignore Ctrl-C, and what they start inherits that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    request = json.loads(sys.stdin.buffer.read())

    from engine.files import as_files
    from engine.jobs.record import JobRecord
    from engine.jobs.recording import continuing
    from mc_assets.project import Project
    from mc_assets.service.cancelling import check_stopped, stopped_by
    from mc_assets.service.work import Work

    project = Project.from_environment()
    record = JobRecord.from_json(request["record"])
    work = Work(**request["work"])
    slot: list[int] = []
    try:
        with _stopping(project, record):
            slot.append(_slot(project, record, request["slots"]))
        with (
            continuing(as_files(project.data), record) as progress,
            _stopping(project, record),
        ):
            check_stopped(project, record.id)
            _WORK[work.kind](project, record, work, progress)
    except (Exception, KeyboardInterrupt) as end:
        if not slot:
            _end_queued(project, record, end)
        if not isinstance(end, KeyboardInterrupt):
            print(f"{record.id}: {end}", file=sys.stderr)
        return 1 if stopped_by(project, record.id) is None else 130
    return 0


@contextmanager
def _stopping(project: Project, record: JobRecord) -> Iterator[None]:
    """Let whatever ends a job that somebody stopped be that it was stopped."""
    from mc_assets.service.cancelling import stopped_by

    try:
        yield
    except BaseException as error:
        who = stopped_by(project, record.id)
        if who is not None:
            raise KeyboardInterrupt(f"stopped by {who}") from error
        raise


def _slot(project: Project, record: JobRecord, slots: int) -> int:
    """Wait for one of the slots; the lock ends with the process, however that ends."""
    from mc_assets.service.cancelling import check_stopped

    folder = project.data / "service" / "slots"
    folder.mkdir(parents=True, exist_ok=True)
    while True:
        check_stopped(project, record.id)
        for number in range(slots):
            lock = os.open(folder / f"{number}.lock", os.O_RDWR | os.O_CREAT, 0o644)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(lock)
            else:
                return lock
        time.sleep(_WAIT_SECONDS)


def _end_queued(project: Project, record: JobRecord, end: BaseException) -> None:
    """Write down that a job ended while it waited."""
    from contextlib import suppress

    from engine.files import as_files
    from engine.jobs.recording import continuing

    with suppress(type(end)), continuing(as_files(project.data), record):
        raise end


def _run_study(project: Project, record: JobRecord, work: Work, progress: ProgressCallback) -> None:
    # Dagster loads the project's series with its studies.
    if work.as_stored and project.series.is_file():
        _run_by_dagster(project, work)
        return
    from mc_assets.stored_market_data import StoredMarketData

    study = _study(project, work)
    study.run(root=project.data, market_data=StoredMarketData(project), through="mc serve")


def _run_by_dagster(project: Project, work: Work) -> None:
    """Run a stored study as its partitions, so that the UI shows the run as one of its own."""
    from mc_assets.answers.steps import run_steps
    from mc_assets.steps import simulation_steps

    _study(project, work)
    run_steps(project, simulation_steps([work.study]))


def _search(project: Project, record: JobRecord, work: Work, progress: ProgressCallback) -> None:
    from engine.jobs.progress import Progress
    from engine.search import Search
    from mc_assets.answers.experiments import SearchProgress, run_search

    study = _study(project, work)

    def told(now: SearchProgress) -> None:
        progress(Progress(now.simulations, max(now.simulations, 1), 0, 0, now.seconds))

    found = run_search(
        project,
        Search.of_study(study),
        work.study,
        json.dumps(work.definition, indent=1),
        # A search of another question stays beside it.
        out=project.reports / f"{work.study}-{record.fingerprint[:8]}",
        progress=told,
    )
    _answer(project, record, found.outcome)


def _walk_forward(
    project: Project, record: JobRecord, work: Work, progress: ProgressCallback
) -> None:
    from mc_assets.answers.walk_forward import walk_forward_of

    _answer(project, record, walk_forward_of(project, _study(project, work), **work.options))


def _panel(project: Project, record: JobRecord, work: Work, progress: ProgressCallback) -> None:
    from mc_assets.answers.panel import make_panel

    settings = dict(work.options)
    settings["values"] = tuple(settings.pop("values", ()))
    panel = make_panel(project, settings.pop("strategy"), **settings)
    _answer(project, record, {"rows": panel.table})


_WORK: dict[str, Callable[[Project, JobRecord, Work, ProgressCallback], None]] = {
    "study": _run_study,
    "backtest": _run_study,
    "search": _search,
    "walk-forward": _walk_forward,
    "panel": _panel,
}


def _study(project: Project, work: Work) -> Study:
    """Return the study to run, its calibration made where it lacks one."""
    from engine.studies import Study, StudyDefinition
    from mc_assets.answers.study_needs import calibration_missing_for, make_calibration

    definition = StudyDefinition.model_validate(work.definition)
    missing = calibration_missing_for(project, definition.source)
    if missing is not None:
        make_calibration(project, missing)
    return Study.from_definition(definition, None if work.file is None else Path(work.file))


def _answer(project: Project, record: JobRecord, answer: Any) -> None:
    from engine.files import write_json
    from mc_assets.answers.json_values import plain
    from mc_assets.service.work import answer_file

    file = answer_file(project, record)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_json(file, plain(answer))


if __name__ == "__main__":
    sys.exit(main())
