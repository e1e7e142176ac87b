"""Executing a job: all of it or one seed block, with more seeds where it asks for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import polars as pl

from engine.errors import Refusal
from engine.files import FileStore, Root, named_root
from engine.files.documents import path_of, remove, settle
from engine.files.writing import table_bytes
from engine.jobs.blocks import BLOCKS
from engine.jobs.errors import StudyFailed, clear_errors, failure_text
from engine.jobs.executors import Executor
from engine.jobs.job import Job
from engine.jobs.manifest import Manifest
from engine.jobs.plan import Piece, Plan, make_plan
from engine.jobs.progress import Progress, ProgressCallback
from engine.jobs.rare_events import rare_event_table
from engine.jobs.recording import recorded
from engine.jobs.resampled import ResampledHistory
from engine.jobs.runner import RunReport, run_parts
from engine.jobs.store import MemoryStore, ParquetStore, Store
from engine.jobs.summary import JobSummary
from engine.jobs.trial_status import finish_trials
from engine.results.load import open_results
from engine.results.results import Results
from engine.studies.partial import PartialCallback, telling_results
from engine.studies.selecting import Selecting
from engine.studies.until import begin, decide, extend

__all__ = ["execute", "execute_block"]


def execute(
    job: Job,
    *,
    remake: Callable[[], Job],
    root: FileStore | None,
    ledger: FileStore | None,
    executor: Executor,
    through: str,
    progress: ProgressCallback | None,
    partial: PartialCallback | None,
    fresh: bool,
) -> Results:
    """Run a job and return its results; `Study.run` documents the arguments."""
    if root is not None and ledger is not None:
        raise Refusal(
            "ledger",
            f"{ledger.address} beside the data root {root.address}",
            "one of them: a root has a ledger",
        )
    store: Store = MemoryStore(ledger) if root is None else ParquetStore(root)
    with recorded(_files(store), job, "study", through, progress) as report:
        job, stopped, _ = _run(job, store, executor, report, fresh, partial)
        seeds = len(job.seeds)
        counting = root or ledger
        counted = None if counting is None else named_root(counting)
        rare = _rare_events(job, root)
        results = _results(job, store, stopped, lambda: extend(remake(), seeds), counted, rare)
        check_failures(results.summary, results.pieces)
    return results


def execute_block(
    job: Job,
    block: int,
    *,
    root: FileStore,
    executor: Executor,
    through: str,
    progress: ProgressCallback | None,
    fresh: bool,
) -> tuple[Plan, RunReport, Job]:
    """Run one seed block; `run_block` documents the arguments.

    Returns
    -------
    plan : Plan
        The block as it stands afterwards: nothing in it is missing.
    report : RunReport
        What was computed.
    job : Job
        With the seeds that ``until`` added.
    """
    if not 0 <= block < BLOCKS:
        raise Refusal("block", str(block), f"0 to {BLOCKS - 1}")
    store = ParquetStore(root)
    with recorded(store.files, job, f"block {block:02d}", through, progress) as told:
        if job.settings.until is not None:
            job, _, report = _run(job, store, executor, told, fresh and block == 0)
        else:
            store.begin(job, JobSummary.of(job))
            gone = _discard(job, store, block) if fresh else []
            report = _compute(job, store, executor, told, block, discarded=gone)
        plan = make_plan(job, store.manifests(job.world.id), block)
        if block == 0:
            _rare_events(job, root)
        # One failure weighs much in a small block; the study is judged as a whole.
        check_failures(JobSummary.of(job), plan.pieces, of=job.simulations)
    return plan, report, job


def _files(store: Store) -> FileStore | None:
    return store.files if isinstance(store, ParquetStore) else None


def check_failures(
    summary: JobSummary, pieces: list[Piece] | tuple[Piece, ...], *, of: int | None = None
) -> None:
    """Raise if more simulations failed than the study allows of its rows, or of `of` rows."""
    parts: dict[str, Manifest] = {piece.manifest.part: piece.manifest for piece in pieces}
    failed = sum(part.failed for part in parts.values())
    rows = sum(part.rows for part in parts.values())
    if failed > summary.failure_allowance * (of or rows):
        error = next((p.first_error for p in parts.values() if p.first_error is not None), None)
        raise StudyFailed(
            failure_text(summary.study, failed, rows, summary.failure_allowance, error)
        )


def _run(
    job: Job,
    store: Store,
    executor: Executor,
    progress: ProgressCallback | None,
    fresh: bool,
    partial: PartialCallback | None = None,
) -> tuple[Job, str | None, RunReport]:
    """Run a job, with rounds of more seeds until its statistic is precise enough."""
    plan = None
    if job.settings.until is not None:
        if job.settings.until.selected is not None:
            return _select(job, store, executor, progress, fresh, partial)
        job, plan = begin(job)
    store.begin(job, JobSummary.of(job), keep_longer=plan is not None)
    gone = _discard(job, store) if fresh else []
    report = _compute(job, store, executor, progress, partial=partial, discarded=gone)
    if plan is None:
        return job, None, report
    while True:
        plan, count, stopped = decide(job, _results(job, store, None), plan)
        if count == len(job.seeds):
            break
        job = extend(job, count)
        store.begin(job, JobSummary.of(job), keep_longer=True)
        more = _compute(job, store, executor, _going_on(progress, report), partial=partial)
        report = RunReport(
            report.manifests + more.manifests, report.reused, report.seconds + more.seconds
        )
    store.begin(job, JobSummary.of(job, stopped))
    return job, stopped, report


def _select(
    job: Job,
    store: Store,
    executor: Executor,
    progress: ProgressCallback | None,
    fresh: bool,
    partial: PartialCallback | None,
) -> tuple[Job, str, RunReport]:
    """Run all sets on some seeds, and those that may be the best on more until one is selected."""
    selecting = Selecting.of(job)
    store.begin(selecting.whole, JobSummary.of(selecting.whole), keep_longer=True)
    gone = _discard(job, store) if fresh else []
    report = _compute(selecting.job, store, executor, progress, partial=partial, discarded=gone)
    while True:
        results = _results(selecting.job, store, None)
        selecting, stopped = selecting.look(results)
        if stopped is not None:
            break
        going_on = _going_on(progress, report)
        more = _compute(selecting.job, store, executor, going_on, partial=partial)
        report = RunReport(
            report.manifests + more.manifests, report.reused, report.seconds + more.seconds
        )
    found = selecting.result
    if store.ledger is not None:
        assert found.seeds_of_set is not None
        ended = found.sets.ids[found.seeds_of_set == len(found.seeds)]
        finish_trials(store.ledger, found.world.id, found.study, ended.tolist())
    store.begin(found, JobSummary.of(found, stopped))
    return found, stopped, report


def _going_on(progress: ProgressCallback | None, before: RunReport) -> ProgressCallback | None:
    """Return a callback that does not take what this run computed before for found finished."""
    if progress is None:
        return None
    computed = sum(manifest.rows for manifest in before.manifests)

    def going_on(now: Progress) -> None:
        progress(replace(now, reused=now.reused - computed, seconds=before.seconds + now.seconds))

    return going_on


def _compute(
    job: Job,
    store: Store,
    executor: Executor,
    progress: ProgressCallback | None,
    block: int | None = None,
    partial: PartialCallback | None = None,
    discarded: Sequence[Manifest] = (),
) -> RunReport:
    """Compute what is missing of a job, or of one block of it."""
    if partial is not None:
        progress = telling_results(progress, partial, lambda: _results(job, store, None))
    plan = make_plan(job, store.manifests(job.world.id, trials=True), block, discarded)
    return run_parts(
        plan,
        store,
        study=job.study,
        failure_allowance=job.settings.failure_allowance,
        executor=executor,
        progress=progress,
    )


def _discard(job: Job, store: Store, block: int | None = None) -> list[Manifest]:
    """Forget every part that serves a job, with all seeds that it may come to; return them."""
    whole = (
        job
        if job.settings.until is None
        else extend(job, max(len(job.seeds), job.settings.until.max_seeds))
    )
    store.forget_unfinished(job.world.id)
    left, parts = store.manifests(job.world.id), dict[str, Manifest]()
    # Several parts may hold a cell: the next would serve it in place of a computation.
    while pieces := make_plan(whole, left, block).pieces:
        parts |= {piece.manifest.part: piece.manifest for piece in pieces}
        left = [manifest for manifest in left if manifest.part not in parts]
    store.discard(parts.values())
    return list(parts.values())


def _results(
    job: Job,
    store: Store,
    stopped: str | None,
    remake: Callable[[], Job] | None = None,
    root: Root | None = None,
    rare: pl.DataFrame | None = None,
) -> Results:
    # Between rounds of `until` nobody asks for the history's error.
    resampled = None if remake is None else ResampledHistory.of(job.world)
    summary = JobSummary.of(job, stopped)
    return open_results(store, summary, job.sets.ids, job.seeds, remake, resampled, root, rare)


def _rare_events(job: Job, root: FileStore | None) -> pl.DataFrame | None:
    """Tell the rare events of a study, and keep them beside what it asks."""
    found = rare_event_table(job)
    if root is not None:
        key = f"results/{job.study}/{job.fingerprint}/rare_events.parquet"
        with clear_errors(path_of(root, key)):
            if found is not None:
                settle(root, key, table_bytes(found))
            elif key in root.list(key):
                remove(root, key)
    return found
