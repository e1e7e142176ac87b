"""Executing a job: all of it or one seed block, with rounds of seeds where it asks for them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl

from engine.jobs.errors import StudyFailed, failure_text
from engine.jobs.job import Job, block_parts, job_parts
from engine.jobs.progress import Progress, ProgressCallback
from engine.jobs.runner import RunReport, run_parts
from engine.jobs.store import TABLES, MemoryStore, ParquetStore
from engine.jobs.summary import JobSummary
from engine.results.load import from_manifests
from engine.results.results import Results
from engine.studies.until import decide, extend

__all__ = ["execute", "execute_block"]

Store = ParquetStore | MemoryStore


def execute(
    job: Job,
    *,
    remake: Callable[[], Job],
    root: Path | None,
    workers: str | int,
    progress: ProgressCallback | None,
    fresh: bool,
) -> Results:
    """Run a job and return its results; `Study.run` documents the arguments."""
    store: Store = MemoryStore() if root is None else ParquetStore(root)
    job, report, stopped = _run_rounds(job, store, workers, progress, fresh)
    results = _results(job, store, report, stopped, _extended(remake, job.rounds))
    check_failures(job, report)
    return results


def execute_block(
    job: Job,
    block: int,
    *,
    root: Path,
    workers: str | int,
    progress: ProgressCallback | None,
    fresh: bool,
) -> tuple[RunReport, str]:
    """Run one seed block; `run_block` documents the arguments."""
    parts = block_parts(job, block)
    store = ParquetStore(root)
    if job.until is not None:
        job, whole, _ = _run_rounds(job, store, workers, progress, fresh and block == 0)
        own = [m for m in whole.manifests if m.block == block]
        report = RunReport(own, whole.reused, whole.seconds)
    else:
        store.begin(job, JobSummary.of(job))
        if fresh:
            store.discard_parts(parts)
        report = run_parts(parts, store, workers=workers, progress=progress)
    # One failure weighs much in a small block; the study is judged as a whole.
    check_failures(job, report, of=job.simulations)
    return report, job.fingerprint


def check_failures(job: Job, report: RunReport, *, of: int | None = None) -> None:
    """Raise if more simulations failed than the study allows of its rows, or of `of` rows."""
    if report.failed > job.failure_allowance * (of or report.rows):
        raise StudyFailed(
            failure_text(
                job.study,
                report.failed,
                report.rows,
                job.failure_allowance,
                report.first_error,
            )
        )


def _run_rounds(
    job: Job,
    store: Store,
    workers: str | int,
    progress: ProgressCallback | None,
    fresh: bool,
) -> tuple[Job, RunReport, str | None]:
    if fresh:
        store.discard(job)
    store.begin(job, JobSummary.of(job), keep_longer=True)
    report = run_parts(job_parts(job), store, workers=workers, progress=progress)
    if job.until is None:
        return job, report, None
    while True:
        count, stopped = decide(job, _results(job, store, report, None))
        if count == len(job.seeds):
            break
        job = extend(job, count)
        store.begin(job, JobSummary.of(job), keep_longer=True)
        more = run_parts(
            job_parts(job, len(job.rounds) - 1),
            store,
            workers=workers,
            progress=_going_on(progress, report),
        )
        report = RunReport(
            report.manifests + more.manifests,
            report.reused + more.reused,
            report.seconds + more.seconds,
        )
    store.begin(job, JobSummary.of(job, stopped))
    return job, report, stopped


def _going_on(progress: ProgressCallback | None, before: RunReport) -> ProgressCallback | None:
    """Return a callback that counts the rounds before as well."""
    if progress is None:
        return None

    def going_on(now: Progress) -> None:
        progress(
            Progress(
                done=before.rows + now.done,
                total=before.rows + now.total,
                reused=before.reused + now.reused,
                failed=before.failed + now.failed,
                seconds=before.seconds + now.seconds,
            )
        )

    return going_on


def _results(
    job: Job,
    store: Store,
    report: RunReport,
    stopped: str | None,
    remake: Callable[[], Job] | None = None,
) -> Results:
    summary = JobSummary.of(job, stopped)
    if isinstance(store, ParquetStore):
        return from_manifests(store.root, report.manifests, summary, remake)
    tables: dict[str, pl.LazyFrame] = {}
    for table in TABLES:
        frame = store.frame(table)
        if frame.width:
            tables[table] = frame.lazy()
    return Results(
        tables["results"], summary, tables.get("equity"), tables.get("trades"), remake=remake
    )


def _extended(remake: Callable[[], Job], rounds: tuple[int, ...]) -> Callable[[], Job]:
    """Return a maker of the job with the seeds that ``until`` has added."""

    def job() -> Job:
        made = remake()
        for count in rounds[1:]:
            made = extend(made, count)
        return made

    return job
