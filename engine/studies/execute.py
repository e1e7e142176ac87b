"""Executing a job: all of it or one seed block, with rounds of seeds where it asks for them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from engine.compiled.version import ENGINE_VERSION
from engine.studies.errors import StudyFailed, failure_text
from engine.studies.frames import SCHEMA_VERSION
from engine.studies.job import BLOCKS, Job, block_parts, job_parts
from engine.studies.load import from_manifests
from engine.studies.market_data import MarketData
from engine.studies.prepared import prepare_job
from engine.studies.progress import Progress, ProgressCallback
from engine.studies.results import Results
from engine.studies.runner import RunReport, run_parts
from engine.studies.store import TABLES, MemoryStore, ParquetStore
from engine.studies.until import decide, extend

if TYPE_CHECKING:
    from engine.studies.study import Study

__all__ = ["execute", "execute_block"]

Store = ParquetStore | MemoryStore


def execute(
    study: Study,
    job: Job,
    *,
    root: Path | None,
    market_data: MarketData | None,
    workers: str | int,
    progress: ProgressCallback | None,
    fresh: bool,
) -> Results:
    """Run a job and return its results; `Study.run` documents the arguments."""
    store: Store = MemoryStore() if root is None else ParquetStore(root)
    job, report, stopped = _run_rounds(job, store, workers, progress, fresh)
    results = _results(job, store, report, stopped, study=study, market_data=market_data)
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
        store.begin(job, summary(job))
        if fresh:
            store.discard_parts(parts)
        report = run_parts(parts, store, workers=workers, progress=progress)
    # One failure weighs much in a small block; the study is judged as a whole.
    check_failures(job, report, of=job.simulations)
    return report, job.fingerprint


def summary(job: Job, stopped: str | None = None) -> dict[str, Any]:
    """Return what readers of the results want to know of a job, as plain JSON."""
    return {
        "schema_version": SCHEMA_VERSION,
        "engine_version": ENGINE_VERSION,
        "study": job.study,
        "fingerprint": job.fingerprint,
        "description": job.definition.get("description", ""),
        "source": job.sources[0].name,
        "strategy": job.strategy.name,
        "parameters": list(job.space.names),
        "metrics": list(prepare_job(job).metric_names),
        "own_metrics": list(job.metrics),
        "parameter_sets": len(job.space),
        "dropped_sets": job.space.dropped,
        "repeated_sets": job.space.repeated,
        "seeds": len(job.seeds),
        "paths_per_seed": job.paths_per_seed,
        "paths_per_unit": _paths_per_unit(job),
        "simulations": job.simulations,
        "rounds": list(job.rounds),
        "steps": job.steps,
        "exchange": job.calendar.exchange,
        "timeframe": job.calendar.timeframe,
        "failure_allowance": job.failure_allowance,
        "equity_samples": job.equity_samples,
        "record_trades": job.record_trades,
        "until": job.until,
        "stopped": stopped,
        "blocks": BLOCKS,
        "file": job.file,
        "definition": job.definition,
    }


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


def _paths_per_unit(job: Job) -> int:
    """Return how many paths in a row are one independent observation."""
    sampling = getattr(job.sources[0], "sampling", "random")
    if job.draw is not None or sampling in ("moment_matching", "sobol"):
        # The paths of a seed share its drawn parameters, or balance one another.
        return job.paths_per_seed
    return 2 if sampling == "antithetic" else 1


def _run_rounds(
    job: Job,
    store: Store,
    workers: str | int,
    progress: ProgressCallback | None,
    fresh: bool,
) -> tuple[Job, RunReport, str | None]:
    if fresh:
        store.discard(job)
    store.begin(job, summary(job), keep_longer=True)
    report = run_parts(job_parts(job), store, workers=workers, progress=progress)
    if job.until is None:
        return job, report, None
    while True:
        count, stopped = decide(job, _results(job, store, report, None))
        if count == len(job.seeds):
            break
        job = extend(job, count)
        store.begin(job, summary(job), keep_longer=True)
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
    store.begin(job, summary(job, stopped))
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
    job: Job, store: Store, report: RunReport, stopped: str | None, **more: Any
) -> Results:
    if isinstance(store, ParquetStore):
        return from_manifests(store.root, report.manifests, summary(job, stopped), **more)
    tables: dict[str, pl.LazyFrame] = {}
    for table in TABLES:
        frame = store.frame(table)
        if frame.width:
            tables[table] = frame.lazy()
    return Results(
        tables["results"],
        summary(job, stopped),
        tables.get("equity"),
        tables.get("trades"),
        **more,
    )
